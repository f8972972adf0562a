"""Digits that are narrow or wide."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream
from digit_sequence.transforms.cell.shares import BY_DIGIT, Digit, apply_bias
from digit_sequence.transforms.geometry import Cells
from digit_sequence.transforms.transform import CellMap, Chance, Drawn, Section

Share = Annotated[float, Field(ge=0.5, le=1.6), Decimals(3)]


class Breadth(CellMap):
    """Scale the columns of a digit, and leave its height."""

    name: ClassVar = "breadth"
    section: ClassVar[Section] = "glyph"
    example: ClassVar = {"share": [0.6, 1.4]}
    columns: ClassVar = (
        Column("breadth", "float64", "share of the width that the digit would have", "digit", 1.0),
    )

    class Settings(Chance):
        """Narrow and wide digits."""

        share: Annotated[tuple[Share, Share], *AS_RANGE]
        """Of the width that a digit would have."""
        bias: Annotated[dict[Digit, Share], BY_DIGIT] = {}  # noqa: RUF012
        """Shares for some digits, on top: {4: 0.75} for a narrow 4."""

    def draw(self, stream: Stream) -> dict[str, NDArray[Any]]:
        """Draw a chance and a share; 1 where it is not applied."""
        drawn = super().draw(stream)["breadth"]
        return {"breadth": apply_bias(drawn, self.settings.bias, stream)}

    def shape(self, cells: Cells, drawn: Drawn) -> None:
        """Scale across, about the centre."""
        cells.transform(drawn["breadth"], 0.0, 0.0, 1.0)
        cells.widths = cells.widths * drawn["breadth"]
