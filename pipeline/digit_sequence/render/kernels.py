"""Compiled loops that execute what `randomness`, `render` and `shards` define, byte for byte.

Each function here has a counterpart in Python, NumPy or scikit-image; the tests compare the two on
random input over all ranges. Arithmetic is float64 in the counterpart's order, without fused or
reordered operations. Importing this module needs numba (the extra ``fast``) and compiles what the
disk cache lacks, which takes seconds; types are declared, so that nothing is compiled later.

Pictures are flat buffers here: pixel (y, x) of a picture is at ``origin + y * stride + x``. What
lies around the picture is paper, 0: margins before and behind it, and `stride` minus its width
columns that are right of one row and left of the next. So a whole picture is one long loop, which
the compiler turns into vector instructions.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import from_dtype, types

from digit_sequence.base.compiled import ONE, ZERO, clear, copy, copy_bytes, inner, kernel, reads
from digit_sequence.base.random_kernels import fill_blocks

GLYPH = np.dtype(
    [
        *((name, np.float64) for name in ("a", "b", "c", "d", "e", "f")),
        *((name, np.int64) for name in ("id", "top", "left", "bottom", "right")),
        *((name, np.int64) for name in ("salt", "pepper", "stroke")),
        *((name, np.int64) for name in ("smooth_rows", "smooth_columns", "blur", "reach")),
        *((name, np.int64) for name in ("sample", "column", "width")),
    ]
)
"""A glyph to draw: the affine map from its cell, x' = a x + b y + c and y' = d x + e y + f; row and
ink box in the bank; specks and stroke, which become what was applied; rows of the filter table
that smooth it and that blur its sample, -1 for none; columns that the blur may reach; and its
place: sample, first column and width of its cell."""
LINE = np.dtype(
    [
        ("noise_sigma", np.float64),
        ("salt_pepper", np.float64),
        ("blur", np.int64),
        ("inverted", np.int64),
    ]
)
"""What a canvas gets; `blur` is a row of the filter table, -1 for none."""
MAX_STROKE = 9
"""Side of the largest square, in pixels."""
_LANES = 8
"""Cells are computed this many columns at a time; what is beyond their width comes out as paper."""
_FAR = 1e9
"""A coordinate far outside of every glyph."""
_DARK, _BRIGHT = np.uint8(0), np.uint8(255)
_HALF = np.uint64(32)


@inner
def _has_ink(picture, start, step, count):
    """Tell whether any of `count` pixels, `step` apart, is above 0."""
    for k in range(count):  # noqa: SIM110 - compiled
        if picture[start + k * step]:
            return True
    return False


@inner
def _add_specks(pixels, stride, glyph, positions, count, value):
    """Set the first `count` drawn positions of the ink box to `value`."""
    columns = glyph.right - glyph.left
    area = np.uint64((glyph.bottom - glyph.top) * columns)
    for k in range(count):
        place = np.int64(np.uint64(positions[k]) * area >> _HALF)
        row, column = glyph.top + place // columns, glyph.left + place % columns
        pixels[(1 + row) * stride + 1 + column] = value


@inner
def _load_glyph(image, glyph, positions, pixels):
    """Copy a glyph with its specks, and set how many of pepper it has got.

    `pixels` is flat, with a border of one pixel at the top and left and two at the other sides.
    """
    rows, columns = image.shape
    stride = columns + 3
    half = len(positions) // 2
    while True:
        for y in range(rows):
            copy_bytes(image[y], pixels[(y + 1) * stride + 1 :][:columns])
        _add_specks(pixels, stride, glyph, positions, glyph.salt, _BRIGHT)
        if glyph.pepper == 0:
            break
        _add_specks(pixels, stride, glyph, positions[half:], glyph.pepper, _DARK)
        if _has_ink(pixels, ZERO, ONE, len(pixels)):
            break
        glyph.pepper = 0  # it has erased the digit: once more without it


@inner
def _correlate(source, target, start, stop, step, weights):
    """Filter a range of a flat picture as scipy's correlate1d does for symmetric weights.

    `weights` begins with the middle one; `step` leads from a pixel to the next on its line.
    """
    middle, result = source[start:stop], target[start:stop]
    for i in range(len(result)):
        result[i] = middle[i] * weights[0]
    for k in range(len(weights) - 1, 0, -1):
        before = source[start - k * step : stop - k * step]
        after = source[start + k * step : stop + k * step]
        weight = weights[k]
        for i in range(len(result)):
            result[i] += (before[i] + after[i]) * weight


@inner
def _blur(pixels, start, stride, height, width, reach, filters, radii, by_row, by_column):
    """Filter a flat picture down its columns, then along its rows.

    The picture begins at `start`; `by_row` and `by_column` are rows of the filter table. Returns
    the flat result, with `reach` more columns at both sides, and its stride.
    """
    row_weights = filters[by_row, : radii[by_row] + 1]
    column_weights = filters[by_column, : radii[by_column] + 1]
    wide = width + 2 * reach + radii[by_column]
    origin = radii[by_row] * wide + radii[by_column]
    size = 2 * origin + height * wide
    picture, passed = np.empty(size), np.empty(size)
    clear(picture)
    clear(passed)
    for y in range(height):
        copy(
            pixels[start + y * stride :],
            picture[origin + y * wide + reach :][:width],
        )
    for y in range(height):
        at = origin + y * wide
        _correlate(picture, passed, at, at + wide, wide, row_weights)
    for y in range(height):
        at = origin + y * wide
        _correlate(passed, picture, at, at + wide, ONE, column_weights)
    return picture[origin:], wide


@inner
def _locate(glyph, rows, columns, height, stride, places, down, across):
    """Find, for each pixel of a cell, its place in the glyph.

    `places` gets the flat index of the upper left neighbour in a glyph with the border that
    `_load_glyph` makes, `down` and `across` the distances from it. What lies farther out than the
    border is moved there, and is 0 there too; so are the columns beyond the cell's width.
    """
    across_x, down_x = np.empty(stride), np.empty(stride)
    for x in range(stride):
        across_x[x] = glyph.a * x if x < glyph.width else _FAR
        down_x[x] = glyph.d * x if x < glyph.width else _FAR
    most_row, most_column = float(rows), float(columns)
    glyph_stride = np.int32(columns + 3)
    for y in range(height):
        across_y, down_y = glyph.b * y, glyph.e * y
        first, last = y * stride, (y + 1) * stride
        place, dr, dc = places[first:last], down[first:last], across[first:last]
        for x in range(stride):
            column = min(max(across_x[x] + across_y + glyph.c, -1.0), most_column)
            row = min(max(down_x[x] + down_y + glyph.f, -1.0), most_row)
            i, j = np.int32(row + 1), np.int32(column + 1)
            dr[x], dc[x] = row - (i - 1), column - (j - 1)
            place[x] = np.uint32(i * glyph_stride + j)


@inner
def _interpolate(pixels, stride, places, down, across, squares, neighbours, cell):
    """Interpolate a glyph of whole grey levels bilinearly at located places.

    The four neighbours of a place are packed into one word of 32 bits, `squares`, so that finding
    them is a single access; `neighbours` is room for those of the cell.
    """
    right, below, corner = pixels[1:], pixels[stride:], pixels[stride + 1 :]
    for i in range(len(corner)):
        squares[i] = (
            np.uint32(pixels[i])
            | np.uint32(right[i]) << np.uint32(8)
            | np.uint32(below[i]) << np.uint32(16)
            | np.uint32(corner[i]) << np.uint32(24)
        )
    for k in range(len(cell)):
        neighbours[k] = squares[np.uint64(places[k])]
    byte = np.uint32(255)
    for k in range(len(cell)):
        four, dr, dc = neighbours[k], down[k], across[k]
        upper_left = np.float64(np.int32(four & byte))
        upper_right = np.float64(np.int32(four >> np.uint32(8) & byte))
        lower_left = np.float64(np.int32(four >> np.uint32(16) & byte))
        lower_right = np.float64(np.int32(four >> np.uint32(24)))
        upper = (1 - dc) * upper_left + dc * upper_right
        lower = (1 - dc) * lower_left + dc * lower_right
        cell[k] = np.uint8(np.int32((1 - dr) * upper + dr * lower + 0.5))


@inner
def _interpolate_smoothed(smooth, wide, rows, columns, places, down, across, cell):
    """Interpolate a smoothed glyph, a flat picture without border, at located places."""
    stride = columns + 3
    pixels = np.empty((rows + 3) * stride)
    clear(pixels)
    for y in range(rows):
        copy(smooth[y * wide :], pixels[(y + 1) * stride + 1 :][:columns])
    for k in range(len(cell)):
        at, dr, dc = places[k], down[k], across[k]
        upper = (1 - dc) * pixels[at] + dc * pixels[at + 1]
        lower = (1 - dc) * pixels[at + stride] + dc * pixels[at + stride + 1]
        cell[k] = np.uint8(np.int32((1 - dr) * upper + dr * lower + 0.5))


@inner
def _to_pixels(values, pixels):
    """Round half up."""
    for i in range(len(pixels)):
        pixels[i] = np.uint8(np.int32(values[i] + 0.5))


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


@inner
def _compose(picture, stride, height, width, target, start, target_stride):
    """Put a flat picture on another one where that begins at `start`; the brighter pixel wins."""
    for y in range(height):
        # Without a sign, since indices below 0 are not looked for then.
        here, there = np.uint64(y * stride), np.uint64(start + y * target_stride)
        for x in range(np.uint64(width)):
            target[there + x] = max(target[there + x], picture[here + x])


@inner
def _find_extent(picture, height, width, stride, glyph):
    """Set the box of a glyph to the extent of a flat picture's ink; all 0 for none."""
    top, bottom, left, right = 0, height, 0, width
    while top < height and not _has_ink(picture, top * stride, ONE, width):
        top += 1
    if top == height:
        bottom = right = top = 0
    else:
        while not _has_ink(picture, (bottom - 1) * stride, ONE, width):
            bottom -= 1
        while not _has_ink(picture, top * stride + left, stride, bottom - top):
            left += 1
        while not _has_ink(picture, top * stride + right - 1, stride, bottom - top):
            right -= 1
    glyph.top, glyph.left, glyph.bottom, glyph.right = top, left, bottom, right


