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
from types import FunctionType
from typing import Literal, get_args

from digit_sequence.base.errors import ConfigError
from digit_sequence.base.installation import how_to_install

Engine = Literal["skimage", "numba"]


def choose_engine(name: str | None = None, is_tried: bool = True) -> Engine:
    """Return the engine of a name, ready for use; without a name numba if it is there.

    The first use of a compiled loop on a machine compiles it, which takes up to seconds. It is
    kept on the disk, so processes that start later find it.

    Parameters
    ----------
    name : str, optional
    is_tried : bool
        Whether to load a compiled loop, which takes a third of a second. A process that leaves
        drawing to others need not.

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
        if is_tried:
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


def list_kernels(kind: type) -> set[str]:
    """Return the modules of compiled loops that the methods of a class import."""
    functions = [it for base in kind.__mro__ for it in vars(base).values()]
    return {
        name
        for function in functions
        if isinstance(function, FunctionType)
        for name in function.__code__.co_names
        if name.endswith("_kernels")
    }


@cache
def _note_once(problem: str) -> None:
    """Say that the slow engine draws although the fast one is installed."""
    warnings.warn(
        f"numba cannot be used here: {problem}; scikit-image draws the same bytes, but slower",
        stacklevel=3,
    )
