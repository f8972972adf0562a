"""Reading one layer from its glyph at located places, compiled.

A glyph is a flat picture here, with a border of zeros of one pixel at the top and left and two at
the other sides: pixel (y, x) is at ``(y + 1) * stride + x + 1``, and `stride` is its width plus 3.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import types

from digit_sequence.base.compiled import copy, copy_bytes, inner, lean, reads
from digit_sequence.transforms.gaussian_kernels import blur_flat

GLYPH = (
    reads(types.uint8, 3),
    reads(types.int32, 1),
    reads(types.int64, 2),
    reads(types.float64, 2),
    reads(types.int64, 1),
)
"""The bank, the glyphs, and their filters, as `kernels` has them."""
TARGET = (reads(types.int64, 2), reads(types.int64, 1), reads(types.int64, 1), types.uint8[::1])
"""The layers, likewise."""


@lean
def _interpolate(pixels, stride, places, down, across, squares, neighbours, layer):
    """Interpolate a glyph of whole grey levels bilinearly at located places.

    The four neighbours of a place are packed into one word of 32 bits, `squares`, so that finding
    them is a single access; `neighbours` is room for those of the layer.
    """
    right, below, corner = pixels[1:], pixels[stride:], pixels[stride + 1 :]
    for i in range(len(corner)):
        squares[i] = (
            np.uint32(pixels[i])
            | np.uint32(right[i]) << np.uint32(8)
            | np.uint32(below[i]) << np.uint32(16)
            | np.uint32(corner[i]) << np.uint32(24)
        )
    for k in range(len(layer)):
        neighbours[k] = squares[np.uint64(places[k])]
    byte = np.uint32(255)
    for k in range(len(layer)):
        four, dr, dc = neighbours[k], down[k], across[k]
        upper_left = np.float64(np.int32(four & byte))
        upper_right = np.float64(np.int32(four >> np.uint32(8) & byte))
        lower_left = np.float64(np.int32(four >> np.uint32(16) & byte))
        lower_right = np.float64(np.int32(four >> np.uint32(24)))
        upper = (1 - dc) * upper_left + dc * upper_right
        lower = (1 - dc) * lower_left + dc * lower_right
        layer[k] = np.uint8(np.int32((1 - dr) * upper + dr * lower + 0.5))


@inner
def _interpolate_smoothed(pixels, rows, columns, weights, places, down, across, layer):
    """Smooth a glyph, and interpolate it bilinearly at located places."""
    stride = columns + 3
    smooth, wide = blur_flat(pixels, stride + 1, stride, rows, columns, weights[0], weights[1])
    picture = np.zeros((rows + 3) * stride)
    for y in range(rows):
        copy(smooth[y * wide :], picture[(y + 1) * stride + 1 :][:columns])
    for k in range(len(layer)):
        at, dr, dc = places[k], down[k], across[k]
        upper = (1 - dc) * picture[at] + dc * picture[at + 1]
        lower = (1 - dc) * picture[at + stride] + dc * picture[at + stride + 1]
        layer[k] = np.uint8(np.int32((1 - dr) * upper + dr * lower + 0.5))


@lean
def _copy_glyph(image, pixels):
    """Put a glyph within its border."""
    rows, columns = image.shape
    stride = columns + 3
    for y in range(rows):
        copy_bytes(image[y], pixels[(y + 1) * stride + 1 :][:columns])


@lean
def read_plain(image, rooms, layer):
    """Read a layer from a glyph at located places; `rooms` holds these, and room for more."""
    pixels, places, down, across, squares, neighbours = rooms
    _copy_glyph(image, pixels)
    size = len(layer)
    _interpolate(
        *(pixels, image.shape[1] + 3, places[:size], down[:size], across[:size]),
        *(squares, neighbours[:size], layer),
    )


@inner
def read_smoothed(image, smooth, filters, radii, rooms, layer):
    """Do the same with a glyph that is smoothed before."""
    pixels, places, down, across, _, _ = rooms
    _copy_glyph(image, pixels)
    size = len(layer)
    weights = (
        filters[smooth[0], : radii[smooth[0]] + 1],
        filters[smooth[1], : radii[smooth[1]] + 1],
    )
    _interpolate_smoothed(
        *(pixels, *image.shape, weights, places[:size], down[:size], across[:size], layer)
    )


@inner
def make_rooms(images, places, strides):
    """Return room for a bordered glyph, and for what is computed for each pixel of a layer."""
    rows, columns = images.shape[1:]
    room = 0
    for g in range(len(strides)):
        room = max(room, places[g, 2] * strides[g])
    pixels = np.zeros((rows + 3) * (columns + 3), np.uint8)
    found, neighbours = np.empty(room, np.uint32), np.empty(room, np.uint32)
    squares = np.empty(len(pixels), np.uint32)
    return pixels, found, np.empty(room), np.empty(room), squares, neighbours
