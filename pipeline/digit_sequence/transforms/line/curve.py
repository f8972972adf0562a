"""A line that is not straight: its middle lies above or below its ends."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.transforms.geometry import Line
from digit_sequence.transforms.transform import Chance, Drawn, LineMove, Section

Share = Annotated[float, Field(ge=-0.5, le=0.5), Decimals(3)]


class Curve(LineMove):
    """Bend the whole line along a parabola; digits follow its slope, and stay straight."""

    name: ClassVar = "curve"
    section: ClassVar[Section] = "line"
    example: ClassVar = {"rise": [-0.3, 0.3]}
    columns: ClassVar = (
        Column("curve", "float64", "rise of the line's middle, share of the canvas height"),
    )

    class Settings(Chance):
        """Bend the whole line."""

        rise: Annotated[tuple[Share, Share], *AS_RANGE]
        """How far the middle of the canvas lies above its ends, as a share of its height."""

    def move(self, line: Line, drawn: Drawn) -> Drawn:
        """Move cells up by the parabola at their centres, and shear their rows along it."""
        last_column = line.widths[line.samples] - 1
        across = 2 * line.columns / last_column - 1
        rise = drawn["curve"][line.samples] * line.height
        line.rows = line.rows - rise * (0.5 - across * across)
        line.transform(1.0, 0.0, 4 * rise * across / last_column, 1.0)
        return drawn
