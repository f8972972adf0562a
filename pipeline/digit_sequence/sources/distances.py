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

REACH = 4
"""Distances are told up to so many glyph pixels; pictures have so many pixels more at each side."""
EDGE = 128
"""The level of an edge; above is ink."""
LEVELS = 30
"""Levels of a glyph pixel's distance."""
_CHUNK = 64
_FAR = 2 * REACH + 1
"""In pixels of the enlarged glyph; its square, with that of any shift below, fits a byte."""
_UNIT = 256
"""Distances are whole multiples of ``1 / _UNIT`` of a pixel of the enlarged glyph."""
_NEAR = 3
"""How many glyph pixels around tell how deep a stroke or a hole is."""
_ROOM = np.float32(0.35)
"""What makes distances in the middle of a hole large, but not endless, in glyph pixels."""


@dataclass(frozen=True)
class Distances:
    """Of N glyphs."""

    levels: NDArray[np.uint8]
    """(N, h + 2 REACH, w + 2 REACH) ``EDGE + LEVELS * distance``, the distance above 0 in ink."""
    widths: NDArray[np.float64]
    """(N,) the width of the stroke, in glyph pixels."""


def find_distances(glyphs: NDArray[np.uint8]) -> Distances:
    """Return the distances of glyphs (N, h, w), a chunk that fits the cache at a time."""
    n, rows, columns = glyphs.shape
    levels = np.empty((n, rows + 2 * REACH, columns + 2 * REACH), np.uint8)
    widths = np.empty(n)
    for first in range(0, n, _CHUNK):
        part = slice(first, first + _CHUNK)
        ink = _enlarge(glyphs[part])
        inner = _measure(ink)
        # Distances across a long stroke are spread evenly, from 0 to half of its width.
        total = inner.sum(axis=(1, 2), dtype=np.int64)
        area = np.maximum(ink.sum(axis=(1, 2)), 1)
        rough = 4.0 / _UNIT * total / area
        # Near its two ends they are shorter.
        widths[part] = rough * (1 + rough * rough / (3 * area)) / 2
        fine = inner - _measure(~ink)
        sums = fine[:, ::2] + fine[:, 1::2]
        sums = sums[:, :, ::2] + sums[:, :, 1::2]
        # A pixel in the middle of a stroke is a mean, less deep than the middle itself.
        depths = (widths[part] / 2 - 0.15).astype(np.float32)
        even = _even_out(sums.astype(np.float32) / np.float32(8 * _UNIT), depths)
        levels[part] = np.floor(EDGE + even.clip(-REACH, REACH) * LEVELS + np.float32(0.5))
    return Distances(levels, np.round(widths * 2.0**12) / 2.0**12)


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
    return np.ascontiguousarray(ink)


def _measure(inside: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return how far pixels inside are from the edge, in 1/256 of them; 0 for those outside."""
    nearest = np.where(inside, np.uint8(_FAR * _FAR), np.uint8(0))
    for axis in (1, 2):
        nearest = np.ascontiguousarray(nearest)
        squares = nearest.copy()
        here, there = (np.moveaxis(array, axis, 0) for array in (nearest, squares))
        for shift in range(1, _FAR):
            if shift * shift >= squares.max():
                break
            square = np.uint8(shift * shift)
            np.minimum(here[shift:], there[:-shift] + square, out=here[shift:])
            np.minimum(here[:-shift], there[shift:] + square, out=here[:-shift])
    roots = np.round(np.sqrt(np.arange(_FAR * _FAR + 1)) * _UNIT) - _UNIT // 2
    roots[0] = 0
    distances: NDArray[np.int32] = roots.astype(np.int32)[nearest]
    return distances


def _even_out(distances: NDArray[np.float32], depths: NDArray[np.float32]) -> NDArray[np.float32]:
    """Make strokes evenly deep, so that none breaks, and narrow holes deep, so that none closes."""
    from scipy.ndimage import maximum_filter

    window = (1, 2 * _NEAR + 1, 2 * _NEAR + 1)
    around = maximum_filter(distances, window, mode="nearest")
    lacking = np.where(around > 0, depths[:, None, None] - around, 0)
    lacking = np.where(lacking < 0, lacking / 2, lacking)
    for axis in (1, 2):
        lacking = (np.roll(lacking, 1, axis) + lacking + np.roll(lacking, -1, axis)) / 3
    # Farther out, the middle of the stroke is not nearby.
    lacking *= (1 + distances).clip(0, 1)
    gap = maximum_filter(-distances, window, mode="nearest")
    # Out of a hole, there is always a pixel nearby that is farther from the ink.
    is_narrow = (gap < _NEAR - 0.5) & (distances < 0)
    room = np.where(is_narrow, gap + _ROOM, np.float32(2 * REACH))
    steep = np.where(is_narrow, distances * room / (room + distances), distances)
    even: NDArray[np.float32] = steep + np.where(is_narrow, np.minimum(lacking, 0), lacking)
    return even
