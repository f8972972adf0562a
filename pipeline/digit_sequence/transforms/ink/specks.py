"""Single pixels at drawn places of a digit's ink box: what salt and pepper share."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE
from digit_sequence.base.randomness import Stream
from digit_sequence.transforms.canvas import Layers
from digit_sequence.transforms.transform import Chance

MAX_SPECKS = 24
"""Specks of one digit, at most: so many places are drawn for it."""
Specks = Annotated[int, Field(ge=0, le=MAX_SPECKS)]
SpecksRange = Annotated[tuple[Specks, Specks], *AS_RANGE]


class SpeckSettings(Chance):
    """Single pixels inside the ink box of a digit."""

    pixels: SpecksRange
    """How many."""


def draw_places(stream: Stream) -> NDArray[np.uint32]:
    """Return `MAX_SPECKS` places for each digit, (G, 24): 32-bit shares of its ink box."""
    words = stream.part("places").per_digit(MAX_SPECKS // 2).T
    return np.ascontiguousarray(words, "<u8").view("<u4")


def find_specks(
    layers: Layers, counts: NDArray[Any], places: NDArray[np.uint32]
) -> NDArray[np.int64]:
    """Return where the first `counts` places of each layer's ink box are in the buffer."""
    boxes = layers.boxes()
    top, left = (boxes[:, :2] - layers.places[:, :2]).T[:, :, None]
    height, width = (boxes[:, 2:] - boxes[:, :2]).T[:, :, None]
    area = (height * width).astype(np.uint64)
    position = (places * area >> np.uint64(32)).astype(np.int64)
    row, column = top + position // np.maximum(width, 1), left + position % np.maximum(width, 1)
    found = layers.starts[:, None] + row * layers.strides[:, None] + column
    is_drawn = (np.arange(places.shape[1]) < np.asarray(counts)[:, None]) & (area > 0)
    specks: NDArray[np.int64] = found[is_drawn]
    return specks
