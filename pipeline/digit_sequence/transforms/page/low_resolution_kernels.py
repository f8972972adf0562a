"""Reduced and enlarged pages, compiled: see `low_resolution`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import types

from digit_sequence.base.compiled import kernel, reads

_LINE = (reads(types.int64, 1), reads(types.int64, 2))


@kernel(types.uint8[:, ::1], *_LINE, *_LINE)
def resample_page(page, rows, row_weights, columns, column_weights):
    """Resample a page down its columns, then along its rows."""
    height, width = page.shape
    passed = np.zeros((height, width), np.int32)
    for y in range(height):
        target = passed[y]
        for k in range(row_weights.shape[1]):
            weight, source = np.int32(row_weights[y, k]), page[rows[y] + k]
            for x in range(width):
                target[x] += source[x] * weight
    for y in range(height):
        source = passed[y]
        for x in range(width):
            level = np.int64(2**23)
            for k in range(column_weights.shape[1]):
                level += source[columns[x] + k] * column_weights[x, k]
            page[y, x] = level >> 24
