"""Reduced and enlarged pages, compiled: see `low_resolution`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import types

from digit_sequence.base.compiled import kernel, reads

_LINE = (reads(types.int64, 2), reads(types.int64, 2))


@kernel(types.uint8[:, ::1], *_LINE, *_LINE)
def resample_page(page, rows, row_ends, columns, column_ends):
    """Resample a page down its columns, then along its rows."""
    height, width = page.shape
    passed = np.zeros((height, width), np.int32)
    for y in range(height):
        target = passed[y]
        for j in range(row_ends[y, 0], row_ends[y, 1]):
            weight, source = np.int32(rows[y, j]), page[j]
            for x in range(width):
                target[x] += source[x] * weight
    for y in range(height):
        source = passed[y]
        for x in range(width):
            level = np.int64(2**23)
            for i in range(column_ends[x, 0], column_ends[x, 1]):
                level += source[i] * columns[x, i]
            page[y, x] = level >> 24
