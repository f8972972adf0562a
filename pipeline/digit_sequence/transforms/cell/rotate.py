"""Turn digits about their centre."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from digit_sequence.base.columns import Column
from digit_sequence.transforms.cell.turn import DegreesRange
from digit_sequence.transforms.geometry import Cells
from digit_sequence.transforms.transform import CellMap, Chance, Drawn, Section


class Rotate(CellMap):
    """Turn a digit; the size of its cell stays."""

    name: ClassVar = "rotate"
    section: ClassVar[Section] = "glyph"
    example: ClassVar = {"degrees": [-30, 30]}
    columns: ClassVar = (
        Column("rotate_degrees", "float64", "positive: counter-clockwise", "digit"),
    )

    class Settings(Chance):
        """Turn digits about their centre."""

        degrees: DegreesRange
        """Positive: counter-clockwise."""

    def shape(self, cells: Cells, drawn: Drawn) -> None:
        """Turn about the centre of the cell, signs about their own."""
        angle = np.radians(drawn["rotate_degrees"])
        cosine, sine = np.cos(angle), np.sin(angle)
        cells.turn(cosine, sine, -sine, cosine)  # rows count downwards
