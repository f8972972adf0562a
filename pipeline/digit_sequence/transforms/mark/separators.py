"""Dots and commas between thousands."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals, Probability
from digit_sequence.base.characters import DIGITS
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream, to_decimals, to_uniform
from digit_sequence.transforms.canvas import Pages
from digit_sequence.transforms.geometry import Row
from digit_sequence.transforms.mark.marks import (
    Line,
    Marks,
    Traced,
    count_words,
    pick_names,
    trace_marks,
)
from digit_sequence.transforms.transform import Chance, Drawn, Placement, Section

Room = Annotated[float, Field(ge=0, le=2), Decimals(3)]
_DOTS = (("dot", 0.55), ("point", 0.35), ("high_dot", 0.1))
_COMMAS = (("comma", 0.6), ("tick", 0.4))


class Separators(Marks, Placement):
    """Write a dot or comma between thousands of a number of digits alone, and make room for it.

    The label leaves it out: switch it off, and `leading` and `trailing`, where the labels of other
    numbers have such signs.
    """

    name: ClassVar = "separators"
    section: ClassVar[Section] = "line"
    signs: ClassVar = ".,"
    example: ClassVar = {"commas": 0.3, "room": [0.05, 0.6]}
    kinds: ClassVar = {"dots": {"commas": 0.0}, "commas": {"commas": 1.0}}
    columns: ClassVar = (
        Column("separator", "string", "mark between thousands; empty: none"),
        Column(
            "separator_room",
            "float64",
            "columns added for it before the digit, in widths of a digit's cell",
            "digit",
        ),
    )

    class Settings(Chance):
        """Dots and commas between thousands."""

        commas: Probability = 0.3
        """Share of commas; the rest are dots."""
        room: Annotated[tuple[Room, Room], *AS_RANGE] = (0.05, 0.35)
        """Columns that are added for each, in widths of the cells beside it."""

    def draw(self, stream: Stream) -> dict[str, NDArray[Any]]:
        """Draw a chance, dot or comma and its kind for a line, and a room for each place."""
        chance, family, kind = stream.per_sample(3)
        is_comma = to_uniform(family) < self.settings.commas
        names = np.where(is_comma, pick_names(kind, _COMMAS), pick_names(kind, _DOTS))
        identities = stream.identities
        lengths = np.diff(identities.starts)
        is_other = (identities.digits >= len(DIGITS)) | identities.spaced
        has_others = np.logical_or.reduceat(is_other, identities.starts[:-1])
        is_chosen = self.is_chosen(chance) & (lengths > 3) & ~has_others
        low, high = self.settings.room
        (words,) = stream.per_digit(1)
        is_place = (lengths[identities.owners] - identities.slots) % 3 == 0
        is_place &= (identities.slots > 0) & is_chosen[identities.owners]
        room = np.where(is_place, to_decimals(words, low, high, 3), 0.0)
        return {"separator": np.where(is_chosen, names, ""), "separator_room": room}

    def place(self, row: Row, drawn: Drawn) -> Drawn:
        """Widen the gaps that a mark stands in."""
        widths = (np.roll(row.widths, 1) + row.widths) / 2
        row.gaps = row.gaps + np.floor(drawn["separator_room"] * widths + 0.5).astype(np.int64)
        return {"spacing": row.gaps}

    def trace(self, pages: Pages, drawn: Drawn, stream: Stream) -> list[Traced]:
        """Put a mark in the middle of each gap, at the foot of the digits beside it."""
        identities = stream.identities
        lengths = np.diff(identities.starts)
        place, rest = np.divmod(lengths[identities.owners] - identities.slots, 3)
        names = drawn["separator"][identities.owners]
        digits = np.flatnonzero((rest == 0) & (identities.slots > 0) & (names != ""))
        if not len(digits):
            return []
        line = Line(pages)
        _, left, bottom, right = line.boxes
        middle = (right[digits - 1] + left[digits]) / 2 - 0.5
        bottoms = np.maximum(bottom[digits - 1], bottom[digits]).astype(np.float64)
        samples, owners = np.unique(identities.owners[digits], return_inverse=True)
        n_words = count_words(name for name, _ in _DOTS + _COMMAS)
        first = (place[digits] - 1) * n_words
        words = stream.part("pen").of_samples(samples, int(first.max()) + n_words)
        own = words[first + np.arange(n_words)[:, None], owners]
        return trace_marks(names[digits], digits - 1, line, middle, bottoms, own)
