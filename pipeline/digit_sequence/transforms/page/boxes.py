"""A printed box for each digit, or a comb. The box of a digit's ink: `canvas.Layers.boxes`."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals, Probability
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream
from digit_sequence.transforms.canvas import Pages
from digit_sequence.transforms.page.lines import Lines, make_lines, paint_lines
from digit_sequence.transforms.transform import Chance, Drawn, Page, Section

Strength = Annotated[float, Field(ge=0, le=1), Decimals(3)]
Pixels = Annotated[float, Field(ge=0.5, le=4), Decimals(2)]
Margin = Annotated[float, Field(ge=0, le=16), Decimals(2)]
_TOOTH = 0.3
"""Height of a comb's teeth, as a share of its boxes'."""


class Boxes(Page):
    """Print a box for each digit, or a comb: a line below with a tooth between two digits."""

    name: ClassVar = "boxes"
    section: ClassVar[Section] = "line"
    example: ClassVar[Any] = {"strength": [0.2, 0.8], "comb": 0.4}
    kinds: ClassVar = {"boxes": {"comb": 0.0}, "comb": {"comb": 1.0}}
    columns: ClassVar = (
        Column("printed_boxes", "float64", "ink of the printed boxes, share of full ink"),
        Column("printed_boxes_pixels", "float64", "thickness of their lines, pixels"),
        Column("printed_boxes_margin", "float64", "from the line's ink to its boxes, pixels"),
        Column("printed_boxes_comb", "bool", "a comb in place of boxes"),
    )

    class Settings(Chance):
        """A box for each digit, or a comb."""

        strength: Annotated[tuple[Strength, Strength], *AS_RANGE]
        """Ink of the lines, as a share of full ink."""
        pixels: Annotated[tuple[Pixels, Pixels], *AS_RANGE] = (0.7, 1.5)
        """Thickness of the lines."""
        margin: Annotated[tuple[Margin, Margin], *AS_RANGE] = (1, 3)
        """Pixels from the ink of all digits to the boxes around them."""
        comb: Probability = 0.0
        """How often it is a comb."""

    def apply(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Print boxes on the pages that drew them."""
        paint_lines(pages.pixels, _box(pages, drawn))

    def apply_compiled(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Print boxes by compiled loops."""
        from digit_sequence.transforms.page.lines_kernels import paint_lines

        paint_lines(pages.pixels, _box(pages, drawn))


def _box(pages: Pages, drawn: Drawn) -> Lines:
    """Return the lines around the digits of all pages."""
    counts = np.diff(pages.starts)
    chosen = np.flatnonzero((drawn["printed_boxes"] > 0) & (counts > 0))
    if not len(chosen):
        return np.empty((0, 8), np.int64)
    height, width = pages.pixels.shape[1], pages.widths[chosen]
    ink, pixels, margin = (
        drawn[name][chosen]
        for name in ("printed_boxes", "printed_boxes_pixels", "printed_boxes_margin")
    )
    comb = drawn["printed_boxes_comb"][chosen]
    extent = _join_boxes(pages)
    top, left, bottom, right = extent[chosen].T
    # Boxes have room on the canvas, where ink may reach its edge.
    edge = np.ceil(pixels / 2)
    top, left = np.maximum(top - margin, edge), np.maximum(left - margin, edge)
    bottom = np.minimum(bottom + margin, height - edge) - 0.5
    right = np.minimum(right + margin, width - edge) - 0.5
    first, stop = np.floor(left).astype(np.int64), np.ceil(right).astype(np.int64) + 1
    above = make_lines(chosen, 0, (first, stop), top, 0.0, pixels, ink)[~comb]
    below = make_lines(chosen, 0, (first, stop), bottom, 0.0, pixels, ink)
    # Between two digits a line stands in the middle.
    place = np.full(len(counts), -1)
    place[chosen] = np.arange(len(chosen))
    boxes = pages.boxes.astype(np.int64)
    order = np.lexsort([boxes[:, 1] + boxes[:, 3], np.repeat(np.arange(len(counts)), counts)])
    boxes, owners = boxes[order], place[np.repeat(np.arange(len(counts)), counts)]
    inner = np.flatnonzero((owners[1:] == owners[:-1]) & (owners[1:] >= 0))
    between = (boxes[inner, 3] + boxes[inner + 1, 1] - 1) / 2
    own = np.concatenate([owners[inner], np.arange(len(chosen)), np.arange(len(chosen))])
    middle = np.concatenate([between, left, right])
    begin = np.where(comb, bottom - _TOOTH * (bottom - top), top)
    # Their ends stop short of the lines above and below.
    begin = np.floor(begin + pixels / 2).astype(np.int64) + 1
    end = np.ceil(bottom - pixels / 2).astype(np.int64)
    upright = make_lines(chosen[own], 1, (begin[own], end[own]), middle, 0.0, pixels[own], ink[own])
    return np.concatenate([above, below, upright])


def _join_boxes(pages: Pages) -> NDArray[np.int64]:
    """Return top, left, bottom, right of all digits of each page (B, 4); 0 for none."""
    extent = np.zeros((len(pages.pixels), 4), np.int64)
    filled = np.flatnonzero(np.diff(pages.starts))
    starts = pages.starts[filled]
    extent[filled, :2] = np.minimum.reduceat(pages.boxes[:, :2], starts)
    extent[filled, 2:] = np.maximum.reduceat(pages.boxes[:, 2:], starts)
    return extent
