"""Straight printed lines, compiled: see `lines`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import types

from digit_sequence.base.compiled import ZERO, kernel, reads


@kernel(types.uint8[:, :, ::1], reads(types.int64, 2))
def paint_lines(pages, lines):
    """Paint lines, at the few pixels across that each covers."""
    height, width = pages.shape[1:]
    for n in range(len(lines)):
        sample, upright, first, stop, middle, slope, thickness, ink = lines[n]
        page = pages[sample]
        length, across = (height, width) if upright else (width, height)
        reach = thickness // 2 + 128
        most = min(thickness, 256)
        for i in range(max(first, ZERO), min(stop, length)):
            centre = middle + (slope * i >> 8)
            for j in range(
                max((centre - reach) >> 8, ZERO), min((centre + reach >> 8) + 1, across)
            ):
                cover = min(max(reach - abs(256 * j - centre), ZERO), most)
                above = cover * ink >> 8
                y, x = (i, j) if upright else (j, i)
                below = np.int64(page[y, x])
                page[y, x] = below + ((255 - below) * above + 127) // 255
