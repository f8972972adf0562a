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

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import from_dtype, njit, types, void
from numba.extending import intrinsic

GLYPH = np.dtype(
    [
        *((name, np.float64) for name in ("a", "b", "c", "d", "e", "f")),
        *((name, np.int32) for name in ("id", "top", "left", "bottom", "right")),
        *((name, np.int32) for name in ("salt", "pepper", "stroke")),
        *((name, np.int32) for name in ("smooth_rows", "smooth_columns", "blur", "reach")),
        *((name, np.int32) for name in ("sample", "column", "width")),
    ],
    align=True,
)
"""A glyph to draw: the affine map from its cell, x' = a x + b y + c and y' = d x + e y + f; row and
ink box in the bank; specks and stroke, which become what was applied; rows of the filter table
that smooth it and that blur its sample, -1 for none; columns that the blur may reach; and its
place: sample, first column and width of its cell."""
LINE = np.dtype(
    [
        ("noise_sigma", np.float64),
        ("salt_pepper", np.float64),
        ("blur", np.int32),
        ("inverted", np.bool_),
    ],
    align=True,
)
"""What a canvas gets; `blur` is a row of the filter table, -1 for none."""
MAX_STROKE = 9
"""Side of the largest square, in pixels."""
_LANES = 8
"""Cells are computed this many columns at a time; what is beyond their width comes out as paper."""
_FAR = 1e9
"""A coordinate far outside of every glyph."""
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
# Constants of Philox4x64: Salmon et al. 2011, table 2.
_MULTIPLIER_0 = np.uint64(0xD2E7470EE14C6C93)
_MULTIPLIER_1 = np.uint64(0xCA5A826395121157)
_WEYL_0 = np.uint64(0x9E3779B97F4A7C15)
_WEYL_1 = np.uint64(0xBB67AE8584CAA73B)

_inner = njit(nogil=True, error_model="numpy")


def _reads(kind: Any, n_axes: int) -> Any:
    """Return the type of an array that is only read: memory maps, too."""
    return types.Array(kind, n_axes, "C", readonly=True)


