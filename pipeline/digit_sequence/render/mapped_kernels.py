"""Reading layers through affine maps of points, compiled: where a config has line maps."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import types

from digit_sequence.base.compiled import kernel, lean, reads
from digit_sequence.render.layout import FAR
from digit_sequence.render.reading_kernels import (
    GLYPH,
    TARGET,
    make_rooms,
    read_plain,
    read_smoothed,
)
from digit_sequence.transforms.geometry_kernels import POINTS


@lean
def _locate_mapped(matrix, bounds, ys, xs, width, glyph, shape, places, down, across):
    """Find places in the glyph as `kernels` does, for pixels at rows `ys` and columns `xs`.

    `ys` and `xs` begin at the layer, and `width` is that of the image; `shape` is the height, the
    width and the stride of the layer. What is not within `bounds` (top, left, bottom, right) is
    cut.
    """
    height, layer_width, stride = shape
    most_row, most_column = float(glyph[0]), float(glyph[1])
    glyph_stride = np.int32(glyph[1] + 3)
    top, left, bottom, right = bounds
    beyond = np.uint32((glyph[0] + 1) * (glyph[1] + 3))
    for y in range(height):
        first, last = y * stride, (y + 1) * stride
        place, dr, dc = places[first:last], down[first:last], across[first:last]
        points_y, points_x = ys[y * width :], xs[y * width :]
        for k in range(layer_width):
            py, px = points_y[k], points_x[k]
            column = matrix[0, 0] * px + matrix[0, 1] * py + matrix[0, 2]
            row = matrix[1, 0] * px + matrix[1, 1] * py + matrix[1, 2]
            is_cut = (px < left) | (px >= right) | (py < top) | (py >= bottom)
            row = FAR if is_cut else row
            column, row = min(max(column, -1.0), most_column), min(max(row, -1.0), most_row)
            i, j = np.int32(row + 1), np.int32(column + 1)
            dr[k], dc[k] = row - (i - 1), column - (j - 1)
            place[k] = np.uint32(i * glyph_stride + j)
        for k in range(layer_width, stride):
            place[k], dr[k], dc[k] = beyond, 0.0, 0.0


@kernel(
    types.Tuple(GLYPH),
    reads(types.float64, 3),
    reads(types.int64, 2),
    types.Tuple(POINTS),
    reads(types.int64, 1),
    reads(types.int64, 1),
    types.Tuple(TARGET),
)
def read_mapped(glyph, matrices, cells, points, begins, samples, target):
    """Read layers through affine maps of points of their images.

    Parameters
    ----------
    glyph, target : tuple
        What comes before and after the matrices of `kernels`'s `_read_affine`.
    matrices : ndarray of float64, shape (G, 2, 3)
    cells : ndarray of int64, shape (G, 2)
        First column and width of the cells, where they cut their ink; of shape (0, 2) elsewhere.
    points : tuple
        As of `Points.unpack`.
    begins : ndarray of int64, shape (B + 1,)
        As of `Points.starts`.
    samples : ndarray of int64, shape (G,)
    """
    images, ids, smooth, filters, radii = glyph
    places, starts, strides, buffer = target
    ys, xs, canvas_height, widths = points
    rooms = make_rooms(images, places, strides)
    rows, columns = images.shape[1:]
    bounds = (-np.inf, -np.inf, np.inf, np.inf)
    for g in range(len(ids)):
        top, left, height, width = places[g]
        image_width = widths[samples[g]]
        if len(cells):
            cell = cells[g, 0] - 0.5
            bounds = (-0.5, cell, canvas_height - 0.5, cell + cells[g, 1])
        first = begins[samples[g]] + top * image_width + left
        size = height * strides[g]
        _locate_mapped(
            *(matrices[g], bounds, ys[first:], xs[first:], image_width),
            *((rows, columns), (height, width, strides[g])),
            *(rooms[1][:size], rooms[2][:size], rooms[3][:size]),
        )
        layer = buffer[starts[g] : starts[g] + size]
        if smooth[g, 0] < 0:
            read_plain(images[ids[g]], rooms, layer)
        else:
            read_smoothed(images[ids[g]], smooth[g], filters, radii, rooms, layer)
