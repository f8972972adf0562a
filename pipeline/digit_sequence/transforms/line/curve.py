"""A line that is not straight: its middle lies above or below its ends."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.transforms.geometry import Points
from digit_sequence.transforms.transform import Chance, Drawn, LineMap, Section

Share = Annotated[float, Field(ge=-0.5, le=0.5), Decimals(3)]


class Curve(LineMap):
    """Bend the whole line along a parabola."""

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

    def locate(self, points: Points, drawn: Drawn) -> None:
        """Move points down where the line was bent up."""
        across = 2 * points.columns / (points.width - 1) - 1
        rise = drawn["curve"][points.samples] * points.height
        points.rows = points.rows + rise * (0.5 - across * across)

    def reach(self, drawn: Drawn, height: int, width: int) -> NDArray[np.float64]:  # noqa: ARG002
        """Return half the rise: ends go down by as much as the middle goes up."""
        moved: NDArray[np.float64] = np.abs(drawn["curve"]) * height / 2
        return moved
