"""What closes a number: a dash, an equals sign, a point and a dash."""

from __future__ import annotations

from typing import ClassVar

from digit_sequence.base.columns import Column
from digit_sequence.transforms.mark.endings import Ending


class Trailing(Ending):
    """Write -, =, .- or the like after the last digit; the label leaves it out."""

    name: ClassVar = "trailing"
    example: ClassVar = {}
    signs: ClassVar = ".,-="
    columns: ClassVar = (Column("trailing", "string", "mark after the last digit; empty: none"),)
    marks = (
        *(("dash", 0.28), ("long_dash", 0.1), ("wave", 0.04), ("equals", 0.14)),
        *(("point_dash", 0.16), ("comma_dash", 0.06), ("dot", 0.14), ("comma", 0.08)),
    )
    is_before = False
