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
from numba.core import cgutils
from numba.extending import intrinsic

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
TEXT, INTEGER, DECIMAL, INTEGERS, DECIMALS, BOXES = range(6)
"""Kinds of columns of label rows: text as it stands; a number; a number for each digit; a box."""
COLUMN = np.dtype([("kind", np.int64), ("place", np.int64), ("label", np.int64, 2)])
"""A column of label rows: its kind, where it is among those of that kind, and the bounds of the
label that stands before its value."""
UNIT = 10**4
"""Fractions are multiples of 1 / UNIT; none is drawn finer."""
MAX_STROKE = 9
"""Side of the largest square, in pixels."""
_LANES = 8
"""Cells are computed this many columns at a time; what is beyond their width comes out as paper."""
_OPEN, _COMMA, _CLOSE, _END, _MINUS, _POINT, _DIGIT = (np.uint8(ord(c)) for c in "[,]}-.0")
_FAR = 1e9
"""A coordinate far outside of every glyph."""
# As values of a type, so that a function is compiled once for them and for variables.
_ZERO, _ONE = np.int64(0), np.int64(1)
_DARK, _BRIGHT = np.uint8(0), np.uint8(255)
_HALF = np.uint64(32)
# Constants of Philox4x64: Salmon et al. 2011, table 2.
_MULTIPLIER_0 = np.uint64(0xD2E7470EE14C6C93)
_MULTIPLIER_1 = np.uint64(0xCA5A826395121157)
_WEYL_0 = np.uint64(0x9E3779B97F4A7C15)
_WEYL_1 = np.uint64(0xBB67AE8584CAA73B)

# Called from kernels only, so nothing is made for callers in Python.
_inner = njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)


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


@intrinsic
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


@intrinsic
def _copy_bytes(_context: Any, source: Any, target: Any) -> Any:
    """Fill `target`, bytes, from `source`: for few of them this is faster than a loop."""
    assert all(array.dtype == types.uint8 and array.layout == "C" for array in (source, target))

    def generate(context: Any, builder: Any, signature: Any, arrays: Any) -> Any:
        here, there = (
            context.make_array(kind)(context, builder, array)
            for kind, array in zip(signature.args, arrays, strict=True)
        )
        cgutils.raw_memcpy(builder, there.data, here.data, there.nitems, 1)
        return context.get_dummy_value()

    return types.void(source, target), generate


@_inner
def _copy(source, target):
    for i in range(len(target)):
        target[i] = source[i]


@_inner
def _clear(pixels):
    for i in range(len(pixels)):
        pixels[i] = 0


@_inner
def _has_ink(picture, start, step, count):
    """Tell whether any of `count` pixels, `step` apart, is above 0."""
    for k in range(count):  # noqa: SIM110 - compiled
        if picture[start + k * step]:
            return True
    return False


@_inner
def _add_specks(pixels, stride, glyph, positions, count, value):
    """Set the first `count` drawn positions of the ink box to `value`."""
    columns = glyph.right - glyph.left
    area = np.uint64((glyph.bottom - glyph.top) * columns)
    for k in range(count):
        place = np.int64(np.uint64(positions[k]) * area >> _HALF)
        row, column = glyph.top + place // columns, glyph.left + place % columns
        pixels[(1 + row) * stride + 1 + column] = value


@_inner
def _load_glyph(image, glyph, positions, pixels):
    """Copy a glyph with its specks, and set how many of pepper it has got.

    `pixels` is flat, with a border of one pixel at the top and left and two at the other sides.
    """
    rows, columns = image.shape
    stride = columns + 3
    half = len(positions) // 2
    while True:
        for y in range(rows):
            _copy_bytes(image[y], pixels[(y + 1) * stride + 1 :][:columns])
        _add_specks(pixels, stride, glyph, positions, glyph.salt, _BRIGHT)
        if glyph.pepper == 0:
            break
        _add_specks(pixels, stride, glyph, positions[half:], glyph.pepper, _DARK)
        if _has_ink(pixels, _ZERO, _ONE, len(pixels)):
            break
        glyph.pepper = 0  # it has erased the digit: once more without it


@_inner
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


@_inner
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
    _clear(picture)
    _clear(passed)
    for y in range(height):
        _copy(
            pixels[start + y * stride :],
            picture[origin + y * wide + reach :][:width],
        )
    for y in range(height):
        at = origin + y * wide
        _correlate(picture, passed, at, at + wide, wide, row_weights)
    for y in range(height):
        at = origin + y * wide
        _correlate(passed, picture, at, at + wide, _ONE, column_weights)
    return picture[origin:], wide


@_inner
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


@_inner
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


