"""What is written on the other side of the paper, mirrored and faint."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream
from digit_sequence.transforms.canvas import Pages, screen, to_fixed
from digit_sequence.transforms.transform import Chance, Drawn, Page, Section

Strength = Annotated[float, Field(ge=0, le=0.6), Decimals(3)]
Share = Annotated[float, Field(ge=-1, le=1), Decimals(3)]


class ShowThrough(Page):
    """Let the other side of the paper show: the same line, mirrored, moved and blurred."""

    name: ClassVar = "show_through"
    section: ClassVar[Section] = "line"
    example: ClassVar[Any] = {"strength": [0.05, 0.3]}
    columns: ClassVar = (
        Column("show_through", "float64", "ink that shows from the other side, share of full ink"),
        Column("show_through_row", "float64", "rows it is moved down, share of the height"),
        Column("show_through_column", "float64", "columns it is moved right, share of the width"),
    )

    class Settings(Chance):
        """The other side of the paper."""

        strength: Annotated[tuple[Strength, Strength], *AS_RANGE]
        """Its ink, as a share of full ink."""
        row: Annotated[tuple[Share, Share], *AS_RANGE] = (-0.6, 0.6)
        """How far it is moved down, as a share of the canvas height; what leaves comes back."""
        column: Annotated[tuple[Share, Share], *AS_RANGE] = (-0.3, 0.3)
        """How far it is moved to the right, as a share of the canvas width."""

    def apply(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Show the other side of the pages that drew it."""
        for sample, down, across, strength, width in _read_draws(pages, drawn).tolist():
            image = pages.pixels[sample, :, :width]
            page = image.astype(np.int64)
            back = np.roll(page[:, ::-1], (down, across), (0, 1))
            for axis in (0, 1):
                back = np.roll(back, 1, axis) + 2 * back + np.roll(back, -1, axis)
            image[:] = screen(page, (back >> 4) * strength >> 8)

    def apply_compiled(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Show it by compiled loops."""
        from digit_sequence.transforms.page.show_through_kernels import show_backs

        show_backs(pages.pixels, _read_draws(pages, drawn))


def _read_draws(pages: Pages, drawn: Drawn) -> NDArray[np.int64]:
    """Return page, rows down, columns across, strength (1/256), width of pages that drew it."""
    chosen = np.flatnonzero(drawn["show_through"])
    height, width = pages.pixels.shape[1], pages.widths[chosen]
    down = to_fixed(drawn["show_through_row"][chosen] * height, 1) % height
    across = to_fixed(drawn["show_through_column"][chosen] * width, 1) % width
    strength = to_fixed(drawn["show_through"][chosen], 256)
    return np.stack([chosen, down, across, strength, width], axis=-1)
