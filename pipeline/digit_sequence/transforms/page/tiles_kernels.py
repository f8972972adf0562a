"""Pages that read tiles, compiled: see `tiles`, `pattern` and `grain`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import types

from digit_sequence.base.compiled import inner, kernel, reads

_MASK = 511


@inner
def _read_row(tile, place, y, found):
    """Read a row of a page."""
    row, column = place[0] + place[2] * y, place[1] - place[3] * y
    down, across = place[3], place[2]
    for x in range(len(found)):
        at = ((row + down * x >> 16) & _MASK) * (_MASK + 1) + ((column + across * x >> 16) & _MASK)
        found[x] = tile[np.uint64(at)]


@inner
def _print(row, found, strength):
    """Lay coverage over a row, by a strength of 1/256."""
    for x in range(len(row)):
        below = np.int32(row[x])
        covered = (np.int32(255) - below) * (found[x] * strength >> 8) + np.int32(127)
        row[x] = below + np.uint32(covered) // np.uint32(255)


@inner
def _add(row, found, gain):
    """Add levels, less 128, to a row, by a gain of 2**-16."""
    for x in range(len(row)):
        added = ((found[x] - np.int32(128)) * gain + np.int32(32768)) >> 16
        row[x] = min(max(np.int32(row[x]) + added, 0), 255)


@kernel(
    types.uint8[:, :, ::1],
    reads(types.uint8, 1),
    reads(types.int64, 2),
    reads(types.int64, 1),
    types.bool_,
)
def lay_tile(pages, tile, maps, weights, is_coverage):
    """Print a tile on pages as coverage, by strengths of 1/256; or add it, by gains of 2**-16."""
    height, width = pages.shape[1:]
    found = np.empty(width, np.int32)
    for b in range(len(weights)):
        if weights[b] > 0:
            weight = np.int32(weights[b])
            for y in range(height):
                _read_row(tile, maps[b], y, found)
                if is_coverage:
                    _print(pages[b, y], found, weight)
                else:
                    _add(pages[b, y], found, weight)
