"""Shares that differ from digit to digit: what size and breadth share."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator

from digit_sequence.base.blocks import match_text
from digit_sequence.base.characters import CHARACTERS, INKED, show_characters
from digit_sequence.base.randomness import Stream

Digit = Annotated[
    str, *match_text(f"[{INKED.replace('-', '')}-]", f"one of {show_characters(INKED)}")
]


def _to_digits(value: object) -> object:
    """Take 0 for "0" as a key: YAML reads it as a number."""
    if not isinstance(value, dict):
        return value
    return {str(key) if type(key) is int else key: bias for key, bias in value.items()}


BY_DIGIT = BeforeValidator(_to_digits)
"""What makes a bias of ``dict[Digit, Share]``."""


def apply_bias(drawn: NDArray[Any], bias: dict[str, float], stream: Stream) -> NDArray[Any]:
    """Return shares (G,) times those of their digits; 1 in place of 0, where none was drawn."""
    biases = np.array([bias.get(character, 1.0) for character in CHARACTERS])
    share = np.where(drawn > 0, drawn, 1.0)
    applied: NDArray[np.float64] = np.round(share * biases[stream.identities.digits], 4)
    return applied
