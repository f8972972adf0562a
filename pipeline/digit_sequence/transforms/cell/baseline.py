"""Digits that do not stand on one line."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.transforms.geometry import Cells
from digit_sequence.transforms.transform import CellMap, Chance, Drawn, Section

Share = Annotated[float, Field(ge=-0.3, le=0.3), Decimals(3)]


class Baseline(CellMap):
    """Move a digit up or down; what leaves the canvas is cut."""

    name: ClassVar = "baseline"
    section: ClassVar[Section] = "glyph"
    example: ClassVar = {"rise": [-0.15, 0.15]}
    columns: ClassVar = (
        Column("rise", "float64", "of the digit, share of the line's height", "digit"),
    )

    class Settings(Chance):
        """Digits above and below the line."""

        rise: Annotated[tuple[Share, Share], *AS_RANGE]
        """Share of the line's height, which is the canvas' without line.height; positive: up."""

    def shape(self, cells: Cells, drawn: Drawn) -> None:
        """Raise the cell."""
        cells.drops = cells.drops - drawn["rise"] * cells.height
