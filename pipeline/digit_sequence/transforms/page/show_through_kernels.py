"""The other side of pages, compiled: see `show_through`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import types

from digit_sequence.base.compiled import kernel, reads


@kernel(types.uint8[:, :, ::1], reads(types.int64, 2))
def show_backs(pages, backs):
    """Lay the mirrored and blurred ink of pages over them."""
    height, widest = pages.shape[1:]
    # With a border of one pixel on all sides, from the opposite edge.
    back = np.empty((height + 2, widest + 2), np.int32)
    total, mirrored = np.empty(widest + 2, np.int32), np.empty(widest, np.int32)
    for n in range(len(backs)):
        sample, down, across, strength, width = backs[n]
        page = pages[sample]
        for y in range(height + 2):
            source = page[(y - 1 - down + 2 * height) % height]
            for x in range(width):
                mirrored[x] = source[width - 1 - x]
            for x in range(width - across):
                back[y, 1 + across + x] = mirrored[x]
            for x in range(across):
                back[y, 1 + x] = mirrored[width - across + x]
            back[y, 0], back[y, width + 1] = back[y, width], back[y, 1]
        for y in range(height):
            above, here, below, row = back[y], back[y + 1], back[y + 2], page[y]
            for x in range(width + 2):
                total[x] = above[x] + 2 * here[x] + below[x]
            for x in range(width):
                ink = (total[x] + 2 * total[x + 1] + total[x + 2] >> 4) * np.int32(strength) >> 8
                covered = (np.int32(255) - row[x]) * np.int32(ink) + np.int32(127)
                row[x] += np.uint32(covered) // np.uint32(255)
