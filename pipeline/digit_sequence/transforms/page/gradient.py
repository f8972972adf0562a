"""Uneven light: brighter at one side of the page than at the other."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream
from digit_sequence.base.rounding import round_factor
from digit_sequence.transforms.canvas import Pages, to_fixed
from digit_sequence.transforms.page.shading import scale_slopes
from digit_sequence.transforms.transform import Chance, Drawn, Page, Section

Change = Annotated[float, Field(ge=0, le=0.8), Decimals(3)]
Degrees = Annotated[float, Field(ge=-180, le=180), Decimals(1)]


class Gradient(Page):
    """Light a page from one side."""

    name: ClassVar = "gradient"
    section: ClassVar[Section] = "line"
    example: ClassVar[Any] = {"change": [0.1, 0.5]}
    columns: ClassVar = (
        Column("gradient", "float64", "light from one side to the other, share of its mean"),
        Column("gradient_degrees", "float64", "where it is bright: 0 right, 90 below"),
    )

    class Settings(Chance):
        """Light from one side."""

        change: Annotated[tuple[Change, Change], *AS_RANGE]
        """From the darkest place to the brightest, as a share of the mean."""
        degrees: Annotated[tuple[Degrees, Degrees], *AS_RANGE] = (-180, 180)
        """Where it is bright: 0 to the right, 90 below."""

    def apply(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Light the pages that drew it."""
        scale_slopes(pages.pixels, _tilt_light(pages, drawn))

    def apply_compiled(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Light them by compiled loops."""
        from digit_sequence.transforms.page.shading_kernels import scale_slopes

        scale_slopes(pages.pixels, _tilt_light(pages, drawn))


def _tilt_light(pages: Pages, drawn: Drawn) -> NDArray[np.int64]:
    """Return the slopes of the light."""
    chosen = np.flatnonzero(drawn["gradient"])
    height, width = pages.pixels.shape[1], pages.widths[chosen]
    angle = np.radians(drawn["gradient_degrees"][chosen])
    across, down = (round_factor(turn(angle)) for turn in (np.cos, np.sin))
    # From one corner to the other along the slope, in half pixels.
    length = 2 * (height * np.abs(down) + width * np.abs(across))
    change = drawn["gradient"][chosen] * 2**16 / length
    slopes = (to_fixed(value * change, 1) for value in (down, across))
    return np.stack([chosen, *slopes, np.zeros_like(chosen), width], axis=-1)
