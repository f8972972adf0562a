"""Reading layers from glyphs, and merging them, compiled: the bytes of `layers`.

A glyph is a flat picture here, with a border of zeros of one pixel at the top and left and two at
the other sides: pixel (y, x) is at ``(y + 1) * stride + x + 1``, and `stride` is its width plus 3.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import types
from numpy.typing import NDArray

from digit_sequence.base.compiled import ZERO, kernel, lean, reads
from digit_sequence.base.words_kernels import fetch
from digit_sequence.config.model import Config
from digit_sequence.render.layout import FAR, Layout, has_line_maps, locate_points, shift_matrices
from digit_sequence.render.reading_kernels import (
    GLYPH,
    TARGET,
    make_rooms,
    read_plain,
    read_smoothed,
)
from digit_sequence.render.recipe import Recipes
from digit_sequence.transforms.canvas import Layers, place_layers
from digit_sequence.transforms.canvas_kernels import find_extent
from digit_sequence.transforms.gaussian import tabulate_filters
from digit_sequence.transforms.geometry import begin_points


def read_layers(
    glyphs: NDArray[np.uint8], layout: Layout, recipes: Recipes, config: Config
) -> Layers:
    """Read the layers of a batch; parameters as of `layers.read_layers`."""
    layers = place_layers(layout.places, recipes.samples)
    filters, radii, smooth = tabulate_filters(layout.smoothing)
    smooth[~layout.smoothing.any(axis=1)] = -1
    glyph = (glyphs, recipes.glyph_ids, smooth, filters, radii)
    target = (layers.places, layers.starts, layers.strides, layers.pixels)
    if has_line_maps(config):
        from digit_sequence.render.mapped_kernels import read_mapped

        points = begin_points(config.canvas.height, layout.widths, "numba")
        locate_points(points, recipes, config, "numba")
        cells = layout.cells if layout.is_clipped else layout.cells[:0]
        located = (points.unpack(), points.starts, recipes.samples)
        read_mapped(glyph, layout.matrices, cells, *located, target)
    else:
        _read_affine(*glyph, shift_matrices(layout), *target)
    return layers


def merge_layers(layers: Layers, pages: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Put layers on black pages, the brighter pixel wins; return their boxes (G, 4)."""
    boxes = np.zeros((len(layers), 4), np.int64)
    arrays = (layers.pixels, layers.places, layers.starts, layers.strides, layers.samples)
    _merge(*arrays, pages, boxes)
    return boxes


@lean
def _locate(matrix, glyph, shape, places, down, across, across_x, down_x):
    """Find, for each pixel of a layer, its place in the glyph.

    `places` gets the flat index of the upper left neighbour in the glyph, `down` and `across` the
    distances from it. What lies farther out than the border is moved there, and is 0 there too; so
    are the columns beyond the layer's width. `glyph` is the height and the width of the glyph,
    `shape` those of the layer and its stride; `across_x` and `down_x` are room for a row.
    """
    (rows, columns), (height, width, stride) = glyph, shape
    for x in range(stride):
        across_x[x] = matrix[0, 0] * x if x < width else FAR
        down_x[x] = matrix[1, 0] * x if x < width else FAR
    most_row, most_column = float(rows), float(columns)
    glyph_stride = np.int32(columns + 3)
    left, top = matrix[0, 2], matrix[1, 2]
    for y in range(height):
        across_y, down_y = matrix[0, 1] * y, matrix[1, 1] * y
        first, last = y * stride, (y + 1) * stride
        place, dr, dc = places[first:last], down[first:last], across[first:last]
        for x in range(stride):
            column = min(max(across_x[x] + across_y + left, -1.0), most_column)
            row = min(max(down_x[x] + down_y + top, -1.0), most_row)
            i, j = np.int32(row + 1), np.int32(column + 1)
            dr[x], dc[x] = row - (i - 1), column - (j - 1)
            place[x] = np.uint32(i * glyph_stride + j)


_LINE = 64
"""Bytes that come from memory together."""
_AHEAD = 2
"""Glyphs that are fetched before their turn."""


@lean
def _fetch_glyph(images, glyph):
    """Have the processor bring a glyph near: a large bank is far from it."""
    size = images.shape[1] * images.shape[2]
    for place in range(glyph * size, (glyph + 1) * size, _LINE):
        fetch(images, place)


@lean
def _locate_layer(g, matrices, images, target, rooms, row):
    """Locate the pixels of a layer through its affine map; return where the layer ends."""
    places, starts, strides, _ = target
    shape = places[g, 2], places[g, 3], strides[g]
    size = shape[0] * shape[2]
    located = rooms[1][:size], rooms[2][:size], rooms[3][:size]
    _locate(matrices[g], images.shape[1:], shape, *located, *row)
    return starts[g] + size


@lean
def _read_each(images, ids, smooth, matrices, target, rooms, row):
    """Read the layers of all glyphs that are not smoothed."""
    for g in range(len(ids)):
        _fetch_glyph(images, ids[min(g + _AHEAD, len(ids) - 1)])
        if smooth[g, 0] < 0:
            end = _locate_layer(g, matrices, images, target, rooms, row)
            read_plain(images[ids[g]], rooms, target[3][target[1][g] : end])


@kernel(*GLYPH, reads(types.float64, 3), *TARGET)
def _read_affine(images, ids, smooth, filters, radii, matrices, places, starts, strides, buffer):
    """Read layers through affine maps.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, h, w)
        The glyph bank.
    ids : ndarray of int32, shape (G,)
    smooth : ndarray of int64, shape (G, 2)
        Rows of the filter table for rows and columns; -1: not smoothed.
    filters, radii
        As of `tabulate_filters`.
    matrices : ndarray of float64, shape (G, 2, 3)
    places, starts, strides, buffer
        As of `Layers`.
    """
    rooms = make_rooms(images, places, strides)
    longest = ZERO
    for g in range(len(strides)):
        longest = max(longest, strides[g])
    row, target = (np.empty(longest), np.empty(longest)), (places, starts, strides, buffer)
    _read_each(images, ids, smooth, matrices, target, rooms, row)
    for g in range(len(ids)):
        if smooth[g, 0] >= 0:
            end = _locate_layer(g, matrices, images, target, rooms, row)
            layer = buffer[starts[g] : end]
            read_smoothed(images[ids[g]], smooth[g], filters, radii, rooms, layer)


@kernel(
    reads(types.uint8, 1),
    reads(types.int64, 2),
    reads(types.int64, 1),
    reads(types.int64, 1),
    reads(types.int64, 1),
    types.uint8[:, :, ::1],
    types.int64[:, ::1],
)
def _merge(buffer, places, starts, strides, samples, pages, boxes):
    """Put layers on pages, and set their boxes."""
    height, width = pages.shape[1:]
    target = pages.reshape(-1)
    for g in range(len(samples)):
        top, left, rows, columns = places[g]
        corner = samples[g] * height * width + top * width + left
        for y in range(rows):
            # Without a sign, since indices below 0 are not looked for then.
            here, there = np.uint64(starts[g] + y * strides[g]), np.uint64(corner + y * width)
            for x in range(np.uint64(columns)):
                target[there + x] = max(target[there + x], buffer[here + x])
        extent = find_extent(buffer, starts[g], rows, columns, strides[g])
        if extent[2] > ZERO:
            boxes[g, 0], boxes[g, 1] = top + extent[0], left + extent[1]
            boxes[g, 2], boxes[g, 3] = top + extent[2], left + extent[3]
