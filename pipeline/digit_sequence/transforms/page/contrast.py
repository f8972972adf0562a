"""The contrast and the brightness of a camera or a scanner."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream
from digit_sequence.transforms.canvas import Pages, to_pixels
from digit_sequence.transforms.page.tables import look_up
from digit_sequence.transforms.transform import Chance, Drawn, Page, Section

Gain = Annotated[float, Field(ge=0.5, le=4), Decimals(3)]
Offset = Annotated[int, Field(ge=-96, le=96)]


class Contrast(Page):
    """Spread grey levels about the middle one, and shift them."""

    name: ClassVar = "contrast"
    section: ClassVar[Section] = "line"
    example: ClassVar[Any] = {"gain": [0.5, 2], "offset": [-40, 40]}
    columns: ClassVar = (
        Column("contrast", "float64", "gain about grey 128; 0: not applied"),
        Column("contrast_offset", "int16", "grey levels added then"),
    )

    class Settings(Chance):
        """Other contrast and brightness."""

        gain: Annotated[tuple[Gain, Gain], *AS_RANGE]
        """By what differences from grey 128 are multiplied."""
        offset: Annotated[tuple[Offset, Offset], *AS_RANGE] = (0, 0)
        """Grey levels that are added then."""

    def apply(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Change the pages that drew it."""
        look_up(pages.pixels, *_tabulate(drawn))

    def apply_compiled(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Change them by compiled loops."""
        from digit_sequence.transforms.page.tables_kernels import look_up

        look_up(pages.pixels, *_tabulate(drawn))


def _tabulate(drawn: Drawn) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return what becomes of each level, and the pages that it is for."""
    chosen = np.flatnonzero(drawn["contrast"])
    gain, offset = drawn["contrast"][chosen, None], drawn["contrast_offset"][chosen, None]
    return to_pixels((128 + gain * (np.arange(256) - 128) + offset).clip(0, 255)), chosen
