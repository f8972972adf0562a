"""Cut a glyph to its ink."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from digit_sequence.base.blocks import Block
from digit_sequence.transforms.geometry import Cells
from digit_sequence.transforms.transform import CellMap, Drawn, Section

MIN_INK_ROWS = 5
"""Rows that the ink of a digit keeps, at least, between the margins."""
INK_ROWS = 20
"""Rows of ink of a glyph of MNIST, at most."""


class Crop(CellMap):
    """Fill the cell with the ink box instead of the whole glyph."""

    name: ClassVar = "crop"
    section: ClassVar[Section] = "glyph"
    example: ClassVar = {"margin": 2}

    class Settings(Block):
        """Cut a glyph to its ink."""

        margin: int = Field(0, ge=0, le=64)
        """Rows kept free above and below the ink, in pixels of the glyph."""

    def check(self, height: int, width: int) -> None:  # noqa: ARG002
        """Refuse a margin that leaves no rows for ink."""
        margin = self.settings.margin
        if height * INK_ROWS < MIN_INK_ROWS * (INK_ROWS + 2 * margin):
            raise ValueError(
                f"glyph.crop.margin: expected to leave {MIN_INK_ROWS} of the {height} rows of the "
                f"canvas for ink that is {INK_ROWS} rows high, got a margin of {margin} on each "
                "side"
            )

    def shape(self, cells: Cells, drawn: Drawn) -> None:  # noqa: ARG002
        """Frame the ink."""
        margin = self.settings.margin
        cells.frame = cells.ink + np.array([[-margin], [0], [margin], [0]])
