"""A line that rises or falls: all of it turned about the middle of the canvas."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.rounding import round_factor
from digit_sequence.transforms.geometry import Line
from digit_sequence.transforms.transform import Chance, Drawn, LineMove, Section

Degrees = Annotated[float, Field(ge=-20, le=20), Decimals(2)]


class Tilt(LineMove):
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

    def move(self, line: Line, drawn: Drawn) -> Drawn:
        """Turn cells, and move them about the middle of the canvas."""
        angle = np.radians(drawn["tilt_degrees"])
        cosine, sine = (round_factor(turn(angle))[line.samples] for turn in (np.cos, np.sin))
        middle_row, middle_column = (line.height - 1) / 2, (line.widths[line.samples] - 1) / 2
        across, down = line.columns - middle_column, line.rows - middle_row
        line.columns = middle_column + cosine * across + sine * down
        line.rows = middle_row - sine * across + cosine * down
        line.transform(cosine, sine, -sine, cosine)  # rows count downwards
        return drawn
