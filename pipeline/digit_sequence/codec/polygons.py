"""Masks as polygons along the edges of their pixels, so that they enclose these and no others.

Corners are (column, row) between pixels: a mask of its first pixel alone is 0,0 1,0 1,1 0,1. Ink
that is joined by sides of pixels is one polygon, which goes clockwise round it. A hole is joined to
what is round it by a cut without width, straight up from its first corner.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.columns import Column

POLYGONS = Column(
    "polygons", "polygons", "the outlines of its ink: column and row of each corner", "digit"
)
Point = tuple[int, int]
_STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))
"""(row, column): right, down, left, up; ink is at the right hand."""


def trace_polygons(mask: NDArray[np.bool_], top: int = 0, left: int = 0) -> list[list[int]]:
    """Return the polygons of a mask, each a flat list of the column and row of its corners.

    Parameters
    ----------
    mask : ndarray of bool, shape (h, w)
    top, left : int
        Where it lies in its image.

    Examples
    --------
    >>> trace_polygons(np.array([[True, True, False]]), top=5)
    [[0, 5, 2, 5, 2, 6, 0, 6]]
    """
    rings, owner = _trace_rings(mask)
    joined: list[list[Point]] = []
    group: list[int] = []
    """By ring, which of `joined` it is a part of."""
    for ring in rings:
        row, column = ring[0]
        if ring[1] == (row, column + 1):  # the first corner of ink goes right, of a hole down
            group.append(len(joined))
            joined.append(ring)
            continue
        above = row - 1
        while (above, column) not in owner:
            above -= 1
        around = group[owner[above, column]]
        group.append(around)
        target = joined[around]
        place = target.index((above, column))
        target[place:place] = [(above, column), *ring, ring[0]]
    return [_flatten(ring, top, left) for ring in joined]


def _trace_rings(mask: NDArray[np.bool_]) -> tuple[list[list[Point]], dict[Point, int]]:
    """Return the rings of edges round ink and holes, by first corner, and of which each corner is.

    Rings go from corner to corner of pixels, straight on too.
    """
    padded = np.pad(mask, 1)
    inner = padded[1:-1, 1:-1]
    sides = (
        inner & ~padded[:-2, 1:-1],
        inner & ~padded[1:-1, 2:],
        inner & ~padded[2:, 1:-1],
        inner & ~padded[1:-1, :-2],
    )
    begins = ((0, 0), (0, 1), (1, 1), (1, 0))
    edges = {
        (row + down, column + right, direction)
        for direction, (side, (down, right)) in enumerate(zip(sides, begins, strict=True))
        for row, column in np.argwhere(side).tolist()
    }
    rings: list[list[Point]] = []
    owner: dict[Point, int] = {}
    for first in sorted(edges):
        if first not in edges:
            continue
        ring = []
        row, column, direction = first
        while (row, column, direction) in edges:
            edges.remove((row, column, direction))
            ring.append((row, column))
            owner.setdefault((row, column), len(rings))
            down, right = _STEPS[direction]
            row, column = row + down, column + right
            # Where ink touches at a corner alone, turning right stays with this ink.
            for turn in (1, 0, 3):
                if (row, column, (direction + turn) % 4) in edges:
                    direction = (direction + turn) % 4
                    break
        rings.append(ring)
    return rings, owner


def _flatten(ring: list[Point], top: int, left: int) -> list[int]:
    """Return column and row of the corners of a ring where it turns."""
    corners = []
    neighbours = zip([ring[-1], *ring[:-1]], ring, [*ring[1:], ring[0]], strict=True)
    for before, (row, column), after in neighbours:
        came = row - before[0], column - before[1]
        goes = after[0] - row, after[1] - column
        if came[0] * goes[1] != came[1] * goes[0] or came[0] * goes[0] + came[1] * goes[1] < 0:
            corners += [column + left, row + top]
    return corners


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
