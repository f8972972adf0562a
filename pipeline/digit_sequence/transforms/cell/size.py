"""Digits of different size in one line."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream
from digit_sequence.transforms.cell.shares import BY_DIGIT, Digit, apply_bias
from digit_sequence.transforms.geometry import Cells
from digit_sequence.transforms.transform import CellMap, Chance, Drawn, Section

Share = Annotated[float, Field(ge=0.2, le=1), Decimals(3)]


class Size(CellMap):
    """Scale a digit down; its foot stays where it was."""

    name: ClassVar = "size"
    section: ClassVar[Section] = "glyph"
    example: ClassVar = {"share": [0.6, 1]}
    columns: ClassVar = (
        Column(
            "digit_size", "float64", "share of the size that the digit would have", "digit", 1.0
        ),
    )

    class Settings(Chance):
        """Digits of different size."""

        share: Annotated[tuple[Share, Share], *AS_RANGE]
        """Of the size that a digit would have; its foot stays."""
        bias: Annotated[dict[Digit, Share], BY_DIGIT] = {}  # noqa: RUF012
        """Shares for some digits, on top: {0: 0.7} for zeros that are written smaller."""

    def find_least_share(self) -> float:
        """Return the share of the smallest digit."""
        return float(self.settings.share[0] * min([1.0, *self.settings.bias.values()]))

    def draw(self, stream: Stream) -> dict[str, NDArray[Any]]:
        """Draw a chance and a share; 1 where it is not applied."""
        drawn = super().draw(stream)["digit_size"]
        return {"digit_size": apply_bias(drawn, self.settings.bias, stream)}

    def shape(self, cells: Cells, drawn: Drawn) -> None:
        """Scale about the centre, and lower the cell by what its foot has risen."""
        share = drawn["digit_size"]
        _, down = cells.reach()
        cells.transform(share, 0.0, 0.0, share)
        cells.drops = cells.drops + (1 - share) * np.minimum(down, cells.height / 2)
        cells.widths = cells.widths * share
