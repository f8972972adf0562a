"""Compiled loops that execute what `randomness` and `render` define, byte for byte.

Each function here has a counterpart made of NumPy and scikit-image; the tests compare the two on
random input over all ranges. Arithmetic is float64 in the counterpart's order, without fused or
reordered operations. Importing this module needs numba (the extra ``fast``).
"""

from __future__ import annotations

import numpy as np
from numba import njit

MAX_STROKE = 9
"""Side of the largest square, in pixels."""
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_ONE = np.uint64(1)
# Constants of Philox4x64: Salmon et al. 2011, table 2.
_MULTIPLIER_0 = np.uint64(0xD2E7470EE14C6C93)
_MULTIPLIER_1 = np.uint64(0xCA5A826395121157)
_WEYL_0 = np.uint64(0x9E3779B97F4A7C15)
_WEYL_1 = np.uint64(0xBB67AE8584CAA73B)


@njit(cache=True, nogil=True, inline="always")
def _multiply_high(a, b):
    """Return the upper 64 bits of a product of two 64-bit words."""
    a_low, a_high = a & _LOW, a >> _HALF
    b_low, b_high = b & _LOW, b >> _HALF
    low = a_low * b_low
    middle = a_high * b_low + (low >> _HALF)
    other = a_low * b_high + (middle & _LOW)
    return a_high * b_high + (middle >> _HALF) + (other >> _HALF)


