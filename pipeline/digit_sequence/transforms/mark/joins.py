"""Strokes from one digit into the next."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream, to_uniform
from digit_sequence.pen.curves import draw_curves
from digit_sequence.transforms.canvas import Pages
from digit_sequence.transforms.mark.marks import STEPS, Line, Marks, Traced
from digit_sequence.transforms.transform import Chance, Drawn, Section

_LEAVING, _ENTERED = (0, 5, 8), (0, 3, 5, 6, 8, 9)
"""Digits that end at the upper right, or begin at the upper left."""
_INK = 128
"""A pixel this bright is a stroke."""
_PART = 0.45
"""Of the height of a digit, from the top: where a stroke leaves and arrives."""


class Joins(Marks):
    """Draw a stroke from the top of a digit into the top of the next, as in a chain of zeros.

    From 0, 5 and 8 into 0, 3, 5, 6, 8 and 9; the chance is of each such pair.
    """

    name: ClassVar = "joins"
    section: ClassVar[Section] = "line"
    example: ClassVar = {}
    columns: ClassVar = (
        Column("joined", "bool", "a stroke leads from the digit before into this one", "digit"),
    )

    class Settings(Chance):
        """Strokes from one digit into the next; `probability` is of each pair."""

        zeros: Annotated[float, Field(ge=1, le=100), Decimals(2)] = 4.0
        """How many times as often two zeros are joined."""

    def draw(self, stream: Stream) -> dict[str, NDArray[Any]]:
        """Draw a chance for each digit but the first."""
        (chance,) = stream.per_digit(1)
        digits = stream.identities.digits
        before = np.roll(digits, 1)
        is_zeros = (digits == 0) & (before == 0)
        share = self.settings.probability * np.where(is_zeros, self.settings.zeros, 1.0)
        is_pair = np.isin(before, _LEAVING) & np.isin(digits, _ENTERED)
        is_pair &= (stream.identities.slots > 0) & ~stream.identities.spaced
        return {"joined": (to_uniform(chance) < share) & is_pair}

    def trace(self, pages: Pages, drawn: Drawn, stream: Stream) -> list[Traced]:
        """Lead a hollow stroke from the rightmost ink of one to the leftmost of the next."""
        digits = np.flatnonzero(drawn["joined"])
        if not len(digits):
            return []
        line = Line(pages)
        begin = _find_edges(pages, line, digits - 1, is_right=True)
        end = _find_edges(pages, line, digits, is_right=False)
        (words,) = stream.part("pen").per_digit(1)
        sag = (0.2 * to_uniform(words[digits]) - 0.02) * np.abs(end[:, 1] - begin[:, 1])
        down = np.stack([sag, 0 * sag], axis=-1)
        between = [(begin * 2 + end) / 3 + down, (begin + end * 2) / 3 + down]
        points = np.stack([begin, *between, end], axis=1)
        return [Traced(draw_curves(points, np.zeros(4, np.bool_), STEPS), digits - 1)]


def _find_edges(
    pages: Pages, line: Line, digits: NDArray[np.int64], *, is_right: bool
) -> NDArray[np.float64]:
    """Return row and column (N, 2) of the outermost ink in the upper part of digits."""
    top, left, bottom, right = line.boxes[:, digits]
    rows = np.maximum(((bottom - top) * _PART).astype(np.int64), 1)
    y = np.arange(rows.max())
    x = np.arange((right - left).max())
    row = np.minimum(top[:, None] + y, top[:, None] + rows[:, None] - 1)[:, :, None]
    column = right[:, None] - 1 - x if is_right else left[:, None] + x
    column = column.clip(left[:, None], right[:, None] - 1)[:, None, :]
    sample = line.samples[digits][:, None, None]
    has_ink = pages.pixels[sample, row, column] >= _INK
    reach = np.where(has_ink.any(axis=2), has_ink.argmax(axis=2), len(x))
    place = reach.argmin(axis=1)
    away = np.minimum(reach[np.arange(len(digits)), place], right - left - 1)
    found = right - 1 - away if is_right else left + away
    return np.stack([top + np.minimum(place, rows - 1), found], axis=-1).astype(np.float64)
