"""The pen, compiled: see `pen`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import types

from digit_sequence.base.compiled import kernel, reads


@kernel(
    types.uint8[::1],
    reads(types.int64, 2),
    reads(types.int64, 1),
    reads(types.int64, 1),
    reads(types.float64, 1),
    reads(types.float64, 2),
)
def draw_strokes(pixels, places, starts, strides, distances, nibs):
    """Put ink in place of the levels of distances (256,), by the nib of each digit (G, 4)."""
    table = np.empty(256, np.uint8)
    for g in range(len(starts)):
        radius, edge, rim, scale = nibs[g]
        for level in range(256):
            distance = distances[level] * scale
            ink = min(max(0.5 + (radius - distance) / edge, 0.0), 1.0)
            ink *= 1 - rim * min(max(2 - 3 * distance / radius, 0.0), 1.0)
            table[level] = np.uint8(np.int32(ink * 255 + 0.5))
        layer = pixels[starts[g] : starts[g] + places[g, 2] * strides[g]]
        for k in range(np.uint64(len(layer))):
            layer[k] = table[layer[k]]
