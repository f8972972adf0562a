"""Words of 8 bytes, as compiled loops read and write them: at any place of an array of bytes."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

WORD = 8
"""Bytes of a word."""


def _point(context: Any, builder: Any, kind: Any, content: Any, place: Any) -> Any:
    """Return a pointer to the word that begins at a byte."""
    start = context.make_array(kind)(context, builder, content).data
    return builder.bitcast(builder.gep(start, [place]), ir.IntType(64).as_pointer())


@intrinsic
def load_word(_context: Any, content: Any, place: Any) -> Any:
    """Return the 8 bytes at `place`, the first one lowest."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_point(context, builder, signature.args[0], *arguments), align=1)

    return types.uint64(content, place), generate


@intrinsic
def store_word(_context: Any, content: Any, place: Any, word: Any) -> Any:
    """Write 8 bytes to `place`, the lowest one first."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, start, bits = arguments
        builder.store(bits, _point(context, builder, signature.args[0], array, start), align=1)
        return context.get_dummy_value()

    return types.void(content, place, word), generate


@intrinsic
def count_zeros(_context: Any, word: Any) -> Any:
    """Return how many bits of a word are 0 before the first that is not, from the lowest on."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(word), generate


@intrinsic
def turn_bytes(_context: Any, word: Any) -> Any:
    """Return a word whose bytes are in the other order."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bswap(arguments[0])

    return types.uint64(word), generate


@intrinsic
def fetch(_context: Any, content: Any, place: Any) -> Any:
    """Have the processor bring the bytes around `place` near, while it does other things."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        start = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        number, byte = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        where = builder.bitcast(builder.gep(start, [arguments[1]]), byte)
        builder.call(prefetch, [where, *(ir.Constant(number, it) for it in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(content, place), generate
