"""Masks as polygons along the edges of their pixels, so that they enclose these and no others.

Corners are (column, row) between pixels: a mask of its first pixel alone is 0,0 1,0 1,1 0,1. Ink
that is joined by sides of pixels is one polygon, which goes clockwise round it. A hole is joined to
what is round it by a cut without width, straight up from its first corner.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_AT_ONCE = 1 << 19
"""Pixels of masks whose corners are found together."""
Point = tuple[int, int]
"""Column and row."""


def trace_polygons(masks: NDArray[np.bool_], corners: NDArray[np.int64]) -> list[list[list[int]]]:
    """Return the polygons of each mask, each a flat list of the column and row of its corners.

    Parameters
    ----------
    masks : ndarray of bool, shape (G, h, w)
    corners : ndarray of int64, shape (G, 2)
        Row and column of the image where each begins.

    Examples
    --------
    >>> trace_polygons(np.array([[[True, True, False]]]), np.array([[5, 0]]))
    [[[0, 5, 2, 5, 2, 6, 0, 6]]]
    """
    step = max(1, _AT_ONCE // max(masks[:1].size, 1))
    found: list[list[list[int]]] = []
    for start in range(0, len(masks), step):
        found += _trace(masks[start : start + step])
    for polygons, (top, left) in zip(found, corners.tolist(), strict=True):
        for polygon in polygons:
            polygon[::2] = [column + left for column in polygon[::2]]
            polygon[1::2] = [row + top for row in polygon[1::2]]
    return found


def _trace(masks: NDArray[np.bool_]) -> list[list[list[int]]]:
    """Trace some masks at a time.

    The corners in a row of points between pixels are the ends of its edges, two by two, and so are
    those in a column. So from each corner an edge goes along the row and another along the column.
    Where ink touches at a point alone, that is a corner of both.
    """
    padded = np.pad(masks, ((0, 0), (1, 1), (1, 1))).view(np.uint8)
    above, below = padded[:, :-1], padded[:, 1:]
    sides = (above[..., :-1], above[..., 1:], below[..., :-1], below[..., 1:])
    n_ink = np.add.reduce(sides)
    is_twice = (n_ink == 2) & (sides[0] == sides[3])
    owners, rows, columns = np.nonzero((n_ink & 1).astype(np.bool_) | is_twice)
    times = 1 + is_twice[owners, rows, columns]
    owners, rows, columns = (np.repeat(it, times) for it in (owners, rows, columns))
    is_second = np.append(False, (np.diff(owners) == 0) & (np.diff(rows) == 0))
    is_second[1:] &= columns[1:] == columns[:-1]
    # The first of two is the one at the left: the lower one, unless there is ink above it.
    is_lower = is_second == (sides[0][owners, rows, columns] == 1)
    order = np.lexsort((is_lower, rows, columns, owners))
    partners = np.empty_like(order)
    partners[order[::2]], partners[order[1::2]] = order[1::2], order[::2]
    is_outer = sides[3][owners, rows, columns].tolist()
    points = list(zip(columns.tolist(), rows.tolist(), strict=True))
    polygons: list[list[list[Point]]] = [[] for _ in masks]
    down, is_new = partners.tolist(), [True] * len(order)
    for first, owner in enumerate(owners.tolist()):
        if not is_new[first]:
            continue
        ring, corner = [], first
        while is_new[corner]:  # clockwise round ink: along the row first, round a hole down first
            end = corner ^ 1 if is_outer[first] else down[corner]
            ring += [points[corner], points[end]]
            is_new[corner] = is_new[end] = False
            corner = down[end] if is_outer[first] else end ^ 1
        if is_outer[first]:
            polygons[owner].append(ring)
        else:
            _cut(polygons[owner], ring, n_ink[owner])
    return [
        [[number for point in ring for number in point] for ring in rings] for rings in polygons
    ]


def _cut(polygons: list[list[Point]], hole: list[Point], n_ink: NDArray[np.uint8]) -> None:
    """Join a hole to the polygon that is above its first corner."""
    column, row = hole[0]
    row -= 1
    while n_ink[row, column] == 4:
        row -= 1
    for polygon in polygons:
        for place, (begin, end) in enumerate(pairwise([*polygon, polygon[0]])):
            if begin[1] == row == end[1] and min(begin[0], end[0]) <= column <= max(
                begin[0], end[0]
            ):
                cut = [(column, row), *hole[1:], hole[0], (column, row)]
                joined = [*polygon[: place + 1], *cut, *polygon[place + 1 :]]
                polygon[:] = _drop_straight(joined)
                return


def _drop_straight(ring: list[Point]) -> list[Point]:
    """Leave out the points of a ring where it does not turn, or does not move."""
    kept: list[Point] = []
    moved = [point for before, point in pairwise([ring[-1], *ring]) if point != before]
    for before, point, after in zip(
        [moved[-1], *moved], moved, [*moved[1:], moved[0]], strict=False
    ):
        came = point[0] - before[0], point[1] - before[1]
        goes = after[0] - point[0], after[1] - point[1]
        if came[0] * goes[1] != came[1] * goes[0] or came[0] * goes[0] + came[1] * goes[1] < 0:
            kept.append(point)
    return kept


def find_area(polygons: Sequence[Sequence[int]]) -> int:
    """Return how many pixels polygons enclose.

    >>> find_area([[0, 0, 3, 0, 3, 2, 0, 2], [5, 5, 6, 5, 6, 6, 5, 6]])
    7
    """
    twice = 0
    for polygon in polygons:
        columns, rows = polygon[::2], polygon[1::2]
        after = zip([*columns[1:], columns[0]], [*rows[1:], rows[0]], strict=True)
        for column, row, (next_column, next_row) in zip(columns, rows, after, strict=True):
            twice += column * next_row - next_column * row
    return twice // 2


def join_polygons(polygons: Sequence[Sequence[int]]) -> list[int]:
    """Return polygons as one, joined at their first corners by cuts without width.

    >>> join_polygons([[0, 0, 1, 0, 1, 1], [5, 5, 6, 5, 6, 6]])
    [0, 0, 5, 5, 6, 5, 6, 6, 5, 5, 0, 0, 1, 0, 1, 1]
    """
    first, *others = polygons
    cuts = [number for other in others for number in (*other, *other[:2], *first[:2])]
    return [*first[:2], *cuts, *first[2:]]