@kernel(
    reads(types.uint8, 3),
    from_dtype(GLYPH)[::1],
    reads(types.uint32, 2),
    reads(types.float64, 2),
    reads(types.int64, 1),
    types.int64,
    types.uint8[:, :, ::1],
)
def draw_digits(images, glyphs, positions, filters, radii, eroded_peak, canvases):
    """Draw glyphs on black canvases, brighter pixel wins, and find their boxes.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, h, w)
        The glyph bank.
    glyphs : ndarray of GLYPH, shape (G,)
        The ink box becomes the box on the canvas; pepper and stroke what was applied.
    positions : ndarray of uint32, shape (G, 2 * n)
        Of n specks of salt and n of pepper.
    filters : ndarray of float64, shape (F, R)
        Table of filters: the weights, from the middle one on.
    radii : ndarray of int64, shape (F,)
        How many weights each has beside the middle one.
    eroded_peak : int
        An erosion that leaves no pixel this bright is not applied.
    canvases : ndarray of uint8, shape (B, H, W)
        Black; get the digits.
    """
    rows, columns = images.shape[1:]
    height, canvas_width = canvases.shape[1:]
    lines = canvases.reshape(-1)
    widest = canvas_width + MAX_STROKE + _LANES
    pixels = np.zeros((rows + 3) * (columns + 3), np.uint8)
    origin = MAX_STROKE * (widest + 1)
    room = 2 * origin + height * widest
    cell, windows = np.zeros(room, np.uint8), np.zeros(room, np.uint8)
    changed = np.zeros(room, np.uint8)
    squares = np.empty(len(pixels), np.uint32)
    places, neighbours = np.empty(room, np.uint32), np.empty(room, np.uint32)
    down, across = np.empty(room), np.empty(room)
    for g in range(len(glyphs)):
        glyph = glyphs[g]
        width, stroke = glyph.width, glyph.stroke
        _load_glyph(images[glyph.id], glyph, positions[g], pixels)
        stride = (width + abs(stroke) + _LANES - 1) // _LANES * _LANES
        size = height * stride
        ink = cell[origin : origin + size]
        _locate(glyph, rows, columns, height, stride, places, down, across)
        if glyph.smooth_rows >= 0:
            smooth, wide = _blur(
                pixels,
                columns + 4,
                columns + 3,
                rows,
                columns,
                ZERO,
                filters,
                radii,
                glyph.smooth_rows,
                glyph.smooth_columns,
            )
            _interpolate_smoothed(smooth, wide, rows, columns, places, down, across, ink)
        else:
            _interpolate(pixels, columns + 3, places, down, across, squares, neighbours, ink)
        if stroke != 0:
            margin = abs(stroke) * (stride + 1)
            clear(cell[origin + size :][:margin])
            clear(windows[origin + size :][:margin])
            _slide(cell, windows, origin, size, ONE, stroke)
            _slide(windows, changed, origin, size, stride, stroke)
            thick = changed[origin : origin + size]
            if stroke > 0 or _find_peak(thick) >= eroded_peak:
                ink = thick
            else:
                glyph.stroke = 0
        start = glyph.sample * height * canvas_width + glyph.column
        _compose(ink, stride, height, width, lines, start, canvas_width)
        reach = 0
        if glyph.blur >= 0:  # how far the ink of this digit alone reaches then
            reach = glyph.reach
            blurred, wide = _blur(
                ink, ZERO, stride, height, width, reach, filters, radii, glyph.blur, glyph.blur
            )
            ink = np.empty(height * wide, np.uint8)
            _to_pixels(blurred, ink)
            width, stride = width + 2 * reach, wide
        _find_extent(ink, height, width, stride, glyph)
        glyph.left = min(max(glyph.left - reach + glyph.column, 0), canvas_width)
        glyph.right = min(max(glyph.right - reach + glyph.column, 0), canvas_width)


