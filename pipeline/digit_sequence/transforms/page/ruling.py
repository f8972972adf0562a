"""Ruled and squared paper, or a single line to write on."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals, Probability
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream
from digit_sequence.base.rounding import round_factor
from digit_sequence.transforms.canvas import Pages
from digit_sequence.transforms.page.lines import Lines, make_lines, paint_lines
from digit_sequence.transforms.transform import Chance, Drawn, Page, Section

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
    kinds: ClassVar = {
        "one line": {"spacing": [2, 2], "squared": 0.0},
        "ruled": {"spacing": [0.4, 0.4], "squared": 0.0},
        "squared": {"spacing": [0.4, 0.4], "squared": 1.0},
    }
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
        from digit_sequence.transforms.page.lines_kernels import paint_lines

        paint_lines(pages.pixels, _rule(pages.pixels.shape, drawn))


def _rule(shape: tuple[int, ...], drawn: Drawn) -> Lines:
    """Return all lines of the pages."""
    _, height, width = shape
    chosen = np.flatnonzero(drawn["ruling"])
    squared = chosen[drawn["ruling_squared"][chosen]]
    slopes = -round_factor(np.tan(np.radians(drawn["ruling_degrees"])))
    # Lengths in canvas heights; a line has half a thickness on its page, at least.
    margin = 0.3 + np.abs(slopes) * max(width / height, 1) / 2
    beside = (width / height - 1) / 2

    def lay(samples: NDArray[np.int64], low: float, high: float) -> tuple[NDArray[Any], ...]:
        """Return page and middle of each line that meets a range of the page."""
        row, spacing, spare = (
            values[samples] for values in (drawn["ruling_row"], drawn["ruling_spacing"], margin)
        )
        first = np.floor((low - spare - row) / spacing).astype(np.int64)
        counts = np.ceil((high + spare - row) / spacing).astype(np.int64) - first + 1
        owners = np.repeat(np.arange(len(samples)), counts)
        lines = np.arange(len(owners)) - (np.cumsum(counts) - counts - first)[owners]
        return samples[owners], height * (row[owners] + lines * spacing[owners]) - 0.5

    def draw(pages: NDArray[np.int64], upright: int, length: int, middle: Any, slope: Any) -> Lines:
        pixels, ink = drawn["ruling_pixels"][pages], drawn["ruling"][pages]
        begin = middle - slope * (length - 1) / 2
        return make_lines(pages, upright, (0, length), begin, slope, pixels, ink)

    pages, middle = lay(chosen, 0, 1)
    across = draw(pages, 0, width, middle, slopes[pages])
    # What is squared stands upright on its lines.
    pages, middle = lay(squared, -beside, 1 + beside)
    down = draw(pages, 1, height, middle + beside * height, -slopes[pages])
    return np.concatenate([across, down])
