"""Angles of shear and rotation, as configs and label columns have them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals

Degrees = Annotated[float, Field(ge=-45, le=45), Decimals(2)]
DegreesRange = Annotated[tuple[Degrees, Degrees], *AS_RANGE]
