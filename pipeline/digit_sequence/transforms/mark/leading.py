"""A currency sign or the like before a number."""

from __future__ import annotations

from typing import ClassVar

from digit_sequence.base.columns import Column
from digit_sequence.transforms.mark.endings import Ending


class Leading(Ending):
    """Write $, #, = or / before the first digit; the label leaves it out."""

    name: ClassVar = "leading"
    example: ClassVar = {}
    signs: ClassVar = "$#=/"
    columns: ClassVar = (Column("leading", "string", "mark before the first digit; empty: none"),)
    marks = (("dollar", 0.5), ("hash", 0.25), ("equals", 0.2), ("slash", 0.05))
    is_before = True
