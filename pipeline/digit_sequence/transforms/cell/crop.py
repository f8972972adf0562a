"""Cut a glyph to its ink."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from digit_sequence.base.blocks import Block
from digit_sequence.transforms.geometry import Cells
from digit_sequence.transforms.transform import CellMap, Drawn, Section

INK_ROWS = 20
"""Rows of ink of a glyph of MNIST, at most."""


class Crop(CellMap):
    """Fill the cell with the ink box instead of the whole glyph; a sign keeps its place."""

    name: ClassVar = "crop"
    section: ClassVar[Section] = "glyph"
    example: ClassVar = {"margin": 2}

    class Settings(Block):
        """Cut a glyph to its ink."""

        margin: int = Field(0, ge=0, le=64)
        """Rows kept free above and below the ink, in pixels of the glyph."""

    def find_least_share(self) -> float:
        """Return what the margins leave."""
        return INK_ROWS / (INK_ROWS + 2 * float(self.settings.margin))

    def shape(self, cells: Cells, drawn: Drawn) -> None:  # noqa: ARG002
        """Frame the ink."""
        margin = self.settings.margin
        cells.frame = cells.body + np.array([[-margin], [0], [margin], [0]])
