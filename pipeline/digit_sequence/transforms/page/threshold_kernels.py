"""Black and white pages, compiled: see `threshold`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import types

from digit_sequence.base.compiled import kernel, reads

_DRAWN = (reads(types.float64, 1), reads(types.float64, 1))


@kernel(
    types.uint8[:, :, ::1], reads(types.int64, 1), *_DRAWN, types.float64, reads(types.int64, 2)
)
def split_pages(pages, widths, levels, dithers, share, bayer):
    """Make pages black and white, whose level is above 0."""
    height, width = pages.shape[1:]
    limits = np.empty((4, 4))
    for b in range(len(levels)):
        if levels[b] > 0:
            counts = np.zeros(256, np.int64)
            for y in range(height):
                for x in range(widths[b]):
                    counts[pages[b, y, x]] += 1
            tail = np.int64(share * (height * widths[b]))
            dark, below = 0, counts[0]
            while below <= tail:
                dark += 1
                below += counts[dark]
            bright, above = 255, counts[255]
            while above <= tail:
                bright -= 1
                above += counts[bright]
            for j in range(4):
                for i in range(4):
                    place = levels[b] + dithers[b] * ((2 * bayer[j, i] - 15) / 32)
                    limits[j, i] = float(dark) + float(bright - dark) * place
            for y in range(height):
                for x in range(width):
                    pages[b, y, x] = 255 if pages[b, y, x] > limits[y % 4, x % 4] else 0