@_inner
def _interpolate_smoothed(smooth, wide, rows, columns, places, down, across, cell):
    """Interpolate a smoothed glyph, a flat picture without border, at located places."""
    stride = columns + 3
    pixels = np.empty((rows + 3) * stride)
    _clear(pixels)
    for y in range(rows):
        _copy(smooth[y * wide :], pixels[(y + 1) * stride + 1 :][:columns])
    for k in range(len(cell)):
        at, dr, dc = places[k], down[k], across[k]
        upper = (1 - dc) * pixels[at] + dc * pixels[at + 1]
        lower = (1 - dc) * pixels[at + stride] + dc * pixels[at + stride + 1]
        cell[k] = np.uint8(np.int32((1 - dr) * upper + dr * lower + 0.5))


@_inner
def _to_pixels(values, pixels):
    """Round half up."""
    for i in range(len(pixels)):
        pixels[i] = np.uint8(np.int32(values[i] + 0.5))


@_inner
def _find_peak(pixels):
    """Return the brightest pixel."""
    peak = np.uint8(0)
    for i in range(len(pixels)):
        peak = max(peak, pixels[i])
    return peak


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
def _slide(source, target, origin, size, step, stroke):
    """Take the extremes of windows of ``abs(stroke)`` pixels, `step` apart, of a flat picture."""
    first = origin - (abs(stroke) - 1) // 2 * step
    result = target[origin : origin + size]
    _copy(source[first:], result)
    for k in range(1, abs(stroke)):
        _extend(result, source[first + k * step :], stroke > 0)


@_inner
def _compose(picture, stride, height, width, target, start, target_stride):
    """Put a flat picture on another one where that begins at `start`; the brighter pixel wins."""
    for y in range(height):
        # Without a sign, since indices below 0 are not looked for then.
        here, there = np.uint64(y * stride), np.uint64(start + y * target_stride)
        for x in range(np.uint64(width)):
            target[there + x] = max(target[there + x], picture[here + x])


