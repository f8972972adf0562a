"""Texture of ink, compiled: see `ink_texture`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import types

from digit_sequence.base.compiled import kernel, reads

_MASK, _SIZE = 511, 512
_APART = 170


@kernel(
    types.uint8[::1],
    reads(types.int64, 2),
    reads(types.int64, 1),
    reads(types.int64, 1),
    reads(types.int64, 1),
    reads(types.uint8, 1),
    reads(types.int64, 1),
    reads(types.int64, 3),
)
def lighten(pixels, places, starts, strides, samples, tile, texels, tables):
    """Lighten the ink of layers by tables (B, 3, 256) of the levels of a tile."""
    for g in range(len(starts)):
        top, left = places[g, 0], places[g, 1]
        grain, skips, pressure = tables[samples[g]]
        row, column = texels[samples[g]] // _SIZE, texels[samples[g]] % _SIZE
        for y in range(places[g, 2]):
            down = top + y
            fine = ((row + down * 4) & _MASK) * _SIZE
            middle = ((row + _APART + down * 2) & _MASK) * _SIZE
            coarse = ((row + 2 * _APART + down) & _MASK) * _SIZE
            start = starts[g] + y * strides[g]
            for x in range(places[g, 3]):
                ink = np.int64(pixels[start + x])
                if ink:
                    across = left + x
                    kept = grain[tile[fine + ((column + across * 4) & _MASK)]]
                    kept *= skips[tile[middle + ((column + across * 2) & _MASK)]]
                    kept *= pressure[tile[coarse + ((column + across) & _MASK)]]
                    pixels[start + x] = max((ink * (kept >> 16) + 128) >> 8, 1)
