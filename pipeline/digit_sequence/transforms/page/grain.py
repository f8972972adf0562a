"""The grain of paper: noise whose neighbours are alike."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream
from digit_sequence.transforms.canvas import Pages, to_fixed
from digit_sequence.transforms.page.levels import find_contrast
from digit_sequence.transforms.page.tiles import (
    GRAIN_SD,
    GRAIN_TEXELS,
    make_grain,
    make_maps,
    read_tile,
)
from digit_sequence.transforms.transform import Chance, Drawn, Page, Section

Deviation = Annotated[float, Field(ge=0, le=0.3), Decimals(3)]
Period = Annotated[float, Field(ge=2, le=16), Decimals(2)]
Degrees = Annotated[float, Field(ge=-180, le=180), Decimals(1)]
Phase = Annotated[float, Field(ge=0, le=1), Decimals(3)]


class Grain(Page):
    """Roughen the paper."""

    name: ClassVar = "grain"
    section: ClassVar[Section] = "line"
    example: ClassVar[Any] = {"deviation": [0.02, 0.2], "period": [2.0, 6.0]}
    columns: ClassVar = (
        Column("grain", "float64", "standard deviation of the paper, share of the contrast"),
        Column("grain_period", "float64", "from a bright place to the next, pixels"),
        Column("grain_degrees", "float64", "how far the grain is turned"),
        Column("grain_row", "float64", "where the grain begins, share of its height"),
        Column("grain_column", "float64", "where the grain begins, share of its width"),
    )

    class Settings(Chance):
        """Rough paper."""

        deviation: Annotated[tuple[Deviation, Deviation], *AS_RANGE]
        """Standard deviation of its grey levels, as a share of the contrast of ink and paper."""
        period: Annotated[tuple[Period, Period], *AS_RANGE] = (2, 6)
        """From a bright place to the next, in pixels, about."""
        degrees: Annotated[tuple[Degrees, Degrees], *AS_RANGE] = (-180, 180)
        """How far it is turned."""
        row: Annotated[tuple[Phase, Phase], *AS_RANGE] = (0, 1)
        """Where it begins, as a share of the height of what repeats."""
        column: Annotated[tuple[Phase, Phase], *AS_RANGE] = (0, 1)
        """Where it begins, as a share of the width of what repeats."""

    def apply(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Roughen the pages that drew it."""
        maps, gains = _read_draws(drawn)
        for sample in np.flatnonzero(gains):
            page = pages.pixels[sample]
            levels = read_tile(make_grain(), maps[sample], page.shape) - 128
            page[:] = (page + ((levels * gains[sample] + 32768) >> 16)).clip(0, 255)

    def apply_compiled(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Roughen them by compiled loops."""
        from digit_sequence.transforms.page.tiles_kernels import lay_tile

        maps, gains = _read_draws(drawn)
        if gains.any():
            lay_tile(pages.pixels, make_grain().reshape(-1), maps, gains, False)


def _read_draws(drawn: Drawn) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return maps of the tile, and gains of 2**-16."""
    texels = GRAIN_TEXELS / np.maximum(drawn["grain_period"], 1)
    rest = (drawn["grain_row"], drawn["grain_column"])
    gains = drawn["grain"] * find_contrast(drawn) / GRAIN_SD
    return make_maps(drawn["grain_degrees"], texels, *rest), to_fixed(gains, 2**16)