@_inner
def _find_extent(picture, height, width, stride, glyph):
    """Set the box of a glyph to the extent of a flat picture's ink; all 0 for none."""
    top, bottom, left, right = 0, height, 0, width
    while top < height and not _has_ink(picture, top * stride, _ONE, width):
        top += 1
    if top == height:
        bottom = right = top = 0
    else:
        while not _has_ink(picture, (bottom - 1) * stride, _ONE, width):
            bottom -= 1
        while not _has_ink(picture, top * stride + left, stride, bottom - top):
            left += 1
        while not _has_ink(picture, top * stride + right - 1, stride, bottom - top):
            right -= 1
    glyph.top, glyph.left, glyph.bottom, glyph.right = top, left, bottom, right


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
                _ZERO,
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
            _clear(cell[origin + size :][:margin])
            _clear(windows[origin + size :][:margin])
            _slide(cell, windows, origin, size, _ONE, stroke)
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
                ink, _ZERO, stride, height, width, reach, filters, radii, glyph.blur, glyph.blur
            )
            ink = np.empty(height * wide, np.uint8)
            _to_pixels(blurred, ink)
            width, stride = width + 2 * reach, wide
        _find_extent(ink, height, width, stride, glyph)
        glyph.left = min(max(glyph.left - reach + glyph.column, 0), canvas_width)
        glyph.right = min(max(glyph.right - reach + glyph.column, 0), canvas_width)


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
    height, width = canvases.shape[1:]
    n_words = 2 * ((height * width + 3) // 4)
    words = np.empty((n_words + 3) // 4 * 4, np.uint64)
    halves = words.view(np.uint16)
    for b in range(len(lines)):
        line, pixels = lines[b], canvases[b].ravel()
        if line.noise_sigma > 0 or line.salt_pepper > 0:
            _fill_blocks(key, addresses[b], words)
            _add_noise(pixels, line, halves, quantiles)
        if line.blur >= 0:
            blurred, wide = _blur(
                pixels, _ZERO, width, height, width, _ZERO, filters, radii, line.blur, line.blur
            )
            for y in range(height):
                _to_pixels(blurred[y * wide :], pixels[y * width :][:width])
        if line.inverted:
            for i in range(len(pixels)):
                pixels[i] = 255 - pixels[i]


# -- tar members ----------------------------------------------------------------------------------


@_inner
def _write(out, at, text):
    """Copy text to a place of `out`; return where it ends."""
    _copy_bytes(text, out[at : at + len(text)])
    return at + len(text)


@_inner
def _write_integer(out, at, value):
    """Write a number; return where it ends."""
    rest, ten = np.uint64(value), np.uint64(10)
    if value < 0:
        out[at] = _MINUS
        at += 1
        rest = np.uint64(-value)
    n_digits, bound = 1, ten
    while n_digits < 20 and rest >= bound:
        n_digits += 1
        bound *= ten
    for place in range(at + n_digits - 1, at - 1, -1):
        out[place] = _DIGIT + rest % ten
        rest //= ten
    return at + n_digits


@_inner
def _write_decimal(out, at, value):
    """Write `value` / UNIT as Python does: 0.0, -1.25; return where it ends."""
    if value < 0:
        out[at] = _MINUS
        at += 1
    rest = abs(value) % UNIT
    at = _write_integer(out, at, abs(value) // UNIT)
    out[at] = _POINT
    while True:
        at += 1
        rest *= 10
        out[at] = _DIGIT + rest // UNIT
        rest %= UNIT
        if rest == 0:
            return at + 1


@_inner
def _write_list(out, at, values, kind):
    """Write the numbers of a sample's digits; return where they end."""
    for i in range(len(values)):
        out[at] = _COMMA if i else _OPEN
        if kind == DECIMALS:
            at = _write_decimal(out, at + 1, values[i])
        else:
            at = _write_integer(out, at + 1, values[i])
    out[at] = _CLOSE
    return at + 1


@_inner
def _write_boxes(out, at, edges, labels, bounds):
    """Write the boxes of a sample; return where they end."""
    for i in range(edges.shape[1]):
        out[at] = _COMMA if i else _OPEN
        at += 1
        for k in range(len(edges)):
            at = _write(out, at, labels[bounds[k] : bounds[k + 1]])
            at = _write_integer(out, at, edges[k, i])
        out[at] = _END
        at += 1
    out[at] = _CLOSE
    return at + 1


@_inner
def _close_member(out, start, end, blank, key, extension):
    """Write the header of a member, and zeros up to the next; return where that begins."""
    block = len(blank)
    header = out[start : start + block]
    _copy_bytes(blank, header)
    _write(header, _write(header, _ZERO, key), extension)
    size = end - start - block
    for place in range(134, 123, -1):
        header[place] = _DIGIT + size % 8
        size //= 8
    total = 0
    for i in range(block):
        total += header[i]
    for place in range(153, 147, -1):
        header[place] = _DIGIT + total % 8
        total //= 8
    header[154] = 0
    stop = start + (end - start + block - 1) // block * block
    _clear(out[end:stop])
    return stop


@_kernel(
    from_dtype(COLUMN)[::1],
    _reads(types.uint8, 1),
    _reads(types.int64, 1),
    _reads(types.uint8, 1),
    _reads(types.int64, 2),
    types.int64[:, ::1],
    _reads(types.int64, 2),
    _reads(types.int64, 1),
    _reads(types.uint8, 1),
    _reads(types.int64, 1),
    _reads(types.uint8, 2),
    _reads(types.uint8, 1),
    types.int64,
    types.uint8[::1],
    returns=types.int64,
)
def write_members(
    columns,
    labels,
    box_bounds,
    text,
    text_bounds,
    numbers,
    lists,
    starts,
    images,
    sizes,
    extensions,
    blank,
    position,
    out,
):
    """Write, for each sample, its image and its label row as members of a tar file.

    Parameters
    ----------
    columns : ndarray of COLUMN, shape (C,)
    labels : ndarray of uint8, shape (L,)
        What stands between the values.
    box_bounds : ndarray of int64, shape (6,)
        Bounds of the labels of digit, top, left, bottom and right.
    text : ndarray of uint8
        All text columns one after another; the first is the key.
    text_bounds : ndarray of int64, shape (T, B + 1)
    numbers : ndarray of int64, shape (N, B)
        Row 0 is the offset of the image, and gets it.
    lists : ndarray of int64, shape (M, G)
    starts : ndarray of int64, shape (B + 1,)
        Which of the G digits are a sample's.
    images : ndarray of uint8
        All encoded images one after another.
    sizes : ndarray of int64, shape (B,)
    extensions : ndarray of uint8, shape (2, E)
        Of the image and of the row.
    blank : ndarray of uint8, shape (512,)
        A header without name and size, blanks for its checksum.
    position : int
        Bytes of the file before these members.
    out : ndarray of uint8
        Gets the members.

    Returns
    -------
    int
        Where in `out` the last one ends.
    """
    at, image_start = _ZERO, _ZERO
    for b in range(len(sizes)):
        key = text[text_bounds[0, b] : text_bounds[0, b + 1]]
        first, last = starts[b], starts[b + 1]
        numbers[0, b] = position + at + len(blank)
        end = _write(out, at + len(blank), images[image_start : image_start + sizes[b]])
        image_start += sizes[b]
        at = _close_member(out, at, end, blank, key, extensions[0])
        end = at + len(blank)
        for c in range(len(columns)):
            kind, place = columns[c].kind, columns[c].place
            end = _write(out, end, labels[columns[c].label[0] : columns[c].label[1]])
            if kind == TEXT:
                end = _write(out, end, text[text_bounds[place, b] : text_bounds[place, b + 1]])
            elif kind == INTEGER:
                end = _write_integer(out, end, numbers[place, b])
            elif kind == DECIMAL:
                end = _write_decimal(out, end, numbers[place, b])
            elif kind == BOXES:
                edges = lists[place : place + 5, first:last]
                end = _write_boxes(out, end, edges, labels, box_bounds)
            else:
                end = _write_list(out, end, lists[place, first:last], kind)
        out[end] = _END
        at = _close_member(out, at, end + 1, blank, key, extensions[1])
    return at
