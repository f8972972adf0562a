"""Columns of the label index that are declared where their values are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Column:
    """A column of the label index."""

    name: str
    type: str
    """Of Arrow: int8, int16, int32, int64, float64, bool or string."""
    meaning: str
    """What it says, with its unit: a line of the reference."""
    per: Literal["sample", "digit"] = "sample"
    """Whether a sample has one value, or each of its digits."""