@njit(cache=True, nogil=True)
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
        for block in range(counts[i] // 4):
            # NumPy counts up before it makes a block.
            x0, x1, x2, x3 = np.uint64(block + 1), addresses[i, 0], addresses[i, 1], addresses[i, 2]
            k0, k1 = key[0], key[1]
            for _ in range(10):
                high0, low0 = _multiply_high(_MULTIPLIER_0, x0), _MULTIPLIER_0 * x0
                high1, low1 = _multiply_high(_MULTIPLIER_1, x2), _MULTIPLIER_1 * x2
                x0, x1, x2, x3 = high1 ^ x1 ^ k0, low1, high0 ^ x3 ^ k1, low0
                k0, k1 = k0 + _WEYL_0, k1 + _WEYL_1
            words[position] = x0
            words[position + 1] = x1
            words[position + 2] = x2
            words[position + 3] = x3
            position += 4


@njit(cache=True, nogil=True)
def _warp(source, matrix, cell, width, place, dr, dc):
    """Interpolate `source` into the first `width` columns of `cell`, as skimage's warp does.

    `source` has a border of one zero pixel at the top and left and of two at the bottom and right:
    what lies farther out is moved there, and is 0 there too. `place`, `dr` and `dc` are room for a
    row: the index of the upper left neighbour and the distances from it.
    """
    a, b, c = matrix[0, 0], matrix[0, 1], matrix[0, 2]
    d, e, f = matrix[1, 0], matrix[1, 1], matrix[1, 2]
    stride = np.int32(source.shape[1])
    most_row, most_column = float(source.shape[0] - 3), float(source.shape[1] - 3)
    flat, step = source.ravel(), np.uint64(stride)
    for y in range(cell.shape[0]):
        by, ey = b * y, e * y
        for x in range(width):
            column = min(max(a * x + by + c, -1.0), most_column)
            row = min(max(d * x + ey + f, -1.0), most_row)
            i, j = np.int32(row + 1), np.int32(column + 1)
            dr[x], dc[x] = row - (i - 1), column - (j - 1)
            place[x] = i * stride + j
        for x in range(width):
            at = np.uint64(np.uint32(place[x]))
            upper = (1 - dc[x]) * flat[at] + dc[x] * flat[at + _ONE]
            lower = (1 - dc[x]) * flat[at + step] + dc[x] * flat[at + step + _ONE]
            cell[y, x] = np.uint8(np.int32((1 - dr[x]) * upper + dr[x] * lower + 0.5))


@njit(cache=True, nogil=True)
def _extend(windows, values, width, is_dilation):
    """Take the brighter (dilation) or darker pixels of two rows, in place in the first."""
    if is_dilation:
        for x in range(width):
            windows[x] = max(windows[x], values[x])
    else:
        for x in range(width):
            windows[x] = min(windows[x], values[x])


@njit(cache=True, nogil=True)
def _change_stroke(cell, width, stroke, padded, windows, changed):
    """Dilate (stroke > 0) or erode a cell by a square into `changed`; return its brightest pixel.

    `padded` is room for the cell with paper, 0, around it, MAX_STROKE wide; `windows` for the
    result along the rows.
    """
    height = cell.shape[0]
    side = abs(stroke)
    first = MAX_STROKE - (side - 1) // 2
    padded[:, : width + 2 * MAX_STROKE] = 0
    padded[MAX_STROKE : MAX_STROKE + height, MAX_STROKE : MAX_STROKE + width] = cell[:, :width]
    for y in range(first, first + height + side - 1):
        windows[y, :width] = padded[y, first : first + width]
        for k in range(first + 1, first + side):
            _extend(windows[y], padded[y, k:], width, stroke > 0)
    peak = np.uint8(0)
    for y in range(height):
        changed[y, :width] = windows[first + y, :width]
        for k in range(first + 1, first + side):
            _extend(changed[y], windows[y + k], width, stroke > 0)
        for x in range(width):
            peak = max(peak, changed[y, x])
    return peak


@njit(cache=True, nogil=True)
def _add_specks(glyph, ink, positions, count, value):
    """Set the first `count` drawn positions of the ink box to `value`."""
    top, left, bottom, right = int(ink[0]), int(ink[1]), int(ink[2]), int(ink[3])
    columns = right - left
    area = np.uint64((bottom - top) * columns)
    for k in range(count):
        place = int(positions[k] * area >> _HALF)
        glyph[top + place // columns, left + place % columns] = value


@njit(cache=True, nogil=True)
def draw_cells(
    images,
    glyph_ids,
    inks,
    salt,
    pepper,
    positions,
    smoothed,
    smoothed_rows,
    matrices,
    widths,
    stroke,
    eroded_peak,
    cells,
):
    """Draw each glyph into its cell; `pepper` and `stroke` become what was applied.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, h, w)
        The glyph bank.
    glyph_ids : ndarray of int32, shape (G,)
    inks : ndarray of int16, shape (G, 4)
    salt, pepper : ndarray of int64, shape (G,)
    positions : ndarray of uint64, shape (G, 2 * n)
        Of n specks of salt and n of pepper.
    smoothed : ndarray of float64, shape (S, h, w)
        Glyphs that have had their specks and were smoothed.
    smoothed_rows : ndarray of int64, shape (G,)
        Row of each glyph in `smoothed`, or -1.
    matrices : ndarray of float64, shape (G, 3, 3)
    widths : ndarray of int64, shape (G,)
    stroke : ndarray of int64, shape (G,)
    eroded_peak : int
    cells : ndarray of uint8, shape (G, H, w)
        Zeros; gets the digits.
    """
    rows, columns = images.shape[1:]
    height, widest = cells.shape[1:]
    source = np.zeros((rows + 3, columns + 3))
    glyph = source[1 : rows + 1, 1 : columns + 1]
    place, dr, dc = np.zeros(widest, np.int32), np.zeros(widest), np.zeros(widest)
    changed = np.zeros((height, widest), np.uint8)
    padded = np.zeros((height + 2 * MAX_STROKE, widest + 2 * MAX_STROKE), np.uint8)
    windows = np.zeros_like(padded)
    n_specks = positions.shape[1] // 2
    for g in range(len(glyph_ids)):
        if smoothed_rows[g] >= 0:
            glyph[:] = smoothed[smoothed_rows[g]]
        else:
            glyph[:] = images[glyph_ids[g]]
            _add_specks(glyph, inks[g], positions[g], salt[g], 255)
            if pepper[g] > 0:
                _add_specks(glyph, inks[g], positions[g, n_specks:], pepper[g], 0)
                if not glyph.any():  # pepper has erased the digit: leave it out
                    glyph[:] = images[glyph_ids[g]]
                    _add_specks(glyph, inks[g], positions[g], salt[g], 255)
                    pepper[g] = 0
        width, cell = widths[g], cells[g]
        _warp(source, matrices[g], cell, width, place, dr, dc)
        if stroke[g] != 0:
            peak = _change_stroke(cell, width, stroke[g], padded, windows, changed)
            if stroke[g] > 0 or peak >= eroded_peak:
                cell[:, :width] = changed[:, :width]
            else:
                stroke[g] = 0


@njit(cache=True, nogil=True)
def compose(cells, samples, lefts, widths, canvases, extents):
    """Put cells on black canvases, brighter pixel wins, and find the extent of each cell's ink.

    Parameters
    ----------
    cells : ndarray of uint8, shape (G, H, w)
    samples, lefts, widths : ndarray of int64, shape (G,)
    canvases : ndarray of uint8, shape (B, H, W)
        Black; gets the digits.
    extents : ndarray of int64, shape (G, 4)
        Gets top, left, bottom, right in the cell; all 0 for a cell without ink.
    """
    columns = np.zeros(cells.shape[2], np.uint8)
    for g in range(len(samples)):
        width, top, bottom = widths[g], -1, 0
        columns[:width] = 0
        for y in range(cells.shape[1]):
            row, target = cells[g, y], canvases[samples[g], y, lefts[g] :]
            brightest = np.uint8(0)
            for x in range(width):
                target[x] = max(target[x], row[x])
                columns[x] = max(columns[x], row[x])
                brightest = max(brightest, row[x])
            if brightest > 0:
                bottom = y + 1
                if top < 0:
                    top = y
        if top < 0:
            extents[g] = 0
            continue
        left, right = 0, width
        while columns[left] == 0:
            left += 1
        while columns[right - 1] == 0:
            right -= 1
        extents[g, 0], extents[g, 1], extents[g, 2], extents[g, 3] = top, left, bottom, right
