"""Elastic distortion, compiled: see `elastic`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import types

from digit_sequence.base.compiled import inner, kernel, reads
from digit_sequence.base.philox import WEYL
from digit_sequence.transforms.geometry_kernels import POINTS

_WEYL_0, _WEYL_1 = WEYL
_VALUES = reads(types.float64, 1)


@inner
def _draw_knots(seed, n_columns, knots):
    """Draw a value for each knot of a lattice."""
    for k in range(len(knots)):
        word = seed
        for place in (k // n_columns, k % n_columns):
            word = (word << np.uint64(16)) + np.uint64(place)
            word = word * _WEYL_0 + _WEYL_1
            word = (word ^ word >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
            word = (word ^ word >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
            word = word ^ word >> np.uint64(31)
        knots[k] = np.float64(word >> np.uint64(11)) * 2.0**-52 - 1


@inner
def _hold(place, size, steepness):
    """Return by what a shift is multiplied."""
    inside = min(place + 0.5, size - 0.5 - place)
    return min(max(inside * steepness, 0.0), 1.0)


@inner
def _mix(knots, at, n_columns, down, across):
    """Return the value between four knots."""
    below = at + np.uint32(n_columns)
    one = np.uint32(1)
    upper = knots[at] + (knots[at + one] - knots[at]) * across
    lower = knots[below] + (knots[below + one] - knots[below]) * across
    return upper + (lower - upper) * down


@inner
def _stretch(ys, xs, size, factor, most, knots, n_columns, rooms):
    """Move some points of an image of a size; `rooms` is for what is computed on the way."""
    places, downs, acrosses = rooms
    steepness = 1 / (3 * most + 0.001)
    for k in range(len(ys)):
        y = min(max(ys[k], 0.0), size[0]) * factor
        x = min(max(xs[k], 0.0), size[1]) * factor
        i, j = np.int32(y), np.int32(x)
        down, across = y - i, x - j
        downs[k] = down * down * (3 - 2 * down)
        acrosses[k] = across * across * (3 - 2 * across)
        places[k] = np.uint32(i * np.int32(n_columns) + j)
    for k in range(len(ys)):
        moved = _mix(knots[0], places[k], n_columns, downs[k], acrosses[k])
        ys[k] += most * moved * _hold(ys[k], size[0], steepness)
    for k in range(len(ys)):
        moved = _mix(knots[1], places[k], n_columns, downs[k], acrosses[k])
        xs[k] += most * moved * _hold(xs[k], size[1], steepness)


@kernel(*POINTS, _VALUES, _VALUES, reads(types.int64, 1))
def stretch_points(rows, columns, height, widths, shifts, spacings, seeds):
    """Move points of images (height, width) by elastic fields."""
    room = widths.max()
    rooms = (np.empty(room, np.uint32), np.empty(room), np.empty(room))
    start = 0
    for b in range(len(widths)):
        stop = start + height * widths[b]
        if shifts[b] > 0:
            factor, most = 1 / (spacings[b] * height), shifts[b] * height
            size = (float(height), float(widths[b]))
            n_columns = np.int64(size[1] * factor) + 2
            knots = np.empty((2, (np.int64(size[0] * factor) + 2) * n_columns))
            for axis in range(2):
                _draw_knots(np.uint64(seeds[b] * 2 + axis), n_columns, knots[axis])
            for first in range(start, stop, widths[b]):
                ys, xs = rows[first:][: widths[b]], columns[first:][: widths[b]]
                _stretch(ys, xs, size, factor, most, knots, n_columns, rooms)
        start = stop
