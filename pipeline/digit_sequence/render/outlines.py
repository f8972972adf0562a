"""Outlines of the ink of digits as it fills their cells, before anything is drawn.

Each glyph pixel with ink becomes a rectangle on the canvas, around the parallelogram that it is
mapped to; a row has ink between the outermost edges of the rectangles that its middle is in.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.engines import Engine
from digit_sequence.base.rounding import round_factor
from digit_sequence.transforms.geometry import Cells, Outlines

FAINT = 4
"""Ink is what has the brightest pixel of its glyph divided by this, or more."""


def trace_outlines(
    images: NDArray[np.uint8],
    glyph_ids: NDArray[np.int32],
    cells: Cells,
    height: int,
    engine: Engine,
) -> Outlines:
    """Trace the ink of G glyphs, in columns from the centre of each frame.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, h, w)
        All glyphs of the bank.
    glyph_ids : ndarray of int32, shape (G,)
    cells : Cells
    height : int
        Of the canvas.
    engine : {"skimage", "numba"}
    """
    shape = (len(glyph_ids), 2 * height)
    outlines = Outlines(np.full(shape, np.inf), np.full(shape, -np.inf))
    # As a contiguous (G, 4): the last bit of a tangent differs between processors.
    matrices = np.ascontiguousarray(round_factor(cells.forward.reshape(4, -1)).T)
    centres = np.ascontiguousarray(cells.centres.T)
    # The row of the outlines, in edges, at which the centre of each frame lies.
    rows = round_factor(height // 2 + height / 2 + cells.drops)
    if engine == "numba":
        from digit_sequence.render.outlines_kernels import trace

        trace(images, glyph_ids, matrices, centres, rows, FAINT, outlines.first, outlines.last)
    else:
        _trace(images[glyph_ids], matrices, centres, rows, outlines)
    return outlines


def _trace(
    glyphs: NDArray[np.uint8],
    matrices: NDArray[np.float64],
    centres: NDArray[np.float64],
    rows: NDArray[np.float64],
    outlines: Outlines,
) -> None:
    """Trace glyphs (G, h, w)."""
    level = np.maximum(glyphs.max(axis=(1, 2)) // FAINT, 1)
    owners, i, j = np.nonzero(glyphs >= level[:, None, None])
    a, b, c, d = matrices[owners].T
    x, y = j + 0.5 - centres[owners, 0], i + 0.5 - centres[owners, 1]
    column, row = a * x + b * y, c * x + d * y + rows[owners]
    half_width, half_height = (np.abs(a) + np.abs(b)) / 2, (np.abs(c) + np.abs(d)) / 2
    last_row = outlines.first.shape[1] - 1
    # A pixel that is smaller than a row, and holds the middle of none, is in the row of its centre.
    begin = np.minimum(np.floor(row), np.ceil(row - half_height - 0.5)).clip(0, last_row)
    end = np.maximum(np.floor(row), np.floor(row + half_height - 0.5)).clip(0, last_row)
    for step in range(int((end - begin).max(initial=0)) + 1):
        here = np.flatnonzero(begin + step <= end)
        place = owners[here], (begin[here] + step).astype(np.int64)
        np.minimum.at(outlines.first, place, (column - half_width)[here])
        np.maximum.at(outlines.last, place, (column + half_width)[here])
