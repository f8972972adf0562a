"""How far each pixel of a glyph is from the edge of its stroke, and how wide the stroke is.

An edge is where a glyph, enlarged twice, crosses half of its peak. Distances are exact on that
grid: whole squares, by separable minima over rows and columns. They are then evened out: strokes
become as deep all along, so that none breaks when a pen is thin, and the middle of a narrow hole
deep, so that it closes late when a pen is thick.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REACH = 6
"""Distances are told up to so many glyph pixels; outlines have so many pixels more at each side."""
EDGE = 128
"""The level of an edge; above is ink."""
LEVELS = 20
"""Levels of a glyph pixel's distance."""
_CHUNK = 32
_FAR = 2 * REACH + 1
_NEAR = 3
"""How many glyph pixels around tell how deep a stroke or a hole is."""
_ROOM = 0.35
"""What makes distances in the middle of a hole large, but not endless, in glyph pixels."""


@dataclass(frozen=True)
class Outlines:
    """The outlines of N glyphs."""

    images: NDArray[np.uint8]
    """(N, h + 2 REACH, w + 2 REACH) ``EDGE + LEVELS * distance``, the distance above 0 in ink."""
    widths: NDArray[np.float64]
    """(N,) the width of the stroke, in glyph pixels."""


def find_outlines(glyphs: NDArray[np.uint8]) -> Outlines:
    """Return the outlines of glyphs (N, h, w), a chunk that fits the cache at a time."""
    n, rows, columns = glyphs.shape
    images = np.empty((n, rows + 2 * REACH, columns + 2 * REACH), np.uint8)
    widths = np.empty(n)
    for first in range(0, n, _CHUNK):
        part = slice(first, first + _CHUNK)
        ink = _enlarge(glyphs[part])
        distances = _find_distances(ink) - _find_distances(~ink)
        means = (distances[:, ::2] + distances[:, 1::2]).astype(np.float64)
        means = means[:, :, ::2] + means[:, :, 1::2]
        # Distances across a long stroke are spread evenly, from 0 to half of its width.
        total = np.maximum(distances, 0).sum(axis=(1, 2))
        area = np.maximum(ink.sum(axis=(1, 2)), 1)
        rough = 4.0 * total / area
        # Near its two ends they are shorter.
        widths[part] = rough * (1 + rough * rough / (3 * area)) / 2
        # A pixel in the middle of a stroke is a mean, less deep than the middle itself.
        even = _even_out(means / 8, widths[part] / 2 - 0.15)
        images[part] = np.floor(EDGE + even.clip(-REACH, REACH) * LEVELS + 0.5)
    return Outlines(images, np.round(widths * 2.0**12) / 2.0**12)


def _even_out(distances: NDArray[np.float64], depths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Make strokes evenly deep, so that none breaks, and narrow holes deep, so that none closes."""
    from scipy.ndimage import maximum_filter

    window = (1, 2 * _NEAR + 1, 2 * _NEAR + 1)
    around = maximum_filter(distances, window, mode="nearest")
    lacking = np.where(around > 0, depths[:, None, None] - around, 0.0)
    lacking = np.where(lacking < 0, lacking / 2, lacking)
    for axis in (1, 2):
        lacking = (np.roll(lacking, 1, axis) + lacking + np.roll(lacking, -1, axis)) / 3
    # Farther out, the middle of the stroke is not nearby.
    lacking *= (1 + distances).clip(0, 1)
    gap = maximum_filter(-distances, window, mode="nearest")
    # Out of a hole, there is always a pixel nearby that is farther from the ink.
    is_narrow = (gap < _NEAR - 0.5) & (distances < 0)
    room = np.where(is_narrow, gap + _ROOM, 2.0 * REACH)
    steep = np.where(is_narrow, distances * room / (room + distances), distances)
    even: NDArray[np.float64] = steep + np.where(is_narrow, np.minimum(lacking, 0), lacking)
    return even


def _enlarge(glyphs: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which pixels of glyphs, bordered and enlarged twice bilinearly, are ink."""
    border = REACH + 1
    grey = np.pad(glyphs.astype(np.int16), ((0, 0), (border, border), (border, border)))
    for axis in (1, 2):
        grey = np.moveaxis(grey, axis, 0)
        before, here, after = grey[:-2], grey[1:-1], grey[2:]
        halves = np.stack([3 * here + before, 3 * here + after], axis=1)
        grey = np.moveaxis(halves.reshape(-1, *grey.shape[1:]), 0, axis)
    peak = glyphs.max(axis=(1, 2)).astype(np.int16)
    ink: NDArray[np.bool_] = (grey >= 8 * peak[:, None, None]) & (grey > 0)
    return ink


def _find_distances(inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return how far pixels inside are from the edge, in their own size; 0 for those outside."""
    steps = np.where(inside, _FAR, 0).astype(np.uint16)
    n_rows = steps.shape[1]
    for row in range(1, n_rows):
        np.minimum(steps[:, row], steps[:, row - 1] + 1, out=steps[:, row])
    for row in range(n_rows - 2, -1, -1):
        np.minimum(steps[:, row], steps[:, row + 1] + 1, out=steps[:, row])
    squares = steps * steps
    nearest = squares.copy()
    for shift in range(1, _FAR):
        farther = squares + np.uint16(shift * shift)
        np.minimum(nearest[:, :, shift:], farther[:, :, :-shift], out=nearest[:, :, shift:])
        np.minimum(nearest[:, :, :-shift], farther[:, :, shift:], out=nearest[:, :, :-shift])
    roots = np.sqrt(np.arange(_FAR * _FAR + 1)) - 0.5
    roots[0] = 0
    distances: NDArray[np.float32] = roots.astype(np.float32)[nearest]
    return distances
