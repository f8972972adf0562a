"""Gaussian blur of pages, compiled: see `blur`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import types
from numpy.typing import NDArray

from digit_sequence.base.compiled import ZERO, kernel, reads
from digit_sequence.transforms.gaussian import tabulate_filters
from digit_sequence.transforms.gaussian_kernels import blur_flat, round_pixels


def blur_pages(pages: NDArray[np.uint8], sigmas: NDArray[np.float64]) -> None:
    """Blur the pages (B, H, W) whose sigma (B,) is above 0, in place."""
    filters, radii, rows = tabulate_filters(sigmas)
    _blur_pages(pages, filters, radii, np.where(sigmas > 0, rows, -1))


@kernel(
    types.uint8[:, :, ::1], reads(types.float64, 2), reads(types.int64, 1), reads(types.int64, 1)
)
def _blur_pages(pages, filters, radii, rows):
    height, width = pages.shape[1:]
    for b in range(len(rows)):
        if rows[b] >= 0:
            pixels = pages[b].ravel()
            weights = filters[rows[b], : radii[rows[b]] + 1]
            blurred, wide = blur_flat(pixels, ZERO, width, height, width, weights, weights)
            for y in range(height):
                round_pixels(blurred[y * wide :], pixels[y * width :][:width])
