"""The frame of the field, as far as a crop shows it: two lines that meet at a corner."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream
from digit_sequence.base.rounding import round_factor
from digit_sequence.transforms.canvas import Pages
from digit_sequence.transforms.page.lines import Lines, make_lines, paint_lines
from digit_sequence.transforms.transform import Chance, Drawn, Page, Section

Strength = Annotated[float, Field(ge=0, le=1), Decimals(3)]
Pixels = Annotated[float, Field(ge=0.5, le=6), Decimals(2)]
Inset = Annotated[float, Field(ge=-0.2, le=0.4), Decimals(3)]
Degrees = Annotated[float, Field(ge=-5, le=5), Decimals(2)]
Corner = Annotated[int, Field(ge=0, le=3)]


class Frame(Page):
    """Print the corner of a frame: of this field, or of the one beside it."""

    name: ClassVar = "frame"
    section: ClassVar[Section] = "line"
    example: ClassVar[Any] = {"strength": [0.3, 1], "across": [-0.1, 0.2], "down": [-0.1, 0.3]}
    columns: ClassVar = (
        Column("frame", "float64", "ink of the frame, share of full ink"),
        Column("frame_down", "float64", "its line across, from top or bottom, share of height"),
        Column("frame_across", "float64", "its line down, from left or right, share of height"),
        Column("frame_pixels", "float64", "thickness of its lines, pixels"),
        Column("frame_degrees", "float64", "how far it is turned"),
        Column("frame_corner", "int64", "0 top left, 1 top right, 2 bottom left, 3 bottom right"),
    )

    class Settings(Chance):
        """A corner of the field's frame."""

        strength: Annotated[tuple[Strength, Strength], *AS_RANGE]
        """Ink of the lines, as a share of full ink."""
        down: Annotated[tuple[Inset, Inset], *AS_RANGE] = (-0.1, 0.08)
        """How far its line across lies inside the canvas, as a share of the height; below 0: not on
        it."""
        across: Annotated[tuple[Inset, Inset], *AS_RANGE] = (-0.2, 0.1)
        """How far its line down lies inside the canvas, likewise."""
        pixels: Annotated[tuple[Pixels, Pixels], *AS_RANGE] = (1, 2)
        """Thickness of the lines."""
        degrees: Annotated[tuple[Degrees, Degrees], *AS_RANGE] = (-1.5, 1.5)
        """How far it is turned."""
        corner: Annotated[tuple[Corner, Corner], *AS_RANGE] = (0, 3)
        """Which: 0 top left, 1 top right, 2 bottom left, 3 bottom right."""

    def apply(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Print the corner on the pages that drew it."""
        paint_lines(pages.pixels, _frame(pages, drawn))

    def apply_compiled(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Print the corner by compiled loops."""
        from digit_sequence.transforms.page.lines_kernels import paint_lines

        paint_lines(pages.pixels, _frame(pages, drawn))


def _frame(pages: Pages, drawn: Drawn) -> Lines:
    """Return two lines for each page that drew them."""
    chosen = np.flatnonzero(drawn["frame"])
    height, width = pages.pixels.shape[1], pages.widths[chosen]
    names = ("frame", *(f"frame_{it}" for it in ("down", "across", "pixels", "degrees", "corner")))
    ink, inset, aside, pixels, degrees, corner = (drawn[name][chosen] for name in names)
    is_low, is_right = corner >= 2, corner % 2 == 1
    row = np.where(is_low, height - inset * height, inset * height) - 0.5
    column = np.where(is_right, width - aside * height, aside * height) - 0.5
    slope = round_factor(np.tan(np.radians(degrees)))
    at_row, at_column = (np.round(value).astype(np.int64) for value in (row, column))
    first, stop = np.where(is_right, 0, at_column), np.where(is_right, at_column, width)
    above, below = np.where(is_low, 0, at_row), np.where(is_low, at_row, height)
    across = make_lines(chosen, 0, (first, stop), row - slope * column, slope, pixels, ink)
    down = make_lines(chosen, 1, (above, below), column + slope * row, -slope, pixels, ink)
    return np.concatenate([across, down])
