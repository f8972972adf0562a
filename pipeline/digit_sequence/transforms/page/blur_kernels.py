"""Gaussian blur of pages, compiled: see `blur`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import types
from numpy.typing import NDArray

from digit_sequence.base.compiled import ONE, ZERO, copy, kernel, reads
from digit_sequence.transforms.gaussian import tabulate_filters
from digit_sequence.transforms.gaussian_kernels import correlate, round_pixels


def blur_pages(pages: NDArray[np.uint8], sigmas: NDArray[np.float64]) -> None:
    """Blur the pages (B, H, W) whose sigma (B,) is above 0, in place."""
    filters, radii, rows = tabulate_filters(sigmas)
    _blur_pages(pages, filters, radii, np.where(sigmas > 0, rows, -1))


@kernel(
    types.uint8[:, :, ::1], reads(types.float64, 2), reads(types.int64, 1), reads(types.int64, 1)
)
def _blur_pages(pages, filters, radii, rows):
    """Blur pages down their columns, then along their rows; beyond a page its edge goes on."""
    height, width = pages.shape[1:]
    for b in range(len(rows)):
        if rows[b] >= 0:
            page, reach = pages[b], radii[rows[b]]
            weights = filters[rows[b], : reach + 1]
            first = reach * width
            picture = np.empty(2 * first + height * width)
            passed = np.empty_like(picture)
            line, blurred = np.empty(width + 2 * reach), np.empty(width + 2 * reach)
            for y in range(height + 2 * reach):
                copy(page[min(max(y - reach, ZERO), height - 1)], picture[y * width :][:width])
            correlate(picture, passed, first, first + height * width, width, weights)
            for y in range(height):
                copy(passed[first + y * width :], line[reach:][:width])
                for x in range(reach):
                    line[x], line[reach + width + x] = line[reach], line[reach + width - 1]
                correlate(line, blurred, reach, reach + width, ONE, weights)
                round_pixels(blurred[reach:], page[y])
