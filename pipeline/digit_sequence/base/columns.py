"""Columns of the label index that are declared where their values are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

_KINDS: dict[str, tuple[Any, Any]] = {
    "bool": (np.bool_, False),
    "float64": (np.float64, 0.0),
    "string": (np.object_, ""),
}
"""Of NumPy, and what is neutral unless a column says otherwise; of all others int64 and 0."""


@dataclass(frozen=True)
class Column:
    """A column of the label index."""

    name: str
    type: str
    """Of Arrow: int8, int16, int32, int64, float64, bool or string; box and polygons are the label
    index's own."""
    meaning: str
    """What it says, with its unit: a line of the reference."""
    per: Literal["sample", "digit"] = "sample"
    """Whether a sample has one value, or each of its digits."""
    neutral: float | str | None = None
    """What a sample has whose look leaves the transform out; None: 0, false or no text."""

    def fill(self, count: int) -> NDArray[Any]:
        """Return as many neutral values.

        >>> Column("tilt", "float64", "").fill(2).tolist(), Column("look", "string", "").fill(1)
        ([0.0, 0.0], array([''], dtype=object))
        """
        kind, neutral = _KINDS.get(self.type, (np.int64, 0))
        return np.full(count, neutral if self.neutral is None else self.neutral, kind)


NUMBER_DIGITS = Column("digits", "string", "those of the number, without its signs and spaces")
MASKS = Column(
    "masks", "string", "the pixels of its ink: COCO's run lengths, of height by width", "digit"
)
POLYGONS = Column(
    "polygons", "polygons", "the outlines of its ink: column and row of each corner", "digit"
)