def _kernel(*arguments: Any, returns: Any = void) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function for these argument types, or load it from the disk cache."""

    def compile_kernel(function: Callable[..., Any]) -> Any:
        signature = returns(*arguments)
        options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
        try:
            return njit(signature, cache=True, **options)(function)
        except RuntimeError:  # neither this folder nor the user's cache can be written
            return njit(signature, **options)(function)

    return compile_kernel


# -- random words ---------------------------------------------------------------------------------


@intrinsic  # type: ignore[untyped-decorator]
def _multiply_high(_context: Any, _a: Any, _b: Any) -> Any:
    """Return the upper 64 bits of a product of two 64-bit words."""

    def generate(_context: Any, builder: Any, _signature: Any, words: Any) -> Any:
        wide = ir.IntType(128)
        product = builder.mul(*(builder.zext(word, wide) for word in words))
        return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), generate


@_inner
def _fill_blocks(key, address, words):
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


@_kernel(
    _reads(types.uint64, 1), _reads(types.uint64, 2), _reads(types.int64, 1), types.uint64[::1]
)
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
        _fill_blocks(key, addresses[i], words[position : position + counts[i]])
        position += counts[i]


# -- glyphs ---------------------------------------------------------------------------------------


@_inner
def _add_specks(pixels, stride, glyph, positions, first, count, value):
    """Set drawn positions of the ink box to `value`."""
    columns = glyph.right - glyph.left
    area = np.uint64((glyph.bottom - glyph.top) * columns)
    for k in range(first, first + count):
        row, column = divmod(np.int64(np.uint64(positions[k]) * area >> _HALF), columns)
        pixels[(1 + glyph.top + row) * stride + 1 + glyph.left + column] = value


@_inner
def _load_glyph(image, glyph, positions, pixels):
    """Copy a glyph with its specks; return how many of pepper it has got.

    `pixels` is flat, with a border of one pixel at the top and left and two at the other sides.
    """
    rows, columns = image.shape
    stride = columns + 3
    half = len(positions) // 2
    for attempt in range(2):
        for y in range(rows):
            line = pixels[(y + 1) * stride + 1 :]
            for x in range(columns):
                line[x] = image[y, x]
        _add_specks(pixels, stride, glyph, positions, 0, glyph.salt, 255)
        if glyph.pepper == 0 or attempt == 1:
            return 0
        _add_specks(pixels, stride, glyph, positions, half, glyph.pepper, 0)
        if pixels.any():
            return glyph.pepper
        # Pepper has erased the digit: once more without it.


@_inner
def _correlate(source, target, start, stop, step, weights):
    """Filter a range of a flat picture as scipy's correlate1d does for symmetric weights.

    `weights` begins with the middle one; `step` leads from a pixel to the next on its line.
    """
    middle = source[start:stop]
    result = target[start:stop]
    for i in range(len(result)):
        result[i] = middle[i] * weights[0]
    for k in range(len(weights) - 1, 0, -1):
        before = source[start - k * step : stop - k * step]
        after = source[start + k * step : stop + k * step]
        weight = weights[k]
        for i in range(len(result)):
            result[i] += (before[i] + after[i]) * weight


@_inner
def _blur(picture, passed, origin, height, stride, by_row, by_column):
    """Filter a flat picture in place, down its columns, then along its rows.

    `passed` is room for what the first pass gives, as large and with the same margins of 0.
    """
    for y in range(height):
        start = origin + y * stride
        _correlate(picture, passed, start, start + stride, stride, by_row)
    for y in range(height):
        start = origin + y * stride
        _correlate(passed, picture, start, start + stride, 1, by_column)


@_inner
def _locate(glyph, rows, columns, height, stride, places, down, across):
    """Find, for each pixel of a cell, its place in the glyph.

    `places` gets the flat index of the upper left neighbour in a glyph with the border that
    `_load_glyph` makes, `down` and `across` the distances from it. What lies farther out than the
    border is moved there, and is 0 there too; so are the columns beyond the cell's width.
    """
    across_x, down_x = np.empty(stride), np.empty(stride)
    for x in range(stride):
        is_inside = x < glyph.width
        across_x[x] = glyph.a * x if is_inside else _FAR
        down_x[x] = glyph.d * x if is_inside else _FAR
    most_row, most_column = float(rows), float(columns)
    glyph_stride = np.int32(columns + 3)
    for y in range(height):
        across_y, down_y = glyph.b * y, glyph.e * y
        place = places[y * stride : (y + 1) * stride]
        dr, dc = down[y * stride : (y + 1) * stride], across[y * stride : (y + 1) * stride]
        for x in range(stride):
            column = min(max(across_x[x] + across_y + glyph.c, -1.0), most_column)
            row = min(max(down_x[x] + down_y + glyph.f, -1.0), most_row)
            i, j = np.int32(row + 1), np.int32(column + 1)
            dr[x], dc[x] = row - (i - 1), column - (j - 1)
            place[x] = i * glyph_stride + j


@_inner
def _interpolate(pixels, stride, places, down, across, squares, neighbours, cell):
    """Interpolate a glyph of whole grey levels bilinearly at located places.

    The four neighbours of a place are packed into one word of 32 bits, `squares`, so that finding
    them is a single access; `neighbours` is room for those of the cell.
    """
    last = len(pixels) - stride - 1
    right, below, corner = pixels[1:], pixels[stride:], pixels[stride + 1 :]
    for i in range(last):
        squares[i] = (
            np.uint32(pixels[i])
            | np.uint32(right[i]) << np.uint32(8)
            | np.uint32(below[i]) << np.uint32(16)
            | np.uint32(corner[i]) << np.uint32(24)
        )
    for k in range(len(cell)):
        neighbours[k] = squares[np.uint64(np.uint32(places[k]))]
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


@_inner
def _interpolate_smoothed(image_shape, pixels, by_row, by_column, places, down, across, cell):
    """Smooth a glyph, then interpolate it bilinearly at located places."""
    rows, columns = image_shape
    n_rows, n_columns = len(by_row) - 1, len(by_column) - 1
    stride, wide = columns + 3, columns + n_columns
    origin = n_rows * wide + n_columns
    picture = np.zeros(2 * origin + rows * wide)
    for y in range(rows):
        for x in range(columns):
            picture[origin + y * wide + x] = pixels[(y + 1) * stride + x + 1]
    _blur(picture, np.zeros_like(picture), origin, rows, wide, by_row, by_column)
    smooth = np.zeros(len(pixels))
    for y in range(rows):
        for x in range(columns):
            smooth[(y + 1) * stride + x + 1] = picture[origin + y * wide + x]
    for k in range(len(cell)):
        at, dr, dc = places[k], down[k], across[k]
        upper = (1 - dc) * smooth[at] + dc * smooth[at + 1]
        lower = (1 - dc) * smooth[at + stride] + dc * smooth[at + stride + 1]
        cell[k] = np.uint8(np.int32((1 - dr) * upper + dr * lower + 0.5))


@_inner
def _extend(extremes, values, is_dilation):
    """Take the brighter (dilation) or the darker pixels of two pictures, in place in the first."""
    if is_dilation:
        for i in range(len(extremes)):
            extremes[i] = max(extremes[i], values[i])
    else:
        for i in range(len(extremes)):
            extremes[i] = min(extremes[i], values[i])


@_inner
def _slide(source, target, origin, size, step, side):
    """Take the extremes of windows of ``abs(side)`` pixels, `step` apart, of a flat picture."""
    first = origin - (abs(side) - 1) // 2 * step
    result = target[origin : origin + size]
    result[:] = source[first : first + size]
    for k in range(1, abs(side)):
        start = first + k * step
        _extend(result, source[start : start + size], side > 0)


@_inner
def _is_blank(line):
    """Tell whether a row of pixels is all paper."""
    for value in line:  # noqa: SIM110 - compiled
        if value:
            return False
    return True


@_inner
def _find_extent(picture, height, width, stride, glyph):
    """Set the box of a glyph to the extent of a flat picture's ink; all 0 for none."""
    top, bottom = 0, height
    while top < height and _is_blank(picture[top * stride : top * stride + width]):
        top += 1
    if top == height:
        glyph.top, glyph.left, glyph.bottom, glyph.right = 0, 0, 0, 0
        return
    while _is_blank(picture[(bottom - 1) * stride : (bottom - 1) * stride + width]):
        bottom -= 1
    columns = picture[top * stride : top * stride + width].copy()
    for y in range(top + 1, bottom):
        _extend(columns, picture[y * stride : y * stride + width], True)
    left, right = 0, width
    while columns[left] == 0:
        left += 1
    while columns[right - 1] == 0:
        right -= 1
    glyph.top, glyph.left, glyph.bottom, glyph.right = top, left, bottom, right


