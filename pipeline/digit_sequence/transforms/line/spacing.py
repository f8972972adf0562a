"""Columns between digits."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream, to_integers
from digit_sequence.transforms.geometry import Row
from digit_sequence.transforms.transform import Drawn, Placement, Section

Columns = Annotated[int, Field(ge=-1000, le=1000)]


class Spacing(Placement):
    """Columns between two digits; negative: they overlap, by half the narrower one at most.

    Signs overlap with none.
    """

    name: ClassVar = "spacing"
    section: ClassVar[Section] = "line"
    example: ClassVar = [-6, 12]
    Settings = Annotated[tuple[Columns, Columns], *AS_RANGE]
    default: ClassVar = (5, 10)
    columns: ClassVar = (
        Column("spacing", "int32", "columns before the digit, before any shrinking", "digit"),
    )

    def draw(self, stream: Stream) -> dict[str, NDArray[Any]]:
        """Draw the columns before each digit; before the first one there are none."""
        (words,) = stream.per_digit(1)
        spacing = to_integers(words, *self.settings)
        spacing[stream.identities.starts[:-1]] = 0
        return {"spacing": spacing}

    def place(self, row: Row, drawn: Drawn) -> Drawn:
        """Put the gaps between cells, without hiding one digit behind another."""
        row.gaps = np.maximum(drawn["spacing"], row.least_gaps)
        row.gaps[row.starts[:-1]] = 0
        return {"spacing": row.gaps}
