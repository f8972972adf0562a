"""A shadow that falls on a part of the page."""

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

Loss = Annotated[float, Field(ge=0, le=0.7), Decimals(3)]
Share = Annotated[float, Field(ge=0, le=1), Decimals(3)]
Softness = Annotated[float, Field(ge=0.05, le=4), Decimals(3)]
Degrees = Annotated[float, Field(ge=-180, le=180), Decimals(1)]


class Shadow(Page):
    """Darken one side of a page, with a soft edge."""

    name: ClassVar = "shadow"
    section: ClassVar[Section] = "line"
    example: ClassVar[Any] = {"loss": [0.15, 0.5]}
    columns: ClassVar = (
        Column("shadow", "float64", "light lost in the shadow, share"),
        Column("shadow_row", "float64", "row of a point on its edge, share of the height"),
        Column("shadow_column", "float64", "column of that point, share of the width"),
        Column("shadow_softness", "float64", "width of its edge, share of the height"),
        Column("shadow_degrees", "float64", "where it lies: 0 right of its edge, 90 below"),
    )

    class Settings(Chance):
        """A shadow with a soft edge."""

        loss: Annotated[tuple[Loss, Loss], *AS_RANGE]
        """Light that is lost in it, as a share."""
        row: Annotated[tuple[Share, Share], *AS_RANGE] = (0, 1)
        """Row of a point on its edge, as a share of the canvas height."""
        column: Annotated[tuple[Share, Share], *AS_RANGE] = (0, 1)
        """Column of that point, as a share of the canvas width."""
        softness: Annotated[tuple[Softness, Softness], *AS_RANGE] = (0.2, 1.5)
        """Width of its edge, as a share of the canvas height."""
        degrees: Annotated[tuple[Degrees, Degrees], *AS_RANGE] = (-180, 180)
        """Where it lies: 0 to the right of its edge, 90 below."""

    def apply(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Darken the pages that drew it."""
        shade_planes(pages.pixels, _cast(pages, drawn))

    def apply_compiled(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Darken them by compiled loops."""
        from digit_sequence.transforms.page.shading_kernels import shade_planes

        shade_planes(pages.pixels, _cast(pages, drawn))


def _cast(pages: Pages, drawn: Drawn) -> NDArray[np.int64]:
    """Return where the shadows lie."""
    chosen = np.flatnonzero(drawn["shadow"])
    height, width = pages.pixels.shape[1], pages.widths[chosen]
    names = ("degrees", "row", "column", "softness")
    degrees, row, column, softness = (drawn[f"shadow_{name}"][chosen] for name in names)
    place = (row * (height - 1), column * (width - 1.0))
    return make_planes(chosen, degrees, place, softness * height, drawn["shadow"][chosen])
