"""Points of images, compiled: see `geometry`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

from numba import types

from digit_sequence.base.compiled import kernel, reads

POINTS = (types.float64[::1], types.float64[::1], types.int64, reads(types.int64, 1))
"""What `Points.unpack` returns."""


@kernel(*POINTS)
def fill_points(rows, columns, height, widths):
    """Set points to where the pixels of images are."""
    start = 0
    for b in range(len(widths)):
        for y in range(height):
            stop = start + widths[b]
            row, column = rows[start:stop], columns[start:stop]
            for x in range(widths[b]):
                row[x], column[x] = y, x
            start = stop
