"""Scale the frame of a glyph to the height of its cell."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from digit_sequence.transforms.geometry import Cells
from digit_sequence.transforms.transform import CellMap, Drawn, Section


class Aspect(CellMap):
    """Scale columns as rows (keep), or leave the width in the glyph's own pixels (stretch)."""

    name: ClassVar = "aspect"
    section: ClassVar[Section] = "glyph"
    example: ClassVar = "stretch"
    Settings = Literal["keep", "stretch"]
    default: ClassVar = "keep"

    def shape(self, cells: Cells, drawn: Drawn) -> None:  # noqa: ARG002
        """Scale the frame to the height of the cell."""
        top, left, bottom, right = cells.frame
        rows = cells.height / (bottom - top)
        columns = rows if self.settings == "keep" else np.ones(len(rows))
        cells.transform(columns, 0.0, 0.0, rows)
        cells.widths = columns * (right - left)
