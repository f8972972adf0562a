"""How far each pixel of a glyph is from the middle of its stroke.

A glyph, enlarged twice and cut at a share of its peak, is thinned to lines; distances to them are
exact on that grid: whole squares, by separable minima over rows and columns. The ridges between
neighbouring lines are raised, so that a small loop closes late when a pen is thick.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

REACH = 5
"""Distances are told up to so many glyph pixels; pictures have so many pixels more at each side."""
LEVELS = 50
"""Levels of a glyph pixel's distance, which is ``(255 - level) / LEVELS``."""
_INK = 0.4
"""Of the peak of a glyph: fainter is no stroke, but for hairlines."""
_DIP = 3
"""Tenths of the peak by which the middle of a loop that is nearly filled is fainter, at least."""
_CHUNK = 64
_FAR = 2 * REACH
_UNIT = 64
"""Distances are whole multiples of ``1 / _UNIT`` of a pixel of the enlarged glyph."""
_BLOB = 1.1
"""How many times as deep as the middle of its strokes a glyph is where it is a blob."""
_RAISED = 2
"""How many times as high as their surroundings ridges are made."""


class Distances:
    """The distances of glyphs (N, h, w), each found when it is first asked for."""

    def __init__(self, glyphs: NDArray[np.uint8]) -> None:
        self._glyphs = glyphs
        n, rows, columns = glyphs.shape
        self._levels = np.zeros((n, rows + 2 * REACH, columns + 2 * REACH), np.uint8)
        self._is_found = np.zeros(n, np.bool_)

    def find(self, glyph_ids: NDArray[np.int32]) -> NDArray[np.uint8]:
        """Return the levels of all glyphs, of which those of these are set.

        Threads that meet here find the same.
        """
        missing = np.unique(glyph_ids[~self._is_found[glyph_ids]])
        if len(missing):
            self._levels[missing] = find_distances(self._glyphs[missing])
            self._is_found[missing] = True
        return self._levels


def find_distances(glyphs: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the levels of glyphs (N, h, w) as (N, h + 2 REACH, w + 2 REACH).

    They are found for a chunk at a time, which fits the cache.
    """
    n, rows, columns = glyphs.shape
    levels = np.empty((n, rows + 2 * REACH, columns + 2 * REACH), np.uint8)
    for first in range(0, n, _CHUNK):
        part = slice(first, first + _CHUNK)
        fine = _measure(_thin(_find_ink(glyphs[part])))
        sums = fine[:, ::2] + fine[:, 1::2]
        distances = sums[:, :, ::2] + sums[:, :, 1::2]
        distances += _RAISED * np.maximum(distances - _average(distances), 0)
        levels[part] = 255 - np.minimum(distances * LEVELS // (8 * _UNIT), 255)
    return levels


def _find_ink(glyphs: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which pixels of glyphs, bordered and enlarged twice, are ink."""
    border = REACH + 1
    grey = np.pad(glyphs.astype(np.int16), ((0, 0), (border, border), (border, border)))
    peaks = glyphs.max(axis=(1, 2)).astype(np.int16)[:, None, None]
    least = np.maximum(peaks * (16 * _INK), 1)
    is_loop = (10 * _measure_dips(grey) > _DIP * peaks)[:, 1:-1, 1:-1]
    ink: NDArray[np.bool_] = _enlarge(grey) >= least
    ink &= ~is_loop.repeat(2, axis=1).repeat(2, axis=2)
    return ink


def _measure_dips(grey: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return by how much pixels are fainter than one of the next two in each of eight directions.

    So are small loops inside, by which alone some 6 differ from 1.
    """
    _, rows, columns = grey.shape
    wide = np.pad(grey, ((0, 0), (2, 2), (2, 2)))
    sides = [
        np.maximum(*(wide[:, 2 + k * i :, 2 + k * j :][:, :rows, :columns] for k in (1, 2)))
        for i in (-1, 0, 1)
        for j in (-1, 0, 1)
        if i or j
    ]
    dips: NDArray[np.int16] = np.minimum.reduce(sides) - grey
    return dips


def _enlarge(grey: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return glyphs without their outer pixels, enlarged twice bilinearly, times 16."""
    for axis in (1, 2):
        grey = np.moveaxis(grey, axis, 0)
        before, here, after = grey[:-2], grey[1:-1], grey[2:]
        halves = np.stack([3 * here + before, 3 * here + after], axis=1)
        grey = np.moveaxis(halves.reshape(-1, *grey.shape[1:]), 0, axis)
    return grey


def _thin(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the lines in the middle of strokes, a pixel wide, and what is deep inside of blobs.

    Glyphs are bordered by paper.
    """
    from skimage.morphology import skeletonize

    lines: NDArray[np.bool_] = skeletonize(ink.reshape(-1, ink.shape[2])).reshape(ink.shape)
    # A loop that was filled is no line: what lies far deeper than the middle of strokes stays.
    depths = _measure(~ink)
    middle = (depths * lines).sum(axis=(1, 2)) / np.maximum(lines.sum(axis=(1, 2)), 1)
    lines |= depths > _BLOB * middle[:, None, None]
    is_lost = ~lines.any(axis=(1, 2))
    lines[is_lost] = ink[is_lost]
    return lines


def _measure(lines: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return how far pixels are from lines, in ``1 / _UNIT`` of them, up to `_FAR`."""
    # With rows first, then with columns first, so that steps are taken by whole rows of memory.
    steps = np.ascontiguousarray(np.where(lines, np.uint8(0), np.uint8(_FAR)).transpose(1, 0, 2))
    for here, there in (*pairwise(range(len(steps))), *pairwise(reversed(range(len(steps))))):
        np.minimum(steps[there], steps[here] + np.uint8(1), out=steps[there])
    squares = np.ascontiguousarray((steps * steps).transpose(2, 1, 0))
    nearest = squares.copy()
    for shift in range(1, _FAR):
        square = np.uint8(shift * shift)
        # What is farther than `_FAR` need not be told apart: no sum leaves a byte.
        farther = np.minimum(squares, _FAR * _FAR - square) + square
        np.minimum(nearest[shift:], farther[:-shift], out=nearest[shift:])
        np.minimum(nearest[:-shift], farther[shift:], out=nearest[:-shift])
    roots = np.round(np.sqrt(np.arange(_FAR * _FAR + 1)) * _UNIT).astype(np.int32)
    distances: NDArray[np.int32] = roots.take(nearest.transpose(1, 2, 0))
    return distances


def _average(values: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the means of squares of five pixels, which go on beyond the edges of pictures."""
    rows, columns = values.shape[1:]
    wide = np.pad(values, ((0, 0), (2, 2), (2, 2)), "edge")
    wide = np.add.reduce([wide[:, k : k + rows] for k in range(5)])
    wide = np.add.reduce([wide[:, :, k : k + columns] for k in range(5)])
    means: NDArray[np.int32] = wide // 25
    return means
