"""Light that falls on pages unevenly, compiled: see `shading`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import types

from digit_sequence.base.compiled import kernel, reads

_FULL = np.int32(65536)


@kernel(types.uint8[:, :, ::1], reads(types.int64, 2))
def shade_planes(pages, planes):
    """Darken what lies beyond a line."""
    height, width = pages.shape[1:]
    for n in range(len(planes)):
        sample, begin, down, across, loss = planes[n]
        for y in range(height):
            row, first, lost = pages[sample, y], begin + down * y, np.int32(loss)
            for x in range(width):
                beyond = np.int32(min(max((first + across * x) >> 16, 0), 256))
                eased = beyond * beyond * (np.int32(768) - 2 * beyond) >> 16
                level = (np.int32(row[x]) * (_FULL - lost * np.int32(eased)) + 32768) >> 16
                row[x] = min(max(level, 0), 255)


@kernel(types.uint8[:, :, ::1], reads(types.int64, 2))
def scale_slopes(pages, slopes):
    """Light pages along a slope, and less away from the middle."""
    height, widest = pages.shape[1:]
    for n in range(len(slopes)):
        sample, down, across, loss, width = slopes[n]
        for j in range(height):
            row, y = pages[sample, j], 2 * j + 1 - height
            first = 65536 + down * y
            for i in range(widest):
                x = 2 * i + 1 - width
                factor = first + across * x - (loss * (y * y + x * x) >> 16)
                row[i] = min(max((row[i] * factor + 32768) >> 16, 0), 255)


@kernel(types.uint8[:, ::1], reads(types.int64, 2), types.int64, types.int64, types.int64)
def scale_by_part(page, light, top, left, weight):
    """Multiply a page by a part of a repeated light, by a weight of 1/256."""
    height, width = page.shape
    rows, columns = light.shape
    for y in range(height):
        source, column = light[(top + y) % rows], left % columns
        for x in range(width):
            factor = 65536 + ((source[column] - 65536) * weight >> 8)
            page[y, x] = min(max((page[y, x] * factor + 32768) >> 16, 0), 255)
            column = column + 1 if column + 1 < columns else 0
