"""Additive Gaussian noise."""

from __future__ import annotations

from functools import cache
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream
from digit_sequence.transforms.canvas import Pages, to_pixels
from digit_sequence.transforms.transform import Chance, Drawn, Page, Section

Sigma = Annotated[float, Field(ge=0, le=128), Decimals(2)]


class Noise(Page):
    """Add Gaussian noise to every pixel: the quantiles of shares of 16 bits."""

    name: ClassVar = "noise"
    section: ClassVar[Section] = "line"
    example: ClassVar = {"sigma": [0, 40]}
    columns: ClassVar = (Column("noise_sigma", "float64", "Gaussian noise, grey levels"),)

    class Settings(Chance):
        """Additive Gaussian noise."""

        sigma: Annotated[tuple[Sigma, Sigma], *AS_RANGE]
        """Standard deviation, in grey levels."""

    def apply(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:
        """Add noise to the pages that drew it."""
        sigma = drawn["noise_sigma"]
        n_pixels = pages.pixels[0].size
        for sample in np.flatnonzero(sigma > 0):
            shares = stream.shares_of_pixels(int(sample), n_pixels)
            page = pages.pixels[sample].reshape(-1)
            page[:] = to_pixels((page + sigma[sample] * normal_quantiles()[shares]).clip(0, 255))

    def apply_compiled(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:
        """Add noise by compiled loops."""
        from digit_sequence.transforms.page.noise_kernels import ADD, change_pixels

        sigma = drawn["noise_sigma"]
        if sigma.any():
            words = (stream.pixel_key(), stream.identities.addresses)
            change_pixels(pages.pixels, sigma, *words, normal_quantiles(), ADD)


@cache
def normal_quantiles() -> NDArray[np.float64]:
    """Return the quantiles of the standard normal distribution at 2**16 even shares."""
    from scipy.special import ndtri

    quantiles: NDArray[np.float64] = ndtri((np.arange(2**16) + 0.5) / 2**16)
    return quantiles
