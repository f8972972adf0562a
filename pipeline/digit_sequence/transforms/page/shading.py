"""Light that falls on pages unevenly: grey levels times a factor for each pixel.

Factors are whole multiples of 2**-16, and so are the same on every processor.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.rounding import round_factor
from digit_sequence.transforms.canvas import to_fixed

FULL = 65536


def scale_page(page: NDArray[np.uint8], factors: NDArray[np.int64]) -> None:
    """Multiply a page (H, W) by factors of 2**-16, in place."""
    page[:] = ((page * factors + FULL // 2) >> 16).clip(0, 255)


def shade_planes(pages: NDArray[np.uint8], planes: NDArray[np.int64]) -> None:
    """Darken what lies beyond a line, softly.

    Parameters
    ----------
    pages : ndarray of uint8, shape (B, H, W)
        Changed in place.
    planes : ndarray of int64, shape (N, 5)
        Which page; how far beyond the line its corner lies, and by how much more the next row and
        the next column, in 2**-16 of 1/256 of the soft edge; the loss of light beyond it, 1/256.
    """
    y, x = np.ogrid[: pages.shape[1], : pages.shape[2]]
    for sample, begin, down, across, loss in planes.tolist():
        beyond = ((begin + down * y + across * x) >> 16).clip(0, 256)
        scale_page(pages[sample], FULL - loss * _ease(beyond))


def _ease(beyond: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a smooth step from 0 to 256."""
    eased: NDArray[np.int64] = beyond * beyond * (768 - 2 * beyond) >> 16
    return eased


def make_planes(
    samples: NDArray[np.int64],
    degrees: NDArray[np.float64],
    place: tuple[NDArray[np.float64], NDArray[np.float64]],
    softness: NDArray[np.float64],
    loss: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Return what `shade_planes` takes.

    Parameters
    ----------
    samples : ndarray of int64, shape (N,)
    degrees : ndarray of float64, shape (N,)
        Where beyond is: 0 to the right, 90 below.
    place : pair of ndarray of float64, shape (N,)
        Row and column of a point on the line.
    softness : ndarray of float64, shape (N,)
        Pixels from full light to full loss.
    loss : ndarray of float64, shape (N,)
        Share of the light.
    """
    angle = np.radians(degrees)
    across, down = (round_factor(turn(angle)) / softness for turn in (np.cos, np.sin))
    begin = 0.5 - place[0] * down - place[1] * across
    fixed = [to_fixed(value, 2**24) for value in (begin, down, across)]
    return np.stack([samples, *fixed, to_fixed(loss, 256)], axis=-1)


def scale_slopes(pages: NDArray[np.uint8], slopes: NDArray[np.int64]) -> None:
    """Light pages along a slope, and less away from the middle.

    `slopes`, (N, 5): which page; what is added for each half pixel down and across from the middle,
    2**-16; what is lost for each squared half pixel away from it, 2**-32; columns of its image.
    """
    height, widest = pages.shape[1:]
    for sample, down, across, loss, width in slopes.tolist():
        y, x = np.ogrid[1 - height : height : 2, 1 - width : 2 * widest - width : 2]
        factors = FULL + down * y + across * x - (loss * (y * y + x * x) >> 16)
        scale_page(pages[sample], factors)
