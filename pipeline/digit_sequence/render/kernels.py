"""Reading layers from glyphs, and merging them, compiled: the bytes of `layers`.

A glyph is a flat picture here, with a border of zeros of one pixel at the top and left and two at
the other sides: pixel (y, x) is at ``(y + 1) * stride + x + 1``, and `stride` is its width plus 3.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import types
from numpy.typing import NDArray

from digit_sequence.base.compiled import ZERO, copy, copy_bytes, inner, kernel, lean, reads
from digit_sequence.base.words_kernels import fetch
from digit_sequence.config.model import Config
from digit_sequence.render.layout import FAR, Layout, has_line_maps, locate_points, shift_matrices
from digit_sequence.render.recipe import Recipes
from digit_sequence.transforms.canvas import Layers, place_layers
from digit_sequence.transforms.canvas_kernels import find_extent
from digit_sequence.transforms.gaussian import tabulate_filters
from digit_sequence.transforms.gaussian_kernels import blur_flat
from digit_sequence.transforms.geometry import begin_points
from digit_sequence.transforms.geometry_kernels import POINTS


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
        points = begin_points(config.canvas.height, layout.widths, "numba")
        locate_points(points, recipes, config, "numba")
        cells = layout.cells if layout.is_clipped else layout.cells[:0]
        located = (points.unpack(), points.starts, recipes.samples)
        _read_mapped(glyph, layout.matrices, cells, *located, target)
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


@lean
def _locate_mapped(matrix, bounds, ys, xs, width, glyph, shape, places, down, across):
    """Do the same where the pixels of the image lie at rows `ys` and columns `xs`.

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
def _read_plain(image, rooms, layer):
    """Read a layer from a glyph at located places; `rooms` holds these, and room for more."""
    pixels, places, down, across, squares, neighbours = rooms
    _copy_glyph(image, pixels)
    size = len(layer)
    _interpolate(
        *(pixels, image.shape[1] + 3, places[:size], down[:size], across[:size]),
        *(squares, neighbours[:size], layer),
    )


@inner
def _read_smoothed(image, smooth, filters, radii, rooms, layer):
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
def _make_rooms(images, places, strides):
    """Return room for a bordered glyph, and for what is computed for each pixel of a layer."""
    rows, columns = images.shape[1:]
    room = 0
    for g in range(len(strides)):
        room = max(room, places[g, 2] * strides[g])
    pixels = np.zeros((rows + 3) * (columns + 3), np.uint8)
    found, neighbours = np.empty(room, np.uint32), np.empty(room, np.uint32)
    squares = np.empty(len(pixels), np.uint32)
    return pixels, found, np.empty(room), np.empty(room), squares, neighbours


_LINE = 64
"""Bytes that come from memory together."""
_AHEAD = 2
"""Glyphs that are fetched before their turn."""
_GLYPH = (
    reads(types.uint8, 3),
    reads(types.int32, 1),
    reads(types.int64, 2),
    reads(types.float64, 2),
    reads(types.int64, 1),
)
_TARGET = (reads(types.int64, 2), reads(types.int64, 1), reads(types.int64, 1), types.uint8[::1])


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
            _read_plain(images[ids[g]], rooms, target[3][target[1][g] : end])


@kernel(*_GLYPH, reads(types.float64, 3), *_TARGET)
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
    rooms = _make_rooms(images, places, strides)
    longest = strides.max() if len(strides) else 0
    row, target = (np.empty(longest), np.empty(longest)), (places, starts, strides, buffer)
    _read_each(images, ids, smooth, matrices, target, rooms, row)
    for g in range(len(ids)):
        if smooth[g, 0] >= 0:
            end = _locate_layer(g, matrices, images, target, rooms, row)
            layer = buffer[starts[g] : end]
            _read_smoothed(images[ids[g]], smooth[g], filters, radii, rooms, layer)


@kernel(
    types.Tuple(_GLYPH),
    reads(types.float64, 3),
    reads(types.int64, 2),
    types.Tuple(POINTS),
    reads(types.int64, 1),
    reads(types.int64, 1),
    types.Tuple(_TARGET),
)
def _read_mapped(glyph, matrices, cells, points, begins, samples, target):
    """Read layers through affine maps of points of their images.

    Parameters
    ----------
    glyph, target : tuple
        What comes before and after the matrices of `_read_affine`.
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
    rooms = _make_rooms(images, places, strides)
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
            _read_plain(images[ids[g]], rooms, layer)
        else:
            _read_smoothed(images[ids[g]], smooth[g], filters, radii, rooms, layer)


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
