"""Gaussian blur."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream
from digit_sequence.transforms.canvas import Pages, to_pixels
from digit_sequence.transforms.transform import Chance, Drawn, Page, Section

MIN_ROWS_PER_BLUR = 8
"""Rows of the canvas for each pixel of sigma, at least: more would wash a digit out."""
Sigma = Annotated[float, Field(ge=0, le=5), Decimals(3)]


class Blur(Page):
    """Blur a canvas; beyond it its edge goes on."""

    name: ClassVar = "blur"
    section: ClassVar[Section] = "line"
    example: ClassVar = {"sigma": [0, 1.5]}
    columns: ClassVar = (Column("blur_sigma", "float64", "Gaussian blur, pixels"),)

    class Settings(Chance):
        """Gaussian blur."""

        sigma: Annotated[tuple[Sigma, Sigma], *AS_RANGE]
        """Standard deviation, in pixels."""

    def check(self, height: int, width: int) -> None:  # noqa: ARG002
        """Refuse a blur that washes digits out."""
        high = self.settings.sigma[1]
        if high * MIN_ROWS_PER_BLUR > height:
            raise ValueError(
                f"line.blur.sigma: expected at most {height / MIN_ROWS_PER_BLUR:g}, 1/"
                f"{MIN_ROWS_PER_BLUR} of canvas.height, got {high:g}"
            )

    def apply(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Blur the pages that drew it."""
        from skimage.filters import gaussian

        for page, sigma in zip(pages.pixels, drawn["blur_sigma"].tolist(), strict=True):
            if sigma > 0:
                blurred = gaussian(
                    page.astype(np.float64), sigma=sigma, mode="nearest", preserve_range=True
                )
                page[:] = to_pixels(blurred)

    def apply_compiled(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Blur by compiled loops."""
        from digit_sequence.transforms.page.blur_kernels import blur_pages

        if drawn["blur_sigma"].any():
            blur_pages(pages.pixels, drawn["blur_sigma"])
