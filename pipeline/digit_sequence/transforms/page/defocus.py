"""A lens out of focus: each point becomes a disc."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream
from digit_sequence.transforms.canvas import Pages
from digit_sequence.transforms.page.filters import Weights, filter_page, to_weights
from digit_sequence.transforms.transform import Chance, Drawn, Page, Section

MIN_ROWS_PER_RADIUS = 10
"""Rows of the canvas for each pixel of the radius, at least: more would wash a digit out."""
_SUBPIXELS = 16
Radius = Annotated[float, Field(ge=0, le=5), Decimals(2)]


class Defocus(Page):
    """Take a page out of focus."""

    name: ClassVar = "defocus"
    section: ClassVar[Section] = "line"
    example: ClassVar[Any] = {"radius": [0.6, 2.2]}
    columns: ClassVar = (Column("defocus", "float64", "radius of the disc of a point, pixels"),)

    class Settings(Chance):
        """A lens out of focus."""

        radius: Annotated[tuple[Radius, Radius], *AS_RANGE]
        """Radius of the disc that a point becomes, in pixels."""

    def check(self, height: int, width: int) -> None:  # noqa: ARG002
        """Refuse a disc that washes digits out."""
        high = self.settings.radius[1]
        if high * MIN_ROWS_PER_RADIUS > height:
            raise ValueError(
                f"line.defocus.radius: expected at most {height / MIN_ROWS_PER_RADIUS:g}, 1/"
                f"{MIN_ROWS_PER_RADIUS} of canvas.height, got {high:g}"
            )

    def apply(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Filter the pages that drew it."""
        for sample in np.flatnonzero(drawn["defocus"]).tolist():
            filter_page(pages.pixels[sample], _weigh(drawn, sample))

    def apply_compiled(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Filter them by compiled loops."""
        from digit_sequence.transforms.page.filters_kernels import filter_page

        for sample in np.flatnonzero(drawn["defocus"]).tolist():
            filter_page(pages.pixels[sample], _weigh(drawn, sample))


def _weigh(drawn: Drawn, sample: int) -> Weights:
    return weigh_disc(float(drawn["defocus"][sample]))


@lru_cache(maxsize=1024)
def weigh_disc(radius: float) -> Weights:
    """Return how much of each pixel a disc covers, counted at 16 x 16 points of the pixel."""
    reach = int(radius + 0.5)
    n_points = (2 * reach + 1) * _SUBPIXELS
    away = (np.arange(n_points) + 0.5) / _SUBPIXELS - n_points / 2 / _SUBPIXELS
    inside = away[:, None] ** 2 + away**2 <= max(radius, 0.1) ** 2
    shape = (2 * reach + 1, _SUBPIXELS)
    return to_weights(inside.reshape(*shape, *shape).sum(axis=(1, 3)).astype(np.float64))
