"""Salt-and-pepper noise of the whole canvas."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream
from digit_sequence.transforms.canvas import Pages
from digit_sequence.transforms.page.noise import normal_quantiles
from digit_sequence.transforms.transform import Chance, Drawn, Page, Section

Amount = Annotated[float, Field(ge=0, le=0.5), Decimals(4)]


class SaltPepper(Page):
    """Set a share of all pixels to white or black, by shares of 16 bits."""

    name: ClassVar = "salt_pepper"
    section: ClassVar[Section] = "line"
    example: ClassVar = {"amount": [0, 0.2]}
    columns: ClassVar = (Column("salt_pepper", "float64", "share of salt-and-pepper pixels"),)

    class Settings(Chance):
        """Salt-and-pepper noise."""

        amount: Annotated[tuple[Amount, Amount], *AS_RANGE]
        """Share of the pixels, half of them salt and half pepper."""

    def apply(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:
        """Set pixels of the pages that drew it."""
        amount = drawn["salt_pepper"]
        n_pixels = pages.pixels[0].size
        for sample in np.flatnonzero(amount > 0):
            shares = stream.shares_of_pixels(int(sample), n_pixels)
            page = pages.pixels[sample].reshape(-1)
            half = amount[sample] / 2 * 2**16
            page[shares < half] = 0
            page[shares >= 2**16 - half] = 255

    def apply_compiled(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:
        """Set pixels by compiled loops."""
        from digit_sequence.transforms.page.noise_kernels import REPLACE, change_pixels

        amount = drawn["salt_pepper"]
        if amount.any():
            words = (stream.pixel_key(), stream.identities.addresses)
            change_pixels(pages.pixels, amount, *words, normal_quantiles(), REPLACE)
