"""Lean digits sideways: rows move along themselves, in proportion to their height."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from digit_sequence.base.columns import Column
from digit_sequence.transforms.cell.turn import DegreesRange
from digit_sequence.transforms.geometry import Cells
from digit_sequence.transforms.transform import CellMap, Chance, Drawn, Section


class Shear(CellMap):
    """Lean a digit; rows above its centre move right for a positive angle."""

    name: ClassVar = "shear"
    section: ClassVar[Section] = "glyph"
    example: ClassVar = {"degrees": [-30, 30]}
    columns: ClassVar = (
        Column("shear_degrees", "float64", "positive: leans to the right", "digit"),
    )

    class Settings(Chance):
        """Lean digits sideways."""

        degrees: DegreesRange
        """Positive: the top of the digit moves right."""

    def shape(self, cells: Cells, drawn: Drawn) -> None:
        """Shear about the centre of the cell, signs about their own."""
        slope = np.tan(np.radians(drawn["shear_degrees"]))
        cells.turn(1.0, -slope, 0.0, 1.0)  # rows count downwards
        cells.overhang = cells.overhang + np.abs(slope) * cells.height
