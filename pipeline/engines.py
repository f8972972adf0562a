"""Which code executes the definition: NumPy and scikit-image, or compiled loops.

Both give the same bytes, so an engine is a setting of a run and no part of a config.

=======  =========================================================================
skimage  the definition; always there
numba    `kernels`, several times as fast; needs numba (the extra ``fast``)
=======  =========================================================================
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal, get_args

from pipeline.errors import ConfigError

Engine = Literal["skimage", "numba"]


def choose_engine(name: str | None = None) -> Engine:
    """Return the engine of a name; without one numba if it is installed.

    Raises
    ------
    ConfigError
        If there is no such engine, or it is not installed.
    """
    if name is None:
        return "numba" if find_spec("numba") else "skimage"
    if name == "skimage":
        return "skimage"
    if name != "numba":
        raise ConfigError(f"--engine: expected one of {', '.join(get_args(Engine))}, got {name!r}")
    if not find_spec("numba"):
        raise ConfigError(
            "--engine: expected numba to be installed, got none: pip install "
            "'digit-sequence[fast]', or use --engine skimage"
        )
    return "numba"
