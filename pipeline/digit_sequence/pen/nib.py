"""Curves become ink: a round nib covers a pixel by how far it reaches beyond its centre.

Coordinates are (row, column) with pixel centres on integers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def draw_ink(
    curves: Sequence[NDArray[np.float64]], radii: NDArray[np.float64], shape: tuple[int, int]
) -> NDArray[np.uint8]:
    """Draw the curves of N pictures.

    Parameters
    ----------
    curves : sequence of ndarray of float64, shape (N, Q, 2)
        A stroke of each picture: rows and columns of the points of its curve.
    radii : ndarray of float64, shape (N,)
        Half the width of the nib, in pixels.
    shape : (int, int)
        Rows and columns of a picture.

    Returns
    -------
    ndarray of uint8, shape (N, rows, columns)
    """
    steps = [np.abs(np.diff(curve, axis=1)).max(initial=0.0) for curve in curves]
    side = int(np.ceil(max(steps) + 2 * radii.max(initial=0.0) + 1)) + 1
    rows, columns = shape[0] + 2 * side, shape[1] + 2 * side
    pictures = np.zeros((len(radii), rows, columns))
    each = np.arange(len(radii))[:, None, None]
    window = np.arange(side)
    for curve in curves:
        for q in range(max(1, curve.shape[1] - 1)):
            begin, end = curve[:, q], curve[:, min(q + 1, curve.shape[1] - 1)]
            corner = np.ceil(np.minimum(begin, end) - radii[:, None] - 0.5)
            corner = corner.clip(-side, shape).astype(np.int64)
            row = (corner[:, 0, None] + window)[:, :, None]
            column = (corner[:, 1, None] + window)[:, None, :]
            places = each, row + side, column + side
            ink = cover(row, column, begin.T[..., None, None], end.T[..., None, None], radii)
            pictures[places] = np.maximum(pictures[places], ink)
    own = pictures[:, side : side + shape[0], side : side + shape[1]]
    return np.floor(own * 255 + 0.5).astype(np.uint8)


def cover(
    row: NDArray[np.int64],
    column: NDArray[np.int64],
    begin: NDArray[np.float64],
    end: NDArray[np.float64],
    radii: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return how much of pixels (N, k, k) a nib covers from begin to end, (2, N, 1, 1) each."""
    down, across = end - begin
    dr, dc = row - begin[0], column - begin[1]
    length = down * down + across * across
    along = (dr * down + dc * across) / np.where(length > 0, length, 1.0)
    along = along.clip(0.0, 1.0)
    dr, dc = dr - along * down, dc - along * across
    reach = 0.5 + radii[:, None, None] - np.sqrt(dr * dr + dc * dc)
    covered: NDArray[np.float64] = reach.clip(0.0, 1.0)
    return covered


def measure_strokes(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the width of the strokes of pictures (N, H, W), in pixels.

    Ink has an outline of twice its length. How much grey levels change along rows and columns is
    4 / pi of the outline, on average over its directions.
    """
    area = images.sum(axis=(1, 2), dtype=np.int64)
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1))).astype(np.int16)
    changes = sum(np.abs(np.diff(padded, axis=axis)).sum(axis=(1, 2)) for axis in (1, 2))
    widths: NDArray[np.float64] = area * (8 / np.pi) / np.maximum(changes, 1)
    return widths
