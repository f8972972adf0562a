"""Noise of pixels, compiled: see `noise`, `speckle` and `salt_pepper`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import types

from digit_sequence.base.compiled import kernel, reads
from digit_sequence.base.random_kernels import fill_blocks

_WORDS = (reads(types.uint64, 1), reads(types.uint64, 2))


@kernel(types.uint8[:, :, ::1], reads(types.float64, 1), *_WORDS, reads(types.float64, 1))
def add_noise(pages, sigmas, key, addresses, quantiles):
    """Add Gaussian noise to pages.

    Parameters
    ----------
    pages : ndarray of uint8, shape (B, H, W)
        Changed in place.
    sigmas : ndarray of float64, shape (B,)
    key, addresses
        Of the words, as of `fill_words`.
    quantiles : ndarray of float64, shape (65536,)
        Of the normal distribution.
    """
    n_pixels = pages.shape[1] * pages.shape[2]
    words = np.empty((n_pixels + 15) // 16 * 4, np.uint64)
    shares = words.view(np.uint16)
    for b in range(len(sigmas)):
        if sigmas[b] > 0:
            fill_blocks(key, addresses[b], words)
            pixels = pages[b].ravel()
            for i in range(n_pixels):
                noisy = pixels[i] + sigmas[b] * quantiles[shares[i]]
                pixels[i] = np.uint8(np.int32(min(max(noisy, 0.0), 255.0) + 0.5))


@kernel(types.uint8[:, :, ::1], reads(types.float64, 1), *_WORDS)
def add_salt_pepper(pages, amounts, key, addresses):
    """Set shares of the pixels of pages to black and to white; parameters as of `add_noise`."""
    n_pixels = pages.shape[1] * pages.shape[2]
    words = np.empty((n_pixels + 15) // 16 * 4, np.uint64)
    shares = words.view(np.uint16)
    for b in range(len(amounts)):
        if amounts[b] > 0:
            fill_blocks(key, addresses[b], words)
            pixels = pages[b].ravel()
            half = amounts[b] / 2 * 2**16
            for i in range(n_pixels):
                if shares[i] < half:
                    pixels[i] = 0
                if shares[i] >= 2**16 - half:
                    pixels[i] = 255


@kernel(types.uint8[:, :, ::1], reads(types.float64, 1), *_WORDS, reads(types.float64, 1))
def add_speckle(pages, sigmas, key, addresses, quantiles):
    """Multiply pages by Gaussian noise about 1; parameters as of `add_noise`."""
    n_pixels = pages.shape[1] * pages.shape[2]
    words = np.empty((n_pixels + 15) // 16 * 4, np.uint64)
    shares = words.view(np.uint16)
    for b in range(len(sigmas)):
        if sigmas[b] > 0:
            fill_blocks(key, addresses[b], words)
            pixels = pages[b].ravel()
            for i in range(n_pixels):
                noisy = pixels[i] + pixels[i] * (sigmas[b] * quantiles[shares[i]])
                pixels[i] = np.uint8(np.int32(min(max(noisy, 0.0), 255.0) + 0.5))
