"""Ruled and squared paper, or a single line to write on."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals, Probability
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream
from digit_sequence.transforms.canvas import Pages
from digit_sequence.transforms.page.lines import Lines, make_lines, paint_lines
from digit_sequence.transforms.transform import Chance, Drawn, Page, Section, round_factor

Strength = Annotated[float, Field(ge=0, le=1), Decimals(3)]
Share = Annotated[float, Field(ge=0, le=1), Decimals(3)]
Spacing = Annotated[float, Field(ge=0.15, le=4), Decimals(3)]
Pixels = Annotated[float, Field(ge=0.5, le=4), Decimals(2)]
Degrees = Annotated[float, Field(ge=-5, le=5), Decimals(2)]


class Ruling(Page):
    """Print ruled or squared lines, also through the ink."""

    name: ClassVar = "ruling"
    section: ClassVar[Section] = "line"
    example: ClassVar[Any] = {"strength": [0.2, 0.8], "spacing": [0.3, 1.5], "squared": 0.5}
    columns: ClassVar = (
        Column("ruling", "float64", "ink of ruled lines, share of full ink"),
        Column("ruling_row", "float64", "where a ruled line lies, share of the canvas height"),
        Column("ruling_spacing", "float64", "from line to line, share of the canvas height"),
        Column("ruling_pixels", "float64", "thickness of ruled lines, pixels"),
        Column("ruling_degrees", "float64", "slope of ruled lines; positive: they rise"),
        Column("ruling_squared", "bool", "lines down the page as well"),
    )

    class Settings(Chance):
        """Ruled or squared lines."""

        strength: Annotated[tuple[Strength, Strength], *AS_RANGE]
        """Ink of the lines, as a share of full ink."""
        row: Annotated[tuple[Share, Share], *AS_RANGE] = (0.8, 0.95)
        """Where one of the lines lies, as a share of the canvas height."""
        spacing: Annotated[tuple[Spacing, Spacing], *AS_RANGE] = (2, 2)
        """From a line to the next, as a share of the canvas height; 2 and more: one line."""
        pixels: Annotated[tuple[Pixels, Pixels], *AS_RANGE] = (0.7, 1.5)
        """Thickness of the lines."""
        degrees: Annotated[tuple[Degrees, Degrees], *AS_RANGE] = (-1, 1)
        """Slope; positive: the lines rise to the right."""
        squared: Probability = 0.0
        """How often lines run down the page as well."""

    def apply(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Print lines on the pages that drew them."""
        paint_lines(pages.pixels, _rule(pages.pixels.shape, drawn))

    def apply_compiled(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Print lines by compiled loops."""
        from digit_sequence.transforms.page import lines_kernels

        lines_kernels.paint_lines(pages.pixels, _rule(pages.pixels.shape, drawn))


def _rule(shape: tuple[int, ...], drawn: Drawn) -> Lines:
    """Return all lines of the pages."""
    _, height, width = shape
    chosen = np.flatnonzero(drawn["ruling"])
    strength, row, spacing, pixels, degrees = (
        drawn[name][chosen, None]
        for name in ("ruling", *(f"ruling_{it}" for it in ("row", "spacing", "pixels", "degrees")))
    )
    slope = -round_factor(np.tan(np.radians(degrees)))
    n_lines = int(np.ceil((width / height + 1) / 0.15)) + 2
    counts = np.arange(n_lines) - n_lines // 2
    samples = chosen[:, None]
    middle = height * (row + counts * spacing) - 0.5
    begin = middle - slope * (width - 1) / 2
    across = make_lines(samples, 0, (0, width), begin, slope, pixels, strength)
    # What is squared stands upright on its lines.
    begin = middle + (width - height + slope * (height - 1)) / 2
    down = make_lines(samples, 1, (0, height), begin, -slope, pixels, strength)
    down = down[drawn["ruling_squared"][down[:, 0]]]
    lines: Lines = np.concatenate([across, down])
    near: Lines = lines[_is_near(lines, height, width)]
    return near


def _is_near(lines: Lines, height: int, width: int) -> Any:
    """Return which lines may meet their page."""
    length = np.where(lines[:, 1] == 1, height, width)
    size = np.where(lines[:, 1] == 1, width, height)
    ends = np.stack([lines[:, 4], lines[:, 4] + (lines[:, 5] * length >> 8)])
    margin = lines[:, 6] + 512
    return (ends.max(axis=0) > -margin) & (ends.min(axis=0) < 256 * size + margin)
