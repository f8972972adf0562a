"""The grey of paper and of ink."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream
from digit_sequence.transforms.canvas import Pages
from digit_sequence.transforms.page.tables import look_up
from digit_sequence.transforms.transform import Chance, Drawn, Page, Section

# So paper and ink are at least 24 grey levels apart: with less, noise hides digits.
Level = Annotated[int, Field(ge=96, le=255)]
Share = Annotated[float, Field(ge=0, le=0.75), Decimals(3)]


class Levels(Page):
    """Turn bright ink on black into ink of some grey on paper of some grey."""

    name: ClassVar = "levels"
    section: ClassVar[Section] = "line"
    example: ClassVar[Any] = {"paper": [140, 250], "ink": [0, 0.6]}
    columns: ClassVar = (
        Column("paper", "int16", "grey level of the paper; 0 with ink 0: black, below white ink"),
        Column("ink", "int16", "grey level of the ink"),
    )

    class Settings(Chance):
        """Paper and ink of some grey."""

        paper: Annotated[tuple[Level, Level], *AS_RANGE]
        """Grey level of the paper."""
        ink: Annotated[tuple[Share, Share], *AS_RANGE]
        """Grey level of the ink, as a share of the paper's."""

    def draw(self, stream: Stream) -> dict[str, NDArray[Any]]:
        """Draw a chance and both; the ink becomes a grey level."""
        drawn = super().draw(stream)
        ink = np.floor(drawn["paper"] * drawn["ink"] + 0.5).astype(np.int64)
        return {"paper": drawn["paper"], "ink": ink}

    def apply(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Set the levels of the pages that drew them."""
        look_up(pages.pixels, *_tabulate(drawn))

    def apply_compiled(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Set levels by compiled loops."""
        from digit_sequence.transforms.page.tables_kernels import look_up

        look_up(pages.pixels, *_tabulate(drawn))


def _tabulate(drawn: Drawn) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the level of each coverage, and the pages that it is for."""
    chosen = np.flatnonzero(drawn["paper"])
    paper, ink = drawn["paper"][chosen, None], drawn["ink"][chosen, None]
    levels = paper + ((ink - paper) * np.arange(256) + 127) // 255
    return levels.astype(np.uint8), chosen


def find_contrast(drawn: Drawn) -> NDArray[np.int64] | int:
    """Return the grey levels between paper and ink, (B,)."""
    if "paper" not in drawn:
        return 255
    return np.where(drawn["paper"] > 0, drawn["paper"] - drawn["ink"], 255)
