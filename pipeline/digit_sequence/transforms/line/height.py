"""How high a line is on its canvas."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream
from digit_sequence.transforms.geometry import Cells
from digit_sequence.transforms.transform import CellMap, Chance, Drawn, Section

Share = Annotated[float, Field(ge=0.1, le=1), Decimals(3)]


class Height(CellMap):
    """Height of the cells of a line; a line that is too wide is shrunk as a whole then."""

    name: ClassVar = "height"
    section: ClassVar[Section] = "line"
    example: ClassVar = {"share": [0.3, 1]}
    least_columns: ClassVar = 8  # a line that is too long is shrunk both ways
    columns: ClassVar = (
        Column("line_height", "float64", "of a full-size digit, share of the canvas height"),
    )

    class Settings(Chance):
        """Lines of different height, in the middle of the canvas or where `line.place` says."""

        share: Annotated[tuple[Share, Share], *AS_RANGE]
        """Height of a digit as a share of the canvas height: of its ink with `glyph.crop`, of the
        whole glyph without. `glyph.size` and `glyph.baseline` are shares of it."""

    def find_least_share(self) -> float:
        """Return the share of the lowest line."""
        return float(self.settings.share[0])

    def draw(self, stream: Stream) -> dict[str, NDArray[Any]]:
        """Draw a chance and a share; 1 where it is not applied."""
        drawn = super().draw(stream)["line_height"]
        return {"line_height": np.where(drawn > 0, drawn, 1.0)}

    def shape(self, cells: Cells, drawn: Drawn) -> None:
        """Lower the cells, before glyphs are scaled to them."""
        cells.height = cells.height * drawn["line_height"][cells.samples]
        cells.is_rigid = True
