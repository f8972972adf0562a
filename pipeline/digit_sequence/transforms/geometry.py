"""What maps change: cells in the making, rows of cells, points of the canvas.

Coordinates are (row, column) with pixel centres on integers; matrices alone are (column, row), as
scikit-image has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.engines import Engine

Factor = NDArray[np.float64] | float


@dataclass
class Cells:
    """How G glyphs fill their cells."""

    ink: NDArray[np.float64]
    """(4, G) ink box of each glyph: top, left, bottom, right, half-open."""
    body: NDArray[np.float64]
    """(4, G) likewise, but a sign is as high as a digit: see `GlyphBank.bodies`."""
    frame: NDArray[np.float64]
    """(4, G) the part of the glyph that fills the cell; likewise."""
    samples: NDArray[np.int64]
    """(G,) which number a cell belongs to."""
    height: NDArray[np.float64]
    """(G,) rows of each cell: those of the canvas, but for what `line.height` makes of them."""
    forward: NDArray[np.float64]
    """(2, 2, G) maps of (column, row) from the glyph to the cell, about the centres of both."""
    widths: NDArray[np.float64]
    """(G,) columns of each cell."""
    drops: NDArray[np.float64]
    """(G,) rows that the centre of each cell lies below the middle of the canvas."""
    overhang: NDArray[np.float64]
    """(G,) columns by which a cell grows where ink is not fitted to it."""
    slides: NDArray[np.float64]
    """(G,) columns that the centre of the frame lies right of that of the cell."""
    outline: NDArray[np.float64]
    """(4, G) top, left, bottom, right of the ink on the canvas, about the centre of the frame; 0
    where no transform asks for outlines."""
    canvas_height: int
    """Rows of the canvas."""
    is_clipped: bool = False
    """Whether ink is cut where it stands out of its cell."""
    is_rigid: bool = False
    """Whether a row that is too wide is shrunk as a whole, and not its columns alone."""

    @property
    def centres(self) -> NDArray[np.float64]:
        """(2, G) column and row of the centre of the frame in the glyph."""
        top, left, bottom, right = self.frame
        return np.stack([(left + right) / 2, (top + bottom) / 2])

    @property
    def room(self) -> NDArray[np.float64]:
        """(G,) rows that ink may reach from the centre of its cell, up and down.

        That is half the cell; of a sign as much more as it stands out of the frame by itself, where
        the canvas has it.
        """
        half = self.height / 2
        if self.body is self.ink:
            return half
        top, _, bottom, _ = self.frame
        own = np.maximum(top - self.ink[0], self.ink[2] - bottom).clip(0) / (bottom - top)
        room: NDArray[np.float64] = np.minimum(
            half * (1 + 2 * own), np.maximum(half, self.canvas_height / 2)
        )
        return room

    def transform(self, a: Factor, b: Factor, c: Factor, d: Factor) -> None:
        """Follow the maps by ``[[a, b], [c, d]]`` of (column, row), each (G,) or a number."""
        self.forward = _follow(self.forward, a, b, c, d)

    def turn(self, a: Factor, b: Factor, c: Factor, d: Factor) -> None:
        """Follow the maps likewise, those of signs about their ink, which stays in its place."""
        if self.body is not self.ink:
            is_sign = (self.body != self.ink).any(axis=0)
            middle = (self.ink[:2] + self.ink[2:]) / 2
            x, y = middle[1] - self.centres[0], middle[0] - self.centres[1]
            (e, f), (g, h) = self.forward
            across, down = e * x + f * y, g * x + h * y
            self.slides = self.slides + is_sign * (across - (a * across + b * down))
            self.drops = self.drops + is_sign * (down - (c * across + d * down))
        self.transform(a, b, c, d)

    def scale(self, across: Factor, down: Factor) -> None:
        """Scale cells as they are to stand on the canvas."""
        self.transform(across, 0.0, 0.0, down)
        self.slides, self.drops = self.slides * across, self.drops * down
        top, left, bottom, right = self.outline
        self.outline = np.stack([top * down, left * across, bottom * down, right * across])

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


def _follow(
    forward: NDArray[np.float64], a: Factor, b: Factor, c: Factor, d: Factor
) -> NDArray[np.float64]:
    """Follow maps (2, 2, G) by others.

    Not by a linear algebra library, whose last bit depends on the processor.
    """
    (e, f), (g, h) = forward
    followed = np.stack([a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h])
    return followed.reshape(2, 2, -1)


def begin_cells(
    ink: NDArray[np.int16],
    frames: NDArray[np.float64],
    height: int,
    samples: NDArray[np.int64],
    bodies: NDArray[np.int16] | None = None,
) -> Cells:
    """Return cells that whole glyphs are to fill: `frames` (4, G) of those with an ink (G, 4)."""
    boxes = ink.T.astype(np.float64)
    return Cells(
        ink=boxes,
        body=boxes if bodies is None else bodies.T.astype(np.float64),
        frame=frames,
        samples=samples,
        height=np.full(len(ink), float(height)),
        forward=np.multiply.outer(np.eye(2), np.ones(len(ink))),
        widths=frames[3] - frames[1],
        drops=np.zeros(len(ink)),
        overhang=np.zeros(len(ink)),
        slides=np.zeros(len(ink)),
        outline=np.zeros((4, len(ink))),
        canvas_height=height,
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
    heights: NDArray[np.float64]
    """(G,) rows of each cell."""
    spaces: NDArray[np.int64]
    """(G,) columns of the space before a cell, on top of the gap; 0 where there is none."""
    is_sign: NDArray[np.bool_]
    """(G,) whether a cell is of a sign."""
    outlines: Outlines | None = None
    """Of the ink, in columns of its cell; where a transform asks for them."""

    @property
    def least_gaps(self) -> NDArray[np.int64]:
        """(G,) the least gaps at which no cell hides another: half of the narrower one overlaps.

        Signs overlap with none, for a dot on a digit is not seen.
        """
        before = np.roll(self.widths, 1)
        least: NDArray[np.int64] = -(np.minimum(before, self.widths) // 2)
        return np.where(self.is_sign | np.roll(self.is_sign, 1), 0, least)


@dataclass(frozen=True)
class Outlines:
    """Between which columns the ink of G digits lies, row by row.

    There are R = 2 H rows, from H // 2 above a canvas of H rows to as many below it. Ink is what
    has a quarter of the brightest pixel of its glyph, or more.
    """

    first: NDArray[np.float64]
    """(G, R) the edge at which the ink of a row begins; infinite where there is none."""
    last: NDArray[np.float64]
    """(G, R) the edge at which it ends; minus infinity where there is none."""

    def shift(self, columns: NDArray[np.float64]) -> Outlines:
        """Return outlines that are some columns (G,) farther right."""
        return Outlines(self.first + columns[:, None], self.last + columns[:, None])

    def boxes(self, height: int) -> NDArray[np.float64]:
        """Return top, left, bottom, right of each digit's ink (4, G), in rows of the canvas."""
        has_ink = self.first < np.inf
        top = has_ink.argmax(axis=1) - height // 2
        bottom = has_ink.shape[1] - has_ink[:, ::-1].argmax(axis=1) - height // 2
        left, right = self.first.min(axis=1), self.last.max(axis=1)
        return np.stack([top, left, bottom, right]).astype(np.float64)


