"""The edge of the paper: beyond it lies another grey."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream
from digit_sequence.transforms.canvas import Pages
from digit_sequence.transforms.page.shading import make_planes, shade_planes
from digit_sequence.transforms.transform import Chance, Drawn, Page, Section

Light = Annotated[float, Field(ge=0.4, le=1.6), Decimals(3)]
Inset = Annotated[float, Field(ge=0, le=0.3), Decimals(3)]
Degrees = Annotated[float, Field(ge=-10, le=10), Decimals(2)]
Side = Annotated[int, Field(ge=0, le=3)]


class PaperEdge(Page):
    """Let a page end within the canvas: beyond its edge all is brighter or darker."""

    name: ClassVar = "paper_edge"
    section: ClassVar[Section] = "line"
    example: ClassVar[Any] = {"light": [0.5, 0.8], "inset": [0.05, 0.25]}
    kinds: ClassVar = {
        side: {"side": [place, place]}
        for place, side in enumerate(("right", "bottom", "left", "top"))
    }
    columns: ClassVar = (
        Column("paper_edge", "float64", "light beyond the paper's edge; 0: no edge"),
        Column("paper_edge_inset", "float64", "canvas beyond it, share of the height"),
        Column("paper_edge_degrees", "float64", "how far the edge is turned"),
        Column("paper_edge_side", "int64", "0 right, 1 bottom, 2 left, 3 top"),
    )

    class Settings(Chance):
        """The edge of the paper."""

        light: Annotated[tuple[Light, Light], *AS_RANGE]
        """By what grey levels beyond it are multiplied."""
        inset: Annotated[tuple[Inset, Inset], *AS_RANGE] = (0, 0.12)
        """How much of the canvas lies beyond it in the middle, as a share of the canvas height."""
        degrees: Annotated[tuple[Degrees, Degrees], *AS_RANGE] = (-4, 4)
        """How far it is turned."""
        side: Annotated[tuple[Side, Side], *AS_RANGE] = (0, 3)
        """Where: 0 right, 1 bottom, 2 left, 3 top."""

    def apply(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """End the paper on the pages that drew it."""
        shade_planes(pages.pixels, _cut(pages, drawn))

    def apply_compiled(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """End it by compiled loops."""
        from digit_sequence.transforms.page.shading_kernels import shade_planes

        shade_planes(pages.pixels, _cut(pages, drawn))


def _cut(pages: Pages, drawn: Drawn) -> NDArray[np.int64]:
    """Return where the edges lie."""
    chosen = np.flatnonzero(drawn["paper_edge"])
    height, width = pages.pixels.shape[1], pages.widths[chosen]
    inset, degrees, side = (
        drawn[f"paper_edge_{name}"][chosen] for name in ("inset", "degrees", "side")
    )
    inset = inset * height - 0.5
    low, high = np.where(side % 2, height, width) - 1 - inset, inset
    along = np.where(side % 2, width, height) / 2
    across = np.where(side < 2, low, high)
    place = (np.where(side % 2, across, along), np.where(side % 2, along, across))
    loss = 1 - drawn["paper_edge"][chosen]
    return make_planes(chosen, degrees + 90.0 * side, place, np.full(len(chosen), 1.5), loss)
