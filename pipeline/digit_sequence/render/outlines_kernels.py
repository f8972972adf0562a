"""Outlines of the ink of digits, compiled: the values of `outlines`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import types

from digit_sequence.base.compiled import kernel, reads


@kernel(
    reads(types.uint8, 3),
    reads(types.int32, 1),
    reads(types.float64, 2),
    reads(types.float64, 2),
    reads(types.float64, 1),
    types.int64,
    types.float64[:, ::1],
    types.float64[:, ::1],
)
def trace(images, ids, matrices, centres, rows, faint, first, last):
    """Trace glyphs; parameters as of `outlines.trace_outlines`."""
    height, width = images.shape[1:]
    last_row = float(first.shape[1] - 1)
    for g in range(len(ids)):
        image = images[ids[g]]
        brightest = np.uint8(0)
        for i in range(height):
            for j in range(width):
                brightest = max(brightest, image[i, j])
        level = max(np.int64(brightest) // faint, 1)
        a, b, c, d = matrices[g]
        half_width, half_height = (abs(a) + abs(b)) / 2, (abs(c) + abs(d)) / 2
        for i in range(height):
            y = i + 0.5 - centres[g, 1]
            for j in range(width):
                if image[i, j] < level:
                    continue
                x = j + 0.5 - centres[g, 0]
                column, row = a * x + b * y, c * x + d * y + rows[g]
                begin = min(np.floor(row), np.ceil(row - half_height - 0.5))
                end = max(np.floor(row), np.floor(row + half_height - 0.5))
                begin = np.int64(min(max(begin, 0.0), last_row))
                end = np.int64(min(max(end, 0.0), last_row))
                for k in range(begin, end + 1):
                    first[g, k] = min(first[g, k], column - half_width)
                    last[g, k] = max(last[g, k], column + half_width)
