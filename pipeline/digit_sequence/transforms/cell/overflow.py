"""Ink that stands out of its cell after it was sheared or turned: scaled to fit, or cut."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from digit_sequence.transforms.geometry import Cells
from digit_sequence.transforms.transform import CellMap, Drawn, Section


class Overflow(CellMap):
    """Scale ink down to the height of the canvas (fit), or cut what stands out (clip).

    A sign, such as a comma, may stand out of its cell as far as it does by itself.
    """

    name: ClassVar = "overflow"
    section: ClassVar[Section] = "glyph"
    example: ClassVar = "clip"
    Settings = Literal["fit", "clip"]
    default: ClassVar = "fit"

    def shape(self, cells: Cells, drawn: Drawn) -> None:  # noqa: ARG002
        """Fit cells to their ink, or have ink cut at its cell."""
        if self.settings == "clip":
            cells.is_clipped = True
            cells.widths = cells.widths + cells.overhang
            return
        across, down = cells.reach()
        shrink = np.minimum(1.0, cells.room / down)
        cells.transform(shrink, 0.0, 0.0, shrink)
        cells.widths = shrink * np.maximum(cells.widths, 2 * across)
