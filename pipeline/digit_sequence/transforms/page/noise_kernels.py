"""Noise of pixels, compiled: see `noise`, `speckle` and `salt_pepper`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import types

from digit_sequence.base.compiled import inner, kernel, reads
from digit_sequence.base.random_kernels import fill_blocks

ADD, MULTIPLY, REPLACE = 0, 1, 2
"""What is done to pixels: see the functions that begin with it."""


@inner
def _add_noise(pixels, shares, sigma, quantiles):
    for i in range(len(pixels)):
        noisy = pixels[i] + sigma * quantiles[shares[i]]
        pixels[i] = np.uint8(np.int32(min(max(noisy, 0.0), 255.0) + 0.5))


@inner
def _multiply_noise(pixels, shares, sigma, quantiles):
    for i in range(len(pixels)):
        noisy = pixels[i] + pixels[i] * (sigma * quantiles[shares[i]])
        pixels[i] = np.uint8(np.int32(min(max(noisy, 0.0), 255.0) + 0.5))


@inner
def _replace(pixels, shares, amount):
    half = amount / 2 * 2**16
    for i in range(len(pixels)):
        if shares[i] < half:
            pixels[i] = 0
        if shares[i] >= 2**16 - half:
            pixels[i] = 255


@kernel(
    types.uint8[:, :, ::1],
    reads(types.float64, 1),
    reads(types.uint64, 1),
    reads(types.uint64, 2),
    reads(types.float64, 1),
    types.int64,
)
def change_pixels(pages, amounts, key, addresses, quantiles, change):
    """Change each pixel of pages by a share of 16 bits.

    Parameters
    ----------
    pages : ndarray of uint8, shape (B, H, W)
        Changed in place.
    amounts : ndarray of float64, shape (B,)
        Standard deviations, or shares of pixels to be black or white.
    key, addresses
        Of the words, as of `fill_words`.
    quantiles : ndarray of float64, shape (65536,)
        Of the normal distribution.
    change : {ADD, MULTIPLY, REPLACE}
    """
    n_pixels = pages.shape[1] * pages.shape[2]
    words = np.empty((n_pixels + 15) // 16 * 4, np.uint64)
    shares = words.view(np.uint16)
    for b in range(len(amounts)):
        if amounts[b] > 0:
            fill_blocks(key, addresses[b], words)
            pixels = pages[b].ravel()
            if change == ADD:
                _add_noise(pixels, shares, amounts[b], quantiles)
            elif change == MULTIPLY:
                _multiply_noise(pixels, shares, amounts[b], quantiles)
            else:
                _replace(pixels, shares, amounts[b])
