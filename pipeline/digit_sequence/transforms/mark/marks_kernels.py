"""Painting marks, compiled: see `marks`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import types

from digit_sequence.base.compiled import kernel, reads


@kernel(reads(types.uint8, 3), reads(types.int64, 1), reads(types.int64, 2), types.int64[:, ::1])
def measure_digits(pages, samples, boxes, sums):
    """Sum, for boxes (N, 4) of pages, the ink and how much it changes along rows and columns.

    `sums`, (2, N), is set; beyond a box is no ink.
    """
    for n in range(len(samples)):
        top, left, bottom, right = boxes[n]
        page = pages[samples[n]]
        width = right - left
        above = np.zeros(width, np.int32)
        area, changes = np.int64(0), np.int64(0)
        for y in range(top, bottom):
            row = page[y, left:right]
            before, total = np.int32(0), np.int32(0)
            for x in range(width):
                value = np.int32(row[x])
                area += value
                total += abs(value - before) + abs(value - above[x])
                above[x] = before = value
            changes += total + before
        for x in range(width):
            changes += above[x]
        sums[0, n], sums[1, n] = area, changes


@kernel(
    types.uint8[:, :, ::1], reads(types.float64, 2), reads(types.float64, 1), reads(types.int64, 1)
)
def paint_segments(pages, ends, radii, samples):
    """Paint segments on pages, as of `Segments`."""
    height, width = pages.shape[1:]
    for m in range(len(samples)):
        page, radius = pages[samples[m]], radii[m]
        row, column, last_row, last_column = ends[m]
        down, across = last_row - row, last_column - column
        length = down * down + across * across
        divisor = length if length > 0 else 1.0
        reach = radius + 0.5
        top = np.int64(max(np.floor(min(row, last_row) - reach), 0.0))
        left = np.int64(max(np.floor(min(column, last_column) - reach), 0.0))
        bottom = np.int64(min(np.ceil(max(row, last_row) + reach) + 1, height))
        right = np.int64(min(np.ceil(max(column, last_column) + reach) + 1, width))
        farthest = reach * reach
        for y in range(top, bottom):
            pixels = page[y, left:right]
            for x in range(right - left):
                dr, dc = y - row, x + left - column
                along = (dr * down + dc * across) / divisor
                along = min(max(along, 0.0), 1.0)
                dr, dc = dr - along * down, dc - along * across
                away = dr * dr + dc * dc
                if away < farthest:
                    ink = min(0.5 + radius - np.sqrt(away), 1.0)
                    pixels[x] = max(pixels[x], np.uint8(np.int64(max(ink, 0.0) * 255 + 0.5)))
