"""Gaps between the inks of digits, in proportion to their height."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Block, Decimals, Probability
from digit_sequence.base.columns import Column
from digit_sequence.base.philox import Words
from digit_sequence.base.randomness import Stream, to_decimals, to_uniform
from digit_sequence.transforms.geometry import Row
from digit_sequence.transforms.transform import Drawn, Placement, Section

Share = Annotated[float, Field(ge=-1, le=3), Decimals(3)]
Shares = Annotated[tuple[Share, Share], *AS_RANGE]


def _draw(words: Words, bounds: tuple[float, float]) -> NDArray[np.float64]:
    return to_decimals(words, bounds[0], bounds[1], 3)


class Gap(Placement):
    """Gaps between the inks of two digits, as shares of the height of a digit.

    They take the place of `line.spacing`, whose label column says what became of them in columns.
    Negative gaps are overlaps of ink boxes, by half the narrower one at most; signs overlap with
    none.
    """

    name: ClassVar = "gap"
    section: ClassVar[Section] = "line"
    example: ClassVar = {"mean": [-0.1, 0.3], "jitter": [-0.2, 0.2], "odd": 0.1}
    columns: ClassVar = (
        Column("gap_mean", "float64", "gap of the line, share of a digit's height"),
        Column("gap", "float64", "before the digit, share of a digit's height", "digit"),
    )
    needs_outlines: ClassVar = True

    class Settings(Block):
        """Gaps between the inks of two digits, as shares of the height of a digit."""

        mean: Shares
        """Of all gaps of a line; negative: ink boxes overlap."""
        jitter: Shares = (0.0, 0.0)
        """By how much each gap is wider than that, or narrower if negative."""
        odd: Probability = 0.0
        """How often a gap is of another kind, 0 to 1."""
        wide: Shares = (0.5, 1.0)
        """Such a gap, in place of mean and jitter."""

    def draw(self, stream: Stream) -> dict[str, NDArray[Any]]:
        """Draw the mean of each line, then chance, jitter and wide gap of each digit."""
        settings = self.settings
        (word,) = stream.per_sample(1)
        chance, *words = stream.per_digit(3)
        mean = _draw(word, settings.mean)
        jitter, wide = (
            _draw(word, bounds)
            for word, bounds in zip(words, (settings.jitter, settings.wide), strict=True)
        )
        is_odd = to_uniform(chance) < settings.odd
        gap = np.where(is_odd, wide, mean[stream.identities.owners] + jitter)
        gap[stream.identities.starts[:-1]] = 0
        return {"gap_mean": mean, "gap": np.round(gap, 3)}

    def place(self, row: Row, drawn: Drawn) -> Drawn:
        """Set the gaps between cells, which are as wide as their ink."""
        gaps = np.floor(drawn["gap"] * row.heights + 0.5).astype(np.int64)
        row.gaps = np.maximum(gaps, row.least_gaps)
        row.gaps[row.starts[:-1]] = 0
        is_narrow = row.gaps > gaps
        applied = np.where(is_narrow, np.round(row.gaps / row.heights, 3), drawn["gap"])
        return {"gap": applied, "spacing": row.gaps}
