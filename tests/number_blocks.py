"""Numbers of blocks `numbers`, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from digit_sequence.config.splits import Numbers
from digit_sequence.numbers.kind import NumberSource


def open_block(block: dict[str, Any], seed: int = 1, split: str = "train") -> NumberSource:
    """Open the numbers of a block `numbers`."""
    return Numbers.model_validate(block).kind.open(seed, split)


def open_random(seed: int = 1, split: str = "train", **fields: Any) -> NumberSource:
    """Open random numbers."""
    return open_block({"random": fields}, seed, split)


def take(source: NumberSource, *positions: int) -> list[str]:
    """Take the numbers at some positions."""
    return source.take(np.array(positions, np.int64))
