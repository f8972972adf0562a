"""Where a line stands on its canvas."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Block, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream, to_decimals
from digit_sequence.transforms.geometry import Line
from digit_sequence.transforms.transform import Drawn, LineMove, Section

CUT = 0.25
"""Share of the rows, and of the columns, of its ink that a digit loses at the edge, at most."""
MARK = 0.8
"""Columns for a mark behind a line, heights of its tallest digit: most of them fit."""
TopShare = Annotated[float, Field(ge=-CUT, le=0.8), Decimals(3)]
LeftShare = Annotated[float, Field(ge=-CUT, le=16), Decimals(3)]


class Place(LineMove):
    """Free rows above the ink of a line and free columns before it, as shares of the canvas height.

    Negative: ink is cut. A line that would leave the canvas at the bottom or on the right is moved
    up or left: there as much may be cut as at the top or on the left, nothing if these ranges begin
    at 0. No digit loses more than a quarter of its rows or columns, but where a line is higher or
    wider than the canvas; its middle stands in that of the canvas then. An image that is as wide as
    its line has as many free columns behind it, and room for the mark of `line.trailing`.
    """

    name: ClassVar = "place"
    section: ClassVar[Section] = "line"
    example: ClassVar = {"top": [-0.2, 0.3], "left": [-0.2, 1]}
    columns: ClassVar = (
        Column("place_top", "float64", "rows above the ink, share of the canvas height"),
        Column("place_left", "float64", "columns before the ink, share of the canvas height"),
    )
    needs_outlines: ClassVar = True

    class Settings(Block):
        """Where a line stands, in place of `canvas.align`."""

        top: Annotated[tuple[TopShare, TopShare], *AS_RANGE]
        """Rows above the ink, as a share of the canvas height; negative: cut."""
        left: Annotated[tuple[LeftShare, LeftShare], *AS_RANGE]
        """Columns before the ink, as a share of the canvas height; negative: cut."""

    def check(self, height: int, width: int) -> None:
        """Refuse free columns that are never there."""
        least = self.settings.left[0]
        if least * height >= width:
            raise ValueError(
                f"line.place.left: expected less than {width / height:g}, which is the whole width "
                f"of the canvas of {height} x {width} pixels, got {least:g}"
            )

    def draw(self, stream: Stream) -> dict[str, NDArray[Any]]:
        """Draw the rows above a line, and the columns before it."""
        words = stream.per_sample(2)
        bounds = (self.settings.top, self.settings.left)
        top, left = (
            to_decimals(word, low, high, 3) for word, (low, high) in zip(words, bounds, strict=True)
        )
        return {"place_top": top, "place_left": left}

    def move(self, line: Line, drawn: Drawn) -> Drawn:
        """Move lines by whole rows and columns."""
        top, left, bottom, right = line.boxes()
        rows, free_rows = _fit(
            top, bottom, line, drawn["place_top"], self.settings.top, line.height
        )
        free = 2 * drawn["place_left"] * line.height
        if "trailing" in drawn:
            tallest = np.maximum.reduceat(bottom - top, line.starts[:-1])
            free = free + MARK * tallest * (drawn["trailing"] != "")
        _widen(left, right, line, free)
        columns, free_columns = _fit(
            left, right, line, drawn["place_left"], self.settings.left, line.widths
        )
        line.rows = line.rows + rows[line.samples]
        line.columns = line.columns + columns[line.samples]
        return {"place_top": free_rows, "place_left": free_columns}


def _widen(
    left: NDArray[np.float64], right: NDArray[np.float64], line: Line, free: NDArray[np.float64]
) -> None:
    """Make images as wide as their lines and free columns (B,) beside them, within bounds.

    Where these are less than nothing, they have room for what no digit may lose.
    """
    starts, lost = line.starts[:-1], CUT * (right - left)
    length, kept = (
        np.maximum.reduceat(end, starts) - np.minimum.reduceat(begin, starts)
        for begin, end in ((left, right), (left + lost, right - lost))
    )
    wanted = np.ceil(np.maximum(length + free, kept))
    line.widths = wanted.clip(*line.bounds).astype(np.int64)


def _fit(
    begin: NDArray[np.float64],
    end: NDArray[np.float64],
    line: Line,
    free: NDArray[np.float64],
    bounds: tuple[float, float],
    size: NDArray[np.int64] | int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return by how many pixels each line is moved (B,), and what is free before it then.

    Parameters
    ----------
    begin, end : ndarray of float64, shape (G,)
        Of the ink of each digit, along one axis of the canvas.
    free : ndarray of float64, shape (B,)
        Free pixels before the line, share of the canvas height.
    bounds : (float, float)
        What was drawn from.
    size : ndarray of int64, shape (B,), or int
        Of the images along that axis.
    """
    starts = line.starts[:-1]
    first, last = np.minimum.reduceat(begin, starts), np.maximum.reduceat(end, starts)
    lost = CUT * (end - begin)
    least = -np.minimum.reduceat(begin + lost, starts)
    most = size - np.maximum.reduceat(end - lost, starts)
    cut = max(0.0, -bounds[0]) * line.height
    room = size - (last - first)
    most = np.minimum(most, np.maximum(room + cut, room / 2) - first)
    wanted = np.clip(free * line.height - first, least, most)
    moved = np.floor(np.where(least <= most, wanted, (least + most) / 2) + 0.5)
    return moved, np.round((first + moved) / line.height, 3)
