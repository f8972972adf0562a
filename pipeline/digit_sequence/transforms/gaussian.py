"""Gaussian filters as tables of weights, for compiled loops."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


def tabulate_filters(
    sigmas: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Tabulate the filters that some pictures get.

    Parameters
    ----------
    sigmas : ndarray of float64
        Of each; 0: none.

    Returns
    -------
    filters : ndarray of float64, shape (F, R)
        The weights from the middle one on.
    radii : ndarray of int64, shape (F,)
        How many weights each has beside the middle one.
    rows : ndarray of int64, shape of `sigmas`
        Which filter each picture gets.
    """
    found, rows = np.unique(sigmas, return_inverse=True)
    weights = [weigh_gaussian(sigma) for sigma in found.tolist()]
    radii = np.array([len(row) - 1 for row in weights], np.int64)
    filters = np.zeros((len(weights), int(radii.max(initial=0)) + 1))
    for row, values in zip(filters, weights, strict=True):
        row[: len(values)] = values
    return filters, radii, rows.reshape(sigmas.shape).astype(np.int64)


@lru_cache(maxsize=8192)
def weigh_gaussian(sigma: float) -> NDArray[np.float64]:
    """Return the weights of scipy's Gaussian filter: what it makes of a single bright pixel."""
    if sigma == 0:
        return np.ones(1)
    from scipy.ndimage import gaussian_filter1d

    radius = int(4 * sigma + 0.5)
    pixel = np.zeros(2 * radius + 1)
    pixel[radius] = 1
    weights: NDArray[np.float64] = gaussian_filter1d(pixel, sigma, mode="constant")
    return weights[radius:]
