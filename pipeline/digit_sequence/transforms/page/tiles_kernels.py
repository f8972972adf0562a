"""Pages that read tiles, compiled: see `tiles`, `pattern` and `grain`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import types

from digit_sequence.base.compiled import inner, kernel, reads

_MASK = 511
_MAPS = (reads(types.int64, 2), reads(types.int64, 1))


@inner
def _read_row(tile, place, y, found):
    """Read a row of a page."""
    row, column = place[0] + place[2] * y, place[1] - place[3] * y
    down, across = place[3], place[2]
    for x in range(len(found)):
        at = ((row + down * x >> 16) & _MASK) * (_MASK + 1) + ((column + across * x >> 16) & _MASK)
        found[x] = tile[np.uint64(at)]


@kernel(types.uint8[:, :, ::1], reads(types.uint8, 1), *_MAPS)
def print_tile(pages, tile, maps, strengths):
    """Lay a tile's coverage over pages, by strengths of 1/256."""
    height, width = pages.shape[1:]
    found = np.empty(width, np.int32)
    for b in range(len(strengths)):
        if strengths[b] > 0:
            strength = np.int32(strengths[b])
            for y in range(height):
                _read_row(tile, maps[b], y, found)
                row = pages[b, y]
                for x in range(width):
                    below = np.int32(row[x])
                    covered = (np.int32(255) - below) * (found[x] * strength >> 8) + np.int32(127)
                    row[x] = below + np.uint32(covered) // np.uint32(255)


@kernel(types.uint8[:, :, ::1], reads(types.uint8, 1), *_MAPS)
def add_tile(pages, tile, maps, gains):
    """Add a tile's levels, less 128, by gains of 2**-16."""
    height, width = pages.shape[1:]
    found = np.empty(width, np.int32)
    for b in range(len(gains)):
        if gains[b] > 0:
            gain = np.int32(gains[b])
            for y in range(height):
                _read_row(tile, maps[b], y, found)
                row = pages[b, y]
                for x in range(width):
                    added = ((found[x] - np.int32(128)) * gain + np.int32(32768)) >> 16
                    row[x] = min(max(np.int32(row[x]) + added, 0), 255)