@dataclass
class Line:
    """How the cells of B numbers lie on their canvases, G of them."""

    columns: NDArray[np.float64]
    """(G,) column of the centre of each cell's frame on the canvas."""
    rows: NDArray[np.float64]
    """(G,) likewise."""
    outline: NDArray[np.float64]
    """(4, G) as of `Cells`, before `forward`."""
    samples: NDArray[np.int64]
    """(G,) which number a cell belongs to."""
    starts: NDArray[np.int64]
    """(B + 1,): the cells of number b are ``starts[b]:starts[b + 1]``."""
    height: int
    """Rows of the canvases."""
    widths: NDArray[np.int64]
    """(B,) columns of each image."""
    bounds: tuple[int, int]
    """Within which these may be changed."""
    forward: NDArray[np.float64]
    """(2, 2, G) maps of (column, row) that each cell has followed, about its centre."""

    def transform(self, a: Factor, b: Factor, c: Factor, d: Factor) -> None:
        """Turn and shear cells about their centres; arguments as of `Cells.transform`."""
        self.forward = _follow(self.forward, a, b, c, d)

    def boxes(self) -> NDArray[np.float64]:
        """Return top, left, bottom, right (4, G) of the ink on the canvas, in edges of pixels."""
        top, left, bottom, right = self.outline
        x, y = (left + right) / 2, (top + bottom) / 2
        half_x, half_y = (right - left) / 2, (bottom - top) / 2
        (a, b), (c, d) = self.forward
        column, row = self.columns + 0.5 + a * x + b * y, self.rows + 0.5 + c * x + d * y
        across = np.abs(a) * half_x + np.abs(b) * half_y
        down = np.abs(c) * half_x + np.abs(d) * half_y
        return np.stack([row - down, column - across, row + down, column + across])


def begin_line(
    cells: Cells,
    centre: NDArray[np.float64],
    starts: NDArray[np.int64],
    height: int,
    widths: NDArray[np.int64],
    bounds: tuple[int, int],
) -> Line:
    """Return lines of cells that have not moved; `centre` is (column, row) by (G,)."""
    return Line(
        columns=centre[0],
        rows=centre[1],
        outline=cells.outline,
        samples=cells.samples,
        starts=starts,
        height=height,
        widths=widths,
        bounds=bounds,
        forward=np.multiply.outer(np.eye(2), np.ones(len(cells.samples))),
    )


@dataclass
class Points:
    """The N pixels of B images: one image after another, each row by row."""

    rows: NDArray[np.float64]
    columns: NDArray[np.float64]
    height: int
    """Rows of each image."""
    image_widths: NDArray[np.int64]
    """(B,) columns of each image."""

    @property
    def starts(self) -> NDArray[np.int64]:
        """(B + 1,): the points of image b are ``starts[b]:starts[b + 1]``."""
        return np.concatenate([[0], np.cumsum(self.height * self.image_widths)])

    @cached_property
    def samples(self) -> NDArray[np.int64]:
        """(N,) which image a point is on."""
        return np.repeat(np.arange(len(self.image_widths)), self.height * self.image_widths)

    @property
    def widths(self) -> NDArray[np.int64]:
        """(N,) columns of the image that a point is on."""
        return self.image_widths[self.samples]

    def unpack(self) -> tuple[NDArray[np.float64], NDArray[np.float64], int, NDArray[np.int64]]:
        """Return rows and columns, contiguous and to be changed, height, and widths of images."""
        self.rows, self.columns = map(np.ascontiguousarray, (self.rows, self.columns))
        return self.rows, self.columns, self.height, self.image_widths


def begin_points(
    height: int, image_widths: NDArray[np.int64], engine: Engine = "skimage"
) -> Points:
    """Return points where the pixels of the images are."""
    n_points = height * int(image_widths.sum())
    points = Points(np.empty(n_points), np.empty(n_points), height, image_widths)
    if engine == "numba":
        from digit_sequence.transforms.geometry_kernels import fill_points

        fill_points(*points.unpack())
    else:
        order = np.arange(n_points) - points.starts[points.samples]
        points.rows[:], points.columns[:] = np.divmod(order, points.widths)
    return points
