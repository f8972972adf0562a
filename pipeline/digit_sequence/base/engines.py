"""Which code executes the definition: NumPy and scikit-image, or compiled loops.

Both give the same bytes, so an engine is a setting of a run and no part of a config.

=======  =========================================================================
skimage  the definition; always there
numba    compiled loops, several times as fast; needs numba (the extra ``fast``)
=======  =========================================================================
"""

from __future__ import annotations

import warnings
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Literal, get_args

from digit_sequence.base.errors import ConfigError, how_to_install

Engine = Literal["skimage", "numba"]


def choose_engine(name: str | None = None) -> Engine:
    """Return the engine of a name, ready for use; without a name numba if it is there.

    The first use of numba on a machine compiles them, which takes seconds. They are kept on
    the disk, so processes that start later find them.

    Raises
    ------
    ConfigError
        If there is no such engine, or it is not installed.
    """
    if name not in (None, *get_args(Engine)):
        raise ConfigError(f"--engine: expected one of {', '.join(get_args(Engine))}, got {name!r}")
    if name == "skimage":
        return "skimage"
    try:
        import_module("digit_sequence.base.compiled")  # first, for it knows why numba cannot start
        import_module("digit_sequence.base.random_kernels")
    except ImportError as error:  # not installed, or it cannot start or compile here
        if name is None:
            if find_spec("numba") is not None:
                _note_once(str(error))
            return "skimage"
        raise ConfigError(
            f"--engine: numba cannot be used here: {error}; {how_to_install('fast')}, "
            "or use --engine skimage"
        ) from error
    return "numba"


@cache
def _note_once(problem: str) -> None:
    """Say that the slow engine draws although the fast one is installed."""
    warnings.warn(
        f"numba cannot be used here: {problem}; scikit-image draws the same bytes, but slower",
        stacklevel=3,
    )
