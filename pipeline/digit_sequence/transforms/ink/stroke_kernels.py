"""Dilation and erosion by a square, compiled: see `stroke`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import types

from digit_sequence.base.compiled import ONE, clear, copy, copy_bytes, inner, kernel, reads
from digit_sequence.transforms.canvas import LANES


@inner
def _find_peak(pixels):
    """Return the brightest pixel."""
    peak = np.uint8(0)
    for i in range(len(pixels)):
        peak = max(peak, pixels[i])
    return peak


@inner
def _extend(extremes, values, is_dilation):
    """Take the brighter (dilation) or the darker pixels of two pictures, in place in the first."""
    if is_dilation:
        for i in range(len(extremes)):
            extremes[i] = max(extremes[i], values[i])
    else:
        for i in range(len(extremes)):
            extremes[i] = min(extremes[i], values[i])


@inner
def _slide(source, target, origin, size, step, stroke):
    """Take the extremes of windows of ``abs(stroke)`` pixels, `step` apart, of a flat picture."""
    first = origin - (abs(stroke) - 1) // 2 * step
    result = target[origin : origin + size]
    copy(source[first:], result)
    for k in range(1, abs(stroke)):
        _extend(result, source[first + k * step :], stroke > 0)


@kernel(
    types.uint8[::1],
    reads(types.int64, 2),
    reads(types.int64, 1),
    reads(types.int64, 1),
    types.int64,
    types.int64[::1],
)
def change_strokes(pixels, places, starts, strides, eroded_peak, strokes):
    """Dilate or erode layers by squares.

    Parameters
    ----------
    pixels, places, starts, strides
        As of `Layers`.
    eroded_peak : int
        An erosion that leaves no pixel this bright is not applied.
    strokes : ndarray of int64, shape (G,)
        Side of the square: above 0 dilation, below erosion; becomes what was applied.
    """
    room = 0
    for g in range(len(strokes)):
        side = abs(strokes[g])
        stride = places[g, 3] + side + LANES
        room = max(room, (places[g, 2] + 2 * side + 2) * stride)
    picture, windows = np.zeros(room, np.uint8), np.zeros(room, np.uint8)
    changed = np.zeros(room, np.uint8)
    for g in range(len(strokes)):
        stroke = strokes[g]
        if stroke == 0:
            continue
        height, width = places[g, 2], places[g, 3]
        side = abs(stroke)
        # Right of each row, and above and below all, so much paper that no window meets other ink.
        stride = (width + side + LANES - 1) // LANES * LANES
        origin, size = side * (stride + 1), height * stride
        clear(picture[: size + 2 * origin])
        clear(windows[: size + 2 * origin])
        for y in range(height):
            row = starts[g] + y * strides[g]
            copy_bytes(pixels[row : row + width], picture[origin + y * stride :][:width])
        _slide(picture, windows, origin, size, ONE, stroke)
        _slide(windows, changed, origin, size, stride, stroke)
        for y in range(height):  # what a dilation has put right of the layer
            clear(changed[origin + y * stride + width : origin + (y + 1) * stride])
        if stroke < 0 and _find_peak(changed[origin : origin + size]) < eroded_peak:
            strokes[g] = 0
            continue
        for y in range(height):
            row = starts[g] + y * strides[g]
            copy_bytes(changed[origin + y * stride :][:width], pixels[row : row + width])
