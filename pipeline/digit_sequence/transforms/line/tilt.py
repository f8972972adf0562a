"""A line that rises or falls: all of it turned about the middle of the canvas."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.transforms.geometry import Points
from digit_sequence.transforms.transform import Chance, Drawn, LineMap, Section, round_factor

Degrees = Annotated[float, Field(ge=-20, le=20), Decimals(2)]


class Tilt(LineMap):
    """Turn the whole line about the middle of the canvas."""

    name: ClassVar = "tilt"
    section: ClassVar[Section] = "line"
    example: ClassVar = {"degrees": [-6, 6]}
    columns: ClassVar = (Column("tilt_degrees", "float64", "of the line; positive: it rises"),)

    class Settings(Chance):
        """Turn the whole line."""

        degrees: Annotated[tuple[Degrees, Degrees], *AS_RANGE]
        """Positive: the line rises to the right."""

    def check(self, height: int, width: int) -> None:
        """Refuse a tilt by which the ends of the line leave the canvas."""
        steepest = max(abs(bound) for bound in self.settings.degrees)
        most = np.degrees(np.arctan2(height, width))
        if steepest > most:
            raise ValueError(
                f"line.tilt.degrees: expected at most {most:.1f}, by which the ends of a line as "
                f"wide as the canvas of {height} x {width} pixels reach its edges, got {steepest:g}"
            )

    def locate(self, points: Points, drawn: Drawn) -> None:
        """Turn points back, clockwise for a line that rises."""
        angle = np.radians(drawn["tilt_degrees"])
        cosine, sine = (round_factor(turn(angle))[points.samples] for turn in (np.cos, np.sin))
        middle_row, middle_column = (points.height - 1) / 2, (points.width - 1) / 2
        across, down = points.columns - middle_column, points.rows - middle_row
        points.columns = middle_column + cosine * across - sine * down
        points.rows = middle_row + sine * across + cosine * down

    def reach(self, drawn: Drawn, height: int, width: int) -> NDArray[np.float64]:
        """Return how far a corner of the canvas moves."""
        half_angle = np.radians(np.abs(drawn["tilt_degrees"])) / 2
        moved: NDArray[np.float64] = 2 * np.sin(half_angle) * np.hypot(height, width) / 2
        return moved
