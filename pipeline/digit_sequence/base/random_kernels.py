"""Compiled loops that make random words, as `randomness` defines them."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from digit_sequence.base.compiled import inner, kernel, reads
from digit_sequence.base.philox import MULTIPLIERS, WEYL

_MULTIPLIER_0, _MULTIPLIER_1 = MULTIPLIERS
_WEYL_0, _WEYL_1 = WEYL


@intrinsic
def _multiply_high(_context: Any, _a: Any, _b: Any) -> Any:
    """Return the upper 64 bits of a product of two 64-bit words."""

    def generate(_context: Any, builder: Any, _signature: Any, words: Any) -> Any:
        wide = ir.IntType(128)
        product = builder.mul(*(builder.zext(word, wide) for word in words))
        return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), generate


@inner
def fill_blocks(key, address, words):
    """Fill `words`, a multiple of 4, with the first words of one identity."""
    for block in range(len(words) // 4):
        # NumPy counts up before it makes a block.
        x0, x1, x2, x3 = np.uint64(block + 1), address[0], address[1], address[2]
        k0, k1 = key[0], key[1]
        for _ in range(10):
            high0, low0 = _multiply_high(_MULTIPLIER_0, x0), _MULTIPLIER_0 * x0
            high1, low1 = _multiply_high(_MULTIPLIER_1, x2), _MULTIPLIER_1 * x2
            x0, x1, x2, x3 = high1 ^ x1 ^ k0, low1, high0 ^ x3 ^ k1, low0
            k0, k1 = k0 + _WEYL_0, k1 + _WEYL_1
        words[4 * block] = x0
        words[4 * block + 1] = x1
        words[4 * block + 2] = x2
        words[4 * block + 3] = x3


@kernel(reads(types.uint64, 1), reads(types.uint64, 2), reads(types.int64, 1), types.uint64[::1])
def fill_words(key, addresses, counts, words):
    """Fill `words` with the first ``counts[i]`` words of each identity, one after another.

    Parameters
    ----------
    key : ndarray of uint64, shape (2,)
    addresses : ndarray of uint64, shape (N, 3)
        Counter words 1 to 3 of each identity.
    counts : ndarray of int64, shape (N,)
        Multiples of 4.
    words : ndarray of uint64, shape (sum of counts,)
    """
    position = 0
    for i in range(len(counts)):
        fill_blocks(key, addresses[i], words[position : position + counts[i]])
        position += counts[i]
