"""A piece of the line above or below."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream, to_uniform
from digit_sequence.transforms.canvas import Pages
from digit_sequence.transforms.mark.marks import (
    Line,
    Marks,
    Traced,
    count_words,
    pick_names,
    trace_marks,
)
from digit_sequence.transforms.transform import Chance, Drawn, Section

Share = Annotated[float, Field(ge=0, le=0.3), Decimals(3)]
_SHAPES = ("0/overrun", "2/loop", "5/s", "7/wave", "8/line", "9/g")
_PIECES = 2


class Neighbour(Marks):
    """Let the line above or below reach into the canvas; the label leaves it out."""

    name: ClassVar = "neighbour"
    section: ClassVar[Section] = "line"
    example: ClassVar = {"visible": [0.02, 0.3]}
    columns: ClassVar = (
        Column("neighbour", "string", "above or below: where another line reaches in; empty: none"),
    )

    class Settings(Chance):
        """A piece of the line above or below."""

        visible: Annotated[tuple[Share, Share], *AS_RANGE] = (0.03, 0.15)
        """How much of its height is on the canvas."""

    def draw(self, stream: Stream) -> dict[str, NDArray[Any]]:
        """Draw a chance and a side."""
        chance, side = stream.per_sample(2)
        names = pick_names(side, (("above", 0.5), ("below", 0.5)))
        return {"neighbour": np.where(self.is_chosen(chance), names, "")}

    def trace(self, pages: Pages, drawn: Drawn, stream: Stream) -> list[Traced]:
        """Put two digits of the pen's shapes beyond the edge, side by side."""
        side = drawn["neighbour"]
        samples = np.flatnonzero(side != "")
        if not len(samples):
            return []
        height, width = pages.pixels.shape[1], pages.widths[samples]
        line = Line(pages)
        digits = pages.starts[samples]
        tall = line.heights[samples]
        low, high = self.settings.visible
        n_words = 1 + count_words(_SHAPES)
        words = stream.part("pen").of_samples(samples, 2 + _PIECES * n_words)
        visible = (low + (high - low) * to_uniform(words[0])) * tall
        bottoms = np.where(side[samples] == "above", visible, height - visible + tall)
        columns = (width + tall) * to_uniform(words[1]) - tall
        own = words[2:].reshape(_PIECES, n_words, -1)
        begin = columns + np.arange(_PIECES)[:, None] * tall
        return trace_marks(
            pick_names(own[:, 0].ravel(), [(name, 1.0) for name in _SHAPES]),
            np.tile(digits, _PIECES),
            line,
            begin.ravel(),
            np.tile(bottoms, _PIECES),
            own[:, 1:].swapaxes(0, 1).reshape(n_words - 1, -1),
        )