# -- canvases --------------------------------------------------------------------------------------


@inner
def _add_noise(pixels, line, halves, quantiles):
    """Add Gaussian noise, then salt and pepper, to a flat canvas."""
    if line.noise_sigma > 0:
        for i in range(len(pixels)):
            noisy = pixels[i] + line.noise_sigma * quantiles[halves[i]]
            pixels[i] = np.uint8(np.int32(min(max(noisy, 0.0), 255.0) + 0.5))
    if line.salt_pepper > 0:
        share = line.salt_pepper / 2 * 2**16
        specks = halves[(len(pixels) + 3) // 4 * 4 :]
        for i in range(len(pixels)):
            if specks[i] < share:
                pixels[i] = 0
            if specks[i] >= 2**16 - share:
                pixels[i] = 255


@kernel(
    reads(from_dtype(LINE), 1),
    reads(types.uint64, 1),
    reads(types.uint64, 2),
    reads(types.float64, 1),
    reads(types.float64, 2),
    reads(types.int64, 1),
    types.uint8[:, :, ::1],
)
def finish_canvases(lines, key, addresses, quantiles, filters, radii, canvases):
    """Add noise to canvases, blur them and invert them, as each has drawn.

    Parameters
    ----------
    lines : ndarray of LINE, shape (B,)
    key, addresses
        Of the words for noise, as of `fill_words`.
    quantiles : ndarray of float64, shape (65536,)
        Of the normal distribution.
    filters, radii
        As of `draw_digits`.
    canvases : ndarray of uint8, shape (B, H, W)
        Changed in place.
    """
    height, width = canvases.shape[1:]
    n_words = 2 * ((height * width + 3) // 4)
    words = np.empty((n_words + 3) // 4 * 4, np.uint64)
    halves = words.view(np.uint16)
    for b in range(len(lines)):
        line, pixels = lines[b], canvases[b].ravel()
        if line.noise_sigma > 0 or line.salt_pepper > 0:
            fill_blocks(key, addresses[b], words)
            _add_noise(pixels, line, halves, quantiles)
        if line.blur >= 0:
            blurred, wide = _blur(
                pixels, ZERO, width, height, width, ZERO, filters, radii, line.blur, line.blur
            )
            for y in range(height):
                _to_pixels(blurred[y * wide :], pixels[y * width :][:width])
        if line.inverted:
            for i in range(len(pixels)):
                pixels[i] = 255 - pixels[i]