@_inner
def _find_blurred_extent(cell, height, stride, weights, glyph):
    """Set the box of a glyph to the extent that its ink has after the blur of its canvas."""
    reach, radius = glyph.reach, len(weights) - 1
    wide = glyph.width + 2 * reach
    origin = radius * wide + radius
    picture = np.zeros(2 * origin + height * wide)
    for y in range(height):
        for x in range(glyph.width):
            picture[origin + y * wide + reach + x] = cell[y * stride + x]
    _blur(picture, np.zeros_like(picture), origin, height, wide, weights, weights)
    ink = np.empty(height * wide, np.uint8)
    for i in range(len(ink)):
        ink[i] = np.uint8(np.int32(picture[origin + i] + 0.5))
    _find_extent(ink, height, wide, wide, glyph)
    glyph.left -= reach
    glyph.right -= reach


@_inner
def _place_box(glyph, canvas_width):
    """Move the box of a glyph from its cell to the canvas."""
    glyph.left = min(max(glyph.left + glyph.column, 0), canvas_width)
    glyph.right = min(max(glyph.right + glyph.column, 0), canvas_width)


@_kernel(
    _reads(types.uint8, 3),
    from_dtype(GLYPH)[::1],
    _reads(types.uint32, 2),
    _reads(types.float64, 2),
    _reads(types.int64, 1),
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
    widest = canvas_width + MAX_STROKE + _LANES
    pixels = np.zeros((rows + 3) * (columns + 3), np.uint8)
    squares = np.zeros(len(pixels), np.uint32)
    places, neighbours = np.empty(height * widest, np.int32), np.empty(height * widest, np.uint32)
    down, across = np.empty(height * widest), np.empty(height * widest)
    origin = MAX_STROKE * (widest + 1)
    cells = np.zeros((3, 2 * origin + height * widest), np.uint8)
    cell, windows, changed = cells[0], cells[1], cells[2]
    for g in range(len(glyphs)):
        glyph = glyphs[g]
        width, side = glyph.width, glyph.stroke
        glyph.pepper = _load_glyph(images[glyph.id], glyph, positions[g], pixels)
        stride = (width + max(abs(side) - 1, 0) + _LANES - 1) // _LANES * _LANES
        size = height * stride
        ink = cell[origin : origin + size]
        _locate(glyph, rows, columns, height, stride, places, down, across)
        if glyph.smooth_rows >= 0:
            by_row = filters[glyph.smooth_rows, : radii[glyph.smooth_rows] + 1]
            by_column = filters[glyph.smooth_columns, : radii[glyph.smooth_columns] + 1]
            shape = (rows, columns)
            _interpolate_smoothed(shape, pixels, by_row, by_column, places, down, across, ink)
        else:
            _interpolate(pixels, columns + 3, places, down, across, squares, neighbours, ink)
        if side != 0:
            margin = abs(side) * (stride + 1)
            cell[origin + size : origin + size + margin] = 0
            windows[origin + size : origin + size + margin] = 0
            _slide(cell, windows, origin, size, 1, side)
            _slide(windows, changed, origin, size, stride, side)
            thick = changed[origin : origin + size]
            if side > 0 or thick.max() >= eroded_peak:
                ink = thick
            else:
                glyph.stroke = 0
        if glyph.blur >= 0:
            weights = filters[glyph.blur, : radii[glyph.blur] + 1]
            _find_blurred_extent(ink, height, stride, weights, glyph)
        else:
            _find_extent(ink, height, width, stride, glyph)
        for y in range(height):
            target = canvases[glyph.sample, y, glyph.column : glyph.column + width]
            _extend(target, ink[y * stride : y * stride + width], True)
        _place_box(glyph, canvas_width)


# -- canvases -------------------------------------------------------------------------------------


@_inner
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


@_inner
def _blur_canvas(canvas, weights):
    height, width = canvas.shape
    radius = len(weights) - 1
    stride = width + radius
    origin = radius * (stride + 1)
    picture = np.zeros(2 * origin + height * stride)
    for y in range(height):
        for x in range(width):
            picture[origin + y * stride + x] = canvas[y, x]
    _blur(picture, np.zeros_like(picture), origin, height, stride, weights, weights)
    for y in range(height):
        for x in range(width):
            canvas[y, x] = np.uint8(np.int32(picture[origin + y * stride + x] + 0.5))


@_kernel(
    _reads(from_dtype(LINE), 1),
    _reads(types.uint64, 1),
    _reads(types.uint64, 2),
    _reads(types.float64, 1),
    _reads(types.float64, 2),
    _reads(types.int64, 1),
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
    n_pixels = canvases.shape[1] * canvases.shape[2]
    n_words = 2 * ((n_pixels + 3) // 4)
    words = np.empty((n_words + 3) // 4 * 4, np.uint64)
    halves = words.view(np.uint16)
    for b in range(len(lines)):
        line, pixels = lines[b], canvases[b].ravel()
        if line.noise_sigma > 0 or line.salt_pepper > 0:
            _fill_blocks(key, addresses[b], words)
            _add_noise(pixels, line, halves, quantiles)
        if line.blur >= 0:
            _blur_canvas(canvases[b], filters[line.blur, : radii[line.blur] + 1])
        if line.inverted:
            for i in range(len(pixels)):
                pixels[i] = 255 - pixels[i]
