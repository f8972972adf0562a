"""What maps change: cells in the making, rows of cells, points of the canvas.

Coordinates are (row, column) with pixel centres on integers; matrices alone are (column, row), as
scikit-image has them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Factor = NDArray[np.float64] | float


@dataclass
class Cells:
    """How G glyphs fill their cells."""

    ink: NDArray[np.float64]
    """(4, G) ink box of each glyph: top, left, bottom, right, half-open."""
    frame: NDArray[np.float64]
    """(4, G) the part of the glyph that fills the cell; likewise."""
    height: int
    """Rows of a cell: those of the canvas."""
    forward: NDArray[np.float64]
    """(2, 2, G) maps of (column, row) from the glyph to the cell, about the centres of both."""
    widths: NDArray[np.float64]
    """(G,) columns of each cell."""
    drops: NDArray[np.float64]
    """(G,) rows that the centre of each cell lies below the middle of the canvas."""
    overhang: NDArray[np.float64]
    """(G,) columns by which a cell grows where ink is not fitted to it."""
    is_clipped: bool = False
    """Whether ink is cut where it stands out of its cell."""

    @property
    def centres(self) -> NDArray[np.float64]:
        """(2, G) column and row of the centre of the frame in the glyph."""
        top, left, bottom, right = self.frame
        return np.stack([(left + right) / 2, (top + bottom) / 2])

    def transform(self, a: Factor, b: Factor, c: Factor, d: Factor) -> None:
        """Follow the maps by others, ``[[a, b], [c, d]]`` of (column, row), each (G,) or a number.

        Not by a linear algebra library, whose last bit depends on the processor.
        """
        (e, f), (g, h) = self.forward
        self.forward = np.stack([a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h])
        self.forward = self.forward.reshape(2, 2, -1)


    def reach(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return how far, across and down, the ink box reaches from the centre, at most: (G,)."""
        centre_column, centre_row = self.centres
        top, left, bottom, right = self.ink
        (a, b), (c, d) = self.forward
        corners = [
            (x - centre_column, y - centre_row) for x in (left, right) for y in (top, bottom)
        ]
        across = np.max([np.abs(a * x + b * y) for x, y in corners], axis=0)
        down = np.max([np.abs(c * x + d * y) for x, y in corners], axis=0)
        return across, down


def begin_cells(ink: NDArray[np.int16], glyph_shape: tuple[int, int], height: int) -> Cells:
    """Return cells that whole glyphs are to fill."""
    rows, columns = glyph_shape
    return Cells(
        ink=ink.T.astype(np.float64),
        frame=np.outer([0.0, 0.0, rows, columns], np.ones(len(ink))),
        height=height,
        forward=np.multiply.outer(np.eye(2), np.ones(len(ink))),
        widths=np.full(len(ink), float(columns)),
        drops=np.zeros(len(ink)),
        overhang=np.zeros(len(ink)),
    )


@dataclass
class Row:
    """How the cells of B numbers stand in a row, G of them."""

    widths: NDArray[np.int64]
    """(G,) columns of each cell."""
    gaps: NDArray[np.int64]
    """(G,) columns between a cell and the one before it; 0 for the first of a number."""
    samples: NDArray[np.int64]
    """(G,) which number a cell belongs to."""
    starts: NDArray[np.int64]
    """(B + 1,): the cells of number b are ``starts[b]:starts[b + 1]``."""


@dataclass
class Points:
    """N points of canvases."""

    rows: NDArray[np.float64]
    columns: NDArray[np.float64]
    samples: NDArray[np.int64]
    """(N,) which canvas a point is on."""
    height: int
    width: int
    """Of the canvases."""
