"""Multiplicative noise."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream
from digit_sequence.transforms.canvas import Pages, to_pixels
from digit_sequence.transforms.page.noise import normal_quantiles
from digit_sequence.transforms.transform import Chance, Drawn, Page, Section

Sigma = Annotated[float, Field(ge=0, le=0.5), Decimals(3)]


class Speckle(Page):
    """Multiply every pixel by Gaussian noise about 1: the quantiles of shares of 16 bits."""

    name: ClassVar = "speckle"
    section: ClassVar[Section] = "line"
    example: ClassVar[Any] = {"sigma": [0.03, 0.25]}
    columns: ClassVar = (Column("speckle", "float64", "multiplicative noise, share of a level"),)

    class Settings(Chance):
        """Multiplicative Gaussian noise."""

        sigma: Annotated[tuple[Sigma, Sigma], *AS_RANGE]
        """Standard deviation, as a share of each pixel's grey level."""

    def apply(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:
        """Multiply the pages that drew it."""
        sigma = drawn["speckle"]
        n_pixels = pages.pixels[0].size
        for sample in np.flatnonzero(sigma > 0):
            shares = stream.shares_of_pixels(int(sample), n_pixels)
            page = pages.pixels[sample].reshape(-1)
            noisy = page + page * (sigma[sample] * normal_quantiles()[shares])
            page[:] = to_pixels(noisy.clip(0, 255))

    def apply_compiled(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:
        """Multiply them by compiled loops."""
        from digit_sequence.transforms.page.noise_kernels import MULTIPLY, change_pixels

        sigma = drawn["speckle"]
        if sigma.any():
            words = (stream.pixel_key(), stream.identities.addresses)
            change_pixels(pages.pixels, sigma, *words, normal_quantiles(), MULTIPLY)
