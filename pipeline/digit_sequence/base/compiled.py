"""What compiled loops are made with. Importing this module needs numba (the extra ``fast``).

A kernel is compiled when its module is imported, or loaded from the disk cache; its types are
declared, so nothing is compiled later. Arithmetic is float64 in the order of the definition,
without fused or reordered operations.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import wraps
from types import CellType, FunctionType
from typing import Any

import numpy as np

try:
    from numba import config, njit, types, void
    from numba.core import cgutils
    from numba.extending import intrinsic
except ImportError:
    raise
except Exception as error:  # what its LLVM raises where it cannot be loaded
    raise ImportError(f"{type(error).__name__}: {error}") from error
if config.DISABLE_JIT:
    raise ImportError("the variable NUMBA_DISABLE_JIT is set")

# As values of a type, so that a function is compiled once for them and for variables.
ZERO, ONE = np.int64(0), np.int64(1)

# Called from kernels only, so nothing is made for callers in Python.
_INNER = {
    "nogil": True,
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
inner = njit(**_INNER)
lean = njit(**_INNER, _nrt=False)
"""As `inner`, of functions that make no array and return none. For them numba does not count who
holds the parts of arrays that they take, which takes as long as a small loop over one."""


def reads(kind: Any, n_axes: int) -> Any:
    """Return the type of an array that is only read: memory maps, too."""
    return types.Array(kind, n_axes, "C", readonly=True)


def kernel(*arguments: Any, returns: Any = void) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function for these argument types, or load it from the disk cache."""

    def compile_kernel(function: Callable[..., Any]) -> Any:
        signature = returns(*arguments)
        options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
        try:
            return njit(signature, cache=True, **options)(_stamp(function))
        except RuntimeError:  # neither this folder nor the user's cache can be written
            pass
        except Exception as error:  # whatever a compiler raises that cannot work here
            raise ImportError(f"{type(error).__name__}: {error}") from error
        try:
            return njit(signature, **options)(function)
        except Exception as error:
            raise ImportError(f"{type(error).__name__}: {error}") from error

    return compile_kernel


def _stamp(function: Any) -> Any:
    """Return a function whose cached code is not taken when a function that it calls has changed.

    numba looks at the file of the function, and at the values that it closes over: so it closes
    over the code of all that it calls.
    """
    called = "".join(_describe_code(function, {}).values())
    digest = hashlib.sha256(called.encode()).hexdigest()
    code = function.__code__.replace(co_freevars=("called",))
    closure = (CellType(digest),)
    return wraps(function)(FunctionType(code, function.__globals__, closure=closure))


def _describe_code(function: Any, found: dict[Any, str]) -> dict[Any, str]:
    """Return the code of a function and of the compiled functions that it calls, in order."""
    code = function.__code__
    found[function] = repr((code.co_code, code.co_consts, code.co_names))
    for name in code.co_names:
        called = function.__globals__.get(name)
        called = getattr(called, "py_func", called)
        if isinstance(called, FunctionType) and called not in found:
            _describe_code(called, found)
    return found


@intrinsic
def copy_bytes(_context: Any, source: Any, target: Any) -> Any:
    """Fill `target`, bytes, from `source`: for few of them this is faster than a loop."""
    assert all(array.dtype == types.uint8 and array.layout == "C" for array in (source, target))

    def generate(context: Any, builder: Any, signature: Any, arrays: Any) -> Any:
        here, there = (
            context.make_array(kind)(context, builder, array)
            for kind, array in zip(signature.args, arrays, strict=True)
        )
        cgutils.raw_memcpy(builder, there.data, here.data, there.nitems, 1)
        return context.get_dummy_value()

    return types.void(source, target), generate


@inner
def copy(source, target):
    """Fill `target` from the beginning of `source`."""
    for i in range(len(target)):
        target[i] = source[i]


@inner
def clear(pixels):
    """Fill with 0."""
    for i in range(len(pixels)):
        pixels[i] = 0
