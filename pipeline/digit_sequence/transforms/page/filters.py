"""Filters of whole pages by a small window of weights; beyond a page its edge goes on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from digit_sequence.transforms.canvas import to_fixed

Weights = NDArray[np.int64]
"""(2 R + 1, 2 R + 1) shares of 2**-16, 65536 in all."""
FULL = 65536


def to_weights(shares: NDArray[np.float64]) -> Weights:
    """Return weights in proportion; what rounding leaves over goes to the middle."""
    weights = to_fixed(shares / shares.sum(), FULL)
    weights[len(weights) // 2, len(weights) // 2] += FULL - weights.sum()
    return weights


def filter_page(page: NDArray[np.uint8], weights: Weights) -> None:
    """Correlate a page (H, W) with weights, in place."""
    from scipy.ndimage import correlate

    levels = correlate(page.astype(np.int64), weights, mode="nearest")
    page[:] = (levels + FULL // 2) >> 16
