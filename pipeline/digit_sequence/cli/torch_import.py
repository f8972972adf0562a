"""Importing what needs PyTorch, which is an extra."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from digit_sequence.base.errors import ConfigError
from digit_sequence.base.installation import how_to_install


@contextmanager
def importing_torch(purpose: str) -> Iterator[None]:
    """Import modules of `learn` within this.

    PyTorch is to find a setting: idle threads sleep instead of spinning, which is five times as
    fast where cores are shared.

    Raises
    ------
    ConfigError
        If a package is not there: says that `purpose` needs it.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{purpose} needs the package {error.name}: {how_to_install('torch')}"
        ) from error
