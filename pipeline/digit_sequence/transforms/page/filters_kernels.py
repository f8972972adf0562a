"""Filters of whole pages, compiled: see `filters`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import types

from digit_sequence.base.compiled import ZERO, kernel, reads


@kernel(types.uint8[:, ::1], reads(types.int64, 2))
def filter_page(page, weights):
    """Correlate a page with weights."""
    height, width = page.shape
    reach = len(weights) // 2
    wide = np.empty((height, width + 2 * reach), np.int32)
    for y in range(height):
        for x in range(width + 2 * reach):
            wide[y, x] = page[y, min(max(x - reach, ZERO), width - 1)]
    levels = np.empty(width, np.int32)
    for y in range(height):
        for x in range(width):
            levels[x] = 32768
        for j in range(len(weights)):
            row = wide[min(max(y + j - reach, ZERO), height - 1)]
            for i in range(len(weights)):
                weight = np.int32(weights[j, i])
                if weight:
                    part = row[i : i + width]
                    for x in range(width):
                        levels[x] += part[x] * weight
        for x in range(width):
            page[y, x] = levels[x] >> 16
