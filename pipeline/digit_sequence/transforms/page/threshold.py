"""Black or white, as a fax has it."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream
from digit_sequence.transforms.canvas import Pages
from digit_sequence.transforms.transform import Chance, Drawn, Page, Section

TAIL = 0.005
"""Share of the pixels that are darker than dark, and brighter than bright."""
BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.int64)
"""Order in which pixels of 4 x 4 become bright (Bayer, 1973)."""
Share = Annotated[float, Field(ge=0.1, le=0.9), Decimals(3)]
Dither = Annotated[float, Field(ge=0, le=1), Decimals(3)]


class Threshold(Page):
    """Make each pixel black or white."""

    name: ClassVar = "threshold"
    section: ClassVar[Section] = "line"
    example: ClassVar[Any] = {"level": [0.35, 0.65], "dither": [0, 0.4]}
    columns: ClassVar = (
        Column("threshold", "float64", "from dark (0) to bright (1), where white begins; 0: none"),
        Column(
            "threshold_dither", "float64", "by how much it differs among 4 x 4 pixels, likewise"
        ),
    )

    class Settings(Chance):
        """Black and white alone."""

        level: Annotated[tuple[Share, Share], *AS_RANGE]
        """Where white begins, between the page's dark (0) and its bright (1): the levels that
        0.5 % of its pixels are beyond."""
        dither: Annotated[tuple[Dither, Dither], *AS_RANGE] = (0, 0)
        """By how much that differs among 4 x 4 pixels, likewise."""

    def apply(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Make the pages black and white that drew it."""
        bayer = _tile_bayer(pages)
        for sample in np.flatnonzero(drawn["threshold"]):
            page = pages.pixels[sample]
            level, dither = drawn["threshold"][sample], drawn["threshold_dither"][sample]
            image = page[:, : pages.widths[sample]]
            order = np.sort(image, axis=None).astype(np.float64)
            tail = int(TAIL * image.size)
            dark, bright = order[tail], order[-1 - tail]
            limit = dark + (bright - dark) * (level + dither * ((2 * bayer - 15) / 32))
            page[:] = np.where(page > limit, 255, 0)

    def apply_compiled(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Make them black and white by compiled loops."""
        from digit_sequence.transforms.page.threshold_kernels import split_pages

        if drawn["threshold"].any():
            limits = (drawn["threshold"], drawn["threshold_dither"])
            split_pages(pages.pixels, pages.widths, *limits, TAIL, BAYER)


def _tile_bayer(pages: Pages) -> NDArray[np.int64]:
    _, height, width = pages.pixels.shape
    y, x = np.ogrid[:height, :width]
    tiled: NDArray[np.int64] = BAYER[y % 4, x % 4]
    return tiled
