"""A page that the camera sees at an angle."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.transforms.geometry import Points
from digit_sequence.transforms.transform import Chance, Drawn, LineMap, Section

Across = Annotated[float, Field(ge=-0.25, le=0.25), Decimals(3)]
Down = Annotated[float, Field(ge=-0.15, le=0.15), Decimals(3)]


class Perspective(LineMap):
    """Turn the page away from the camera: what is farther away is smaller."""

    name: ClassVar = "perspective"
    section: ClassVar[Section] = "line"
    example: ClassVar[Any] = {"across": [-0.2, 0.2], "down": [-0.1, 0.1]}
    columns: ClassVar = (
        Column("perspective_across", "float64", "how much smaller the right end is"),
        Column("perspective_down", "float64", "how much smaller the foot is"),
    )

    class Settings(Chance):
        """A page that is seen at an angle."""

        across: Annotated[tuple[Across, Across], *AS_RANGE]
        """By what share the right end is smaller than the middle; below 0: the left one is."""
        down: Annotated[tuple[Down, Down], *AS_RANGE] = (0, 0)
        """By what share the foot is smaller than the middle; below 0: the head is."""

    def locate(self, points: Points, drawn: Drawn) -> None:
        """Move points from the canvas to where they lie on the page, about the middle of both.

        Canvas (y, x) shows page (y, x) (1 + m) / (1 - a x - b y), with m so large that no corner of
        the page leaves the canvas.
        """
        middle_row, middle_column = (points.height - 1) / 2, (points.widths - 1) / 2
        y, x = points.rows - middle_row, points.columns - middle_column
        across, down = (drawn[column.name][points.samples] for column in self.columns)
        farther = across / (points.widths / 2) * x + down / (points.height / 2) * y
        scale = (1 + np.abs(across) + np.abs(down)) / (1 - farther)
        points.rows, points.columns = middle_row + y * scale, middle_column + x * scale

    def locate_compiled(self, points: Points, drawn: Drawn) -> None:
        """Move them by compiled loops."""
        from digit_sequence.transforms.line.perspective_kernels import tilt_points

        tilt_points(*points.unpack(), *(drawn[column.name] for column in self.columns))

    def reach(self, drawn: Drawn, height: int, widths: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how far the corner moves that moves farthest."""
        most = np.abs(drawn["perspective_across"]) + np.abs(drawn["perspective_down"])
        moved: NDArray[np.float64] = np.maximum(height, widths) * most / (1 - most)
        return moved
