"""Which code executes the definition: NumPy and scikit-image, or compiled loops.

Both give the same bytes, so an engine is a setting of a run and no part of a config.

=======  =========================================================================
skimage  the definition; always there
numba    compiled loops, several times as fast; needs numba (the extra ``fast``)
=======  =========================================================================
"""

from __future__ import annotations

from importlib import import_module
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
        import_module("digit_sequence.base.random_kernels")
    except ImportError as error:  # not installed, or too old or too new for this NumPy
        if name is None:
            return "skimage"
        raise ConfigError(
            f"--engine: numba cannot be used here: {error}; {how_to_install('fast')}, "
            "or use --engine skimage"
        ) from error
    return "numba"
