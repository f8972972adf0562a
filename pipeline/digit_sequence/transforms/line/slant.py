"""Lean all digits of a line alike."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from digit_sequence.base.columns import Column
from digit_sequence.transforms.cell.turn import DegreesRange
from digit_sequence.transforms.geometry import Cells
from digit_sequence.transforms.transform import CellMap, Chance, Drawn, Section


class Slant(CellMap):
    """Lean all digits of a line alike; `glyph.shear` leans each by some degrees more."""

    name: ClassVar = "slant"
    section: ClassVar[Section] = "line"
    example: ClassVar = {"degrees": [-25, 40]}
    columns: ClassVar = (
        Column("slant_degrees", "float64", "of the line; positive: leans to the right"),
    )

    class Settings(Chance):
        """Lean all digits of a line alike."""

        degrees: DegreesRange
        """Positive: the tops of digits move right."""

    def shape(self, cells: Cells, drawn: Drawn) -> None:
        """Shear about the centre of the cell."""
        slope = np.tan(np.radians(drawn["slant_degrees"]))[cells.samples]
        cells.transform(1.0, -slope, 0.0, 1.0)  # rows count downwards
        cells.overhang = cells.overhang + np.abs(slope) * cells.height
