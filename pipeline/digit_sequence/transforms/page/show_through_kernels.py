"""The other side of pages, compiled: see `show_through`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import types

from digit_sequence.base.compiled import ZERO, kernel, reads


@kernel(types.uint8[:, :, ::1], reads(types.int64, 2))
def show_backs(pages, backs):
    """Lay the mirrored and blurred ink of pages over them."""
    height, width = pages.shape[1:]
    # With a border of one pixel on all sides, from the opposite edge.
    back = np.empty((height + 2, width + 2), np.int32)
    for n in range(len(backs)):
        sample, down, across, strength = backs[n]
        page = pages[sample]
        for y in range(height + 2):
            source = page[(y - 1 - down + 2 * height) % height]
            for x in range(width + 2):
                column = (x - 1 - across + 2 * width) % width
                back[y, x] = source[width - 1 - column]
        for y in range(height):
            above, here, below = back[y], back[y + 1], back[y + 2]
            for x in range(width):
                total = ZERO
                for i in range(3):
                    part = above[x + i] + 2 * here[x + i] + below[x + i]
                    total += part * (2 if i == 1 else 1)
                ink = (total >> 4) * strength >> 8
                level = np.int64(page[y, x])
                page[y, x] = level + ((255 - level) * ink + 127) // 255
