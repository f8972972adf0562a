"""A camera that moves while it takes the picture: each point becomes a stroke."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream
from digit_sequence.base.rounding import round_factor
from digit_sequence.transforms.canvas import Pages
from digit_sequence.transforms.page.filters import Weights, filter_page, to_weights
from digit_sequence.transforms.transform import Chance, Drawn, Page, Section

MIN_ROWS_PER_PIXEL = 5
"""Rows of the canvas for each pixel of the way, at least: more would wash a digit out."""
_STEPS = 64
Pixels = Annotated[float, Field(ge=0, le=8), Decimals(2)]
Degrees = Annotated[float, Field(ge=-90, le=90), Decimals(1)]


class Motion(Page):
    """Blur a page along a way."""

    name: ClassVar = "motion"
    section: ClassVar[Section] = "line"
    example: ClassVar[Any] = {"pixels": [1.0, 5.0]}
    columns: ClassVar = (
        Column("motion", "float64", "length of the camera's way, pixels"),
        Column("motion_degrees", "float64", "its direction; positive: it falls to the right"),
    )

    class Settings(Chance):
        """A camera that moves."""

        pixels: Annotated[tuple[Pixels, Pixels], *AS_RANGE]
        """Length of its way."""
        degrees: Annotated[tuple[Degrees, Degrees], *AS_RANGE] = (-90, 90)
        """Direction of its way; positive: it falls to the right."""

    def check(self, height: int, width: int) -> None:  # noqa: ARG002
        """Refuse a way that washes digits out."""
        high = self.settings.pixels[1]
        if high * MIN_ROWS_PER_PIXEL > height:
            raise ValueError(
                f"line.motion.pixels: expected at most {height / MIN_ROWS_PER_PIXEL:g}, 1/"
                f"{MIN_ROWS_PER_PIXEL} of canvas.height, got {high:g}"
            )

    def apply(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Filter the pages that drew it."""
        for sample in np.flatnonzero(drawn["motion"]).tolist():
            filter_page(pages.pixels[sample], _weigh(drawn, sample))

    def apply_compiled(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Filter them by compiled loops."""
        from digit_sequence.transforms.page.filters_kernels import filter_page

        for sample in np.flatnonzero(drawn["motion"]).tolist():
            filter_page(pages.pixels[sample], _weigh(drawn, sample))


def _weigh(drawn: Drawn, sample: int) -> Weights:
    return weigh_way(float(drawn["motion"][sample]), float(drawn["motion_degrees"][sample]))


@lru_cache(maxsize=1024)
def weigh_way(pixels: float, degrees: float) -> Weights:
    """Return the share of time that a point spends on each pixel, between pixels in proportion."""
    reach = int(pixels / 2) + 1
    angle = np.radians(np.array([degrees]))
    steps = ((np.arange(_STEPS) + 0.5) / _STEPS - 0.5) * pixels
    pixel = np.arange(-reach, reach + 1)
    # The weights of rows and columns at each step: (steps, 2 reach + 1).
    down, across = (
        (1 - np.abs(steps[:, None] * round_factor(turn(angle)) - pixel)).clip(0)
        for turn in (np.sin, np.cos)
    )
    return to_weights((down[:, :, None] * across[:, None, :]).sum(axis=0))
