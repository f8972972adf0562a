"""Strokes from one digit into the next."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import Decimals, Probability
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
_PART, _FOOT = 0.45, 0.15
"""Of the height of a digit, from the top or the foot: where a stroke leaves and arrives."""


class Joins(Marks):
    """Draw a stroke from a digit into the next, as in a chain of zeros.

    From the top of 0, 5 and 8 into that of 0, 3, 5, 6, 8 and 9, or from foot to foot of two zeros;
    the chance is of each such pair.
    """

    name: ClassVar = "joins"
    section: ClassVar[Section] = "line"
    example: ClassVar = {}
    number: ClassVar = "50800"
    kinds: ClassVar = {"at the top": {"feet": 0.0}, "at the foot": {"feet": 1.0}}
    columns: ClassVar = (
        Column("joined", "bool", "a stroke leads from the digit before into this one", "digit"),
        Column("joined_foot", "bool", "it leads from foot to foot", "digit"),
    )

    class Settings(Chance):
        """Strokes from one digit into the next; `probability` is of each pair."""

        zeros: Annotated[float, Field(ge=1, le=100), Decimals(2)] = 4.0
        """How many times as often two zeros are joined."""
        feet: Probability = 0.0
        """Share of strokes between zeros that lead from foot to foot."""

    def draw(self, stream: Stream) -> dict[str, NDArray[Any]]:
        """Draw a chance for each digit but the first, and top or foot."""
        chance, place = stream.per_digit(2)
        digits = stream.identities.digits
        before = np.roll(digits, 1)
        is_zeros = (digits == 0) & (before == 0)
        share = self.settings.probability * np.where(is_zeros, self.settings.zeros, 1.0)
        is_pair = np.isin(before, _LEAVING) & np.isin(digits, _ENTERED)
        is_pair &= (stream.identities.slots > 0) & ~stream.identities.spaced
        is_joined = (to_uniform(chance) < share) & is_pair
        at_foot = is_joined & is_zeros & (to_uniform(place) < self.settings.feet)
        return {"joined": is_joined, "joined_foot": at_foot}

    def trace(self, pages: Pages, drawn: Drawn, stream: Stream) -> list[Traced]:
        """Lead a hollow stroke from the rightmost ink of one to the leftmost of the next."""
        digits = np.flatnonzero(drawn["joined"])
        if not len(digits):
            return []
        line = Line(pages)
        at_foot = drawn["joined_foot"][digits]
        begin = _find_edges(pages, line, digits - 1, at_foot, is_right=True)
        end = _find_edges(pages, line, digits, at_foot, is_right=False)
        (words,) = stream.part("pen").per_digit(1)
        sag = (0.2 * to_uniform(words[digits]) - 0.02) * np.abs(end[:, 1] - begin[:, 1])
        down = np.stack([sag, 0 * sag], axis=-1)
        between = [(begin * 2 + end) / 3 + down, (begin + end * 2) / 3 + down]
        points = np.stack([begin, *between, end], axis=1)
        return [Traced(draw_curves(points, np.zeros(4, np.bool_), STEPS), digits - 1)]


def _find_edges(
    pages: Pages,
    line: Line,
    digits: NDArray[np.int64],
    at_foot: NDArray[np.bool_],
    *,
    is_right: bool,
) -> NDArray[np.float64]:
    """Return row and column (N, 2) of the outermost ink in the upper part of digits, or foot."""
    top, left, bottom, right = line.boxes[:, digits]
    part = np.where(at_foot, _FOOT, _PART)
    rows = np.maximum(((bottom - top) * part).astype(np.int64), 1)
    top = np.where(at_foot, bottom - rows, top)
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
