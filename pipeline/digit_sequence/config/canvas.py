"""The canvas of a config, and what keeps the digits on it legible."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema

from digit_sequence.base.blocks import Block, shorten
from digit_sequence.transforms.transform import Transform

MIN_DIGIT_WIDTH = 4
"""Columns that a digit keeps, at least, when its line is shrunk to the canvas."""
MIN_INK_ROWS = 4
"""Rows of the canvas that the ink of a digit keeps, at least, in a line that is not shrunk."""


def _check_width(value: Any) -> int | tuple[int, int]:
    """Return the width of a canvas, or the least and the greatest one."""
    is_range = isinstance(value, list | tuple)
    ends = list(value) if is_range else [value, value]
    if len(ends) == 2 and all(type(end) is int for end in ends) and 8 <= ends[0] <= ends[1] <= 8192:
        return (ends[0], ends[1]) if is_range else ends[0]
    range_too = "" if type(value) is int else ", or [low, high] of these"
    raise ValueError(f"expected 8 to 8,192 columns{range_too}, got {shorten(value)}")


_COLUMNS = {"type": "integer", "minimum": 8, "maximum": 8192}
_WIDTH = (
    PlainValidator(_check_width),
    PlainSerializer(lambda width: width),
    WithJsonSchema(
        {"anyOf": [_COLUMNS, {"type": "array", "items": _COLUMNS, "minItems": 2, "maxItems": 2}]}
    ),
)


class Canvas(Block):
    """The image that a line of digits is placed on."""

    height: int = Field(28, ge=8, le=512)
    """Rows; digits are scaled to it."""
    width: Annotated[int | tuple[int, int], *_WIDTH] = 200
    """Columns, 8 to 8192; a longer line is shrunk to them, which its label row says. [low, high]:
    each image is as wide as its line, within these."""
    align: Literal["left", "center", "right"] = "center"
    """Where a line stands that is shorter than the canvas."""

    @property
    def widest(self) -> int:
        """Columns of an image, at most."""
        return self.width if isinstance(self.width, int) else self.width[1]

    @property
    def narrowest(self) -> int:
        """Columns of an image, at least."""
        return self.width if isinstance(self.width, int) else self.width[0]


def check_rows(transforms: Sequence[Transform], height: int) -> None:
    """Raise a ValueError if transforms leave a digit too few rows: each by itself, or all of them.

    Parameters
    ----------
    transforms : sequence of Transform
        Those of one look.
    height : int
        Rows of the canvas.
    """
    shares = {f"{it.section}.{it.name}": it.find_least_share() for it in transforms}
    rows = height * math.prod(shares.values())
    if round(rows, 6) < MIN_INK_ROWS:
        smaller = {key: f"{share:.3g}" for key, share in shares.items() if share < 1}
        raise ValueError(
            f"{', '.join(smaller) or 'canvas.height'}: expected to leave the ink of a digit "
            f"{MIN_INK_ROWS} of the {height} rows of the canvas, got {rows:.2g}, a share of "
            f"{' x '.join(smaller.values()) or 1}"
        )
