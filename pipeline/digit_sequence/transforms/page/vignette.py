"""A lens that lets less light into the corners."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream
from digit_sequence.transforms.canvas import Pages, to_fixed
from digit_sequence.transforms.page.shading import scale_slopes
from digit_sequence.transforms.transform import Chance, Drawn, Page, Section

Loss = Annotated[float, Field(ge=0, le=0.8), Decimals(3)]


class Vignette(Page):
    """Darken the corners."""

    name: ClassVar = "vignette"
    section: ClassVar[Section] = "line"
    example: ClassVar[Any] = {"loss": [0.1, 0.6]}
    columns: ClassVar = (
        Column("vignette", "float64", "light lost in the corners, share of that in the middle"),
    )

    class Settings(Chance):
        """Darker corners."""

        loss: Annotated[tuple[Loss, Loss], *AS_RANGE]
        """Light that is lost in the corners, as a share; it grows as the square of the distance."""

    def apply(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Darken the pages that drew it."""
        scale_slopes(pages.pixels, _find_losses(pages, drawn))

    def apply_compiled(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Darken them by compiled loops."""
        from digit_sequence.transforms.page.shading_kernels import scale_slopes

        scale_slopes(pages.pixels, _find_losses(pages, drawn))


def _find_losses(pages: Pages, drawn: Drawn) -> NDArray[np.int64]:
    """Return slopes of light that are flat, with losses."""
    chosen = np.flatnonzero(drawn["vignette"])
    height, width = pages.pixels.shape[1], pages.widths[chosen]
    flat = np.zeros_like(chosen)
    losses = drawn["vignette"][chosen] / (height * height + width * width)
    return np.stack([chosen, flat, flat, to_fixed(losses * 2**32, 1), width], axis=-1)
