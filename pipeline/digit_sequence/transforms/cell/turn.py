"""Angles of shear and rotation, as configs and label columns have them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, limit_decimals

Degrees = Annotated[float, Field(ge=-45, le=45), limit_decimals(2)]
DegreesRange = Annotated[tuple[Degrees, Degrees], *AS_RANGE]
