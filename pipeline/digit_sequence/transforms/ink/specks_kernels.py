"""Specks, compiled: see `specks`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from digit_sequence.base.compiled import ONE, kernel, reads
from digit_sequence.transforms.canvas import Layers
from digit_sequence.transforms.canvas_kernels import find_extent, has_ink

_DARK, _BRIGHT = np.uint8(0), np.uint8(255)
_HALF = np.uint64(32)


def set_specks(
    layers: Layers, counts: NDArray[Any], places: NDArray[np.uint32], *, bright: bool
) -> NDArray[np.int64]:
    """Set the first `counts` places of each layer's ink box; return how many each has got."""
    applied = np.array(counts, np.int64)
    arrays = (layers.pixels, layers.places, layers.starts, layers.strides)
    _set_specks(*arrays, places, bright, applied)
    return applied


@kernel(
    types.uint8[::1],
    reads(types.int64, 2),
    reads(types.int64, 1),
    reads(types.int64, 1),
    reads(types.uint32, 2),
    types.boolean,
    types.int64[::1],
)
def _set_specks(pixels, places, starts, strides, positions, bright, counts):
    before = np.empty(positions.shape[1], np.uint8)
    at = np.empty(positions.shape[1], np.int64)
    value = _BRIGHT if bright else _DARK
    for g in range(len(counts)):
        if counts[g] == 0:
            continue
        start, stride = starts[g], strides[g]
        height, width = places[g, 2], places[g, 3]
        top, left, bottom, right = find_extent(pixels, start, height, width, stride)
        columns = np.uint64(right - left)
        if columns == 0:
            continue
        area, corner = np.uint64(bottom - top) * columns, start + top * stride + left
        for k in range(counts[g]):
            place = np.uint64(positions[g, k]) * area >> _HALF
            row = place // columns  # one division alone, which takes long
            at[k] = corner + np.int64(row) * stride + np.int64(place - row * columns)
            before[k] = pixels[at[k]]
            pixels[at[k]] = value
        if not bright and not has_ink(pixels, start, ONE, height * stride):
            for k in range(counts[g] - 1, -1, -1):  # the digit would be erased
                pixels[at[k]] = before[k]
            counts[g] = 0
