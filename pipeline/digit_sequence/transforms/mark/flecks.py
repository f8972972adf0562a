"""Flecks of ink: where a pen has touched the paper."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream, to_uniform
from digit_sequence.transforms.canvas import Pages
from digit_sequence.transforms.mark.marks import Line, Marks, Traced
from digit_sequence.transforms.transform import Chance, Drawn, Section

Count = Annotated[int, Field(ge=0, le=20)]
_LENGTH = 0.08
"""Rows and columns that a fleck extends, at most, in heights of the tallest digit."""
_N_WORDS = 4


class Flecks(Marks):
    """Drop dots and short strokes of the line's pen anywhere; the label leaves them out."""

    name: ClassVar = "flecks"
    section: ClassVar[Section] = "line"
    example: ClassVar = {"count": [1, 8]}
    columns: ClassVar = (Column("flecks", "int8", "dots and short strokes on the canvas"),)

    class Settings(Chance):
        """Dots and short strokes of the line's pen."""

        count: Annotated[tuple[Count, Count], *AS_RANGE] = (1, 3)
        """How many."""

    def trace(self, pages: Pages, drawn: Drawn, stream: Stream) -> list[Traced]:
        """Draw each from a point of the canvas to another near it."""
        counts = drawn["flecks"]
        chosen = np.flatnonzero(counts)
        if not len(chosen):
            return []
        owners = np.repeat(np.arange(len(chosen)), counts[chosen])
        first = np.cumsum(counts[chosen]) - counts[chosen]
        place = (np.arange(len(owners)) - first[owners]) * _N_WORDS
        words = stream.part("pen").of_samples(chosen, int(counts.max()) * _N_WORDS)
        row, column, down, across = to_uniform(words[place + np.arange(4)[:, None], owners])
        samples = chosen[owners]
        height, width = pages.pixels.shape[1], pages.widths[samples]
        length = _LENGTH * Line(pages).heights[samples]
        begin = np.stack([row * height, column * width], axis=-1) - 0.5
        end = begin + np.stack([length * (2 * down - 1), length * (2 * across - 1)], axis=-1)
        return [Traced(np.stack([begin, end], axis=1), pages.starts[samples])]
