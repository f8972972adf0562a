"""Numbers listed one by one with their weights: how often each is drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.engines import Engine
from digit_sequence.base.randomness import draw_words, to_uniform
from digit_sequence.numbers.exclusion import check_rest
from digit_sequence.numbers.kind import NumberKind, NumberSource
from digit_sequence.numbers.number import Number, check_number_list

MAX_WEIGHT = 1e9


class Weights(NumberKind):
    """Quoted numbers and their weights; each sample draws one, as often as its weight says."""

    name = "weights"
    Settings = dict[Number, Annotated[float, Field(gt=0, le=MAX_WEIGHT)]]
    settings: dict[str, float]
    example: ClassVar = {"100": 3.0, "75": 1.0}

    @property
    def is_endless(self) -> bool:
        """Say yes: each sample draws its number."""
        return True

    def check(self) -> None:
        """Refuse an empty list."""
        check_number_list(list(self.settings))

    def open(self, seed: int, split: str) -> NumberSource:
        """Return the numbers of a split."""
        return WeightedNumbers(self.settings, seed, split)


class WeightedNumbers:
    """Numbers drawn by weight, in the order of their texts.

    Parameters
    ----------
    weights : mapping of str to float
        Above 0.
    seed : int
    split : str
        Its name is part of the identity of every draw.
    """

    count = None
    repeats = True

    def __init__(self, weights: Mapping[str, float], seed: int, split: str) -> None:
        self._weights = dict(sorted(weights.items()))
        self._numbers = list(self._weights)
        self._stops = np.cumsum(list(self._weights.values()))
        self._seed = seed
        self._split = split
        self.max_digits = max(map(len, self._numbers))

    def characters(self) -> set[str]:
        """Return the characters that may occur."""
        return set().union(*self._numbers)

    def identity(self) -> dict[str, object]:
        """Return what decides which numbers these are."""
        text = "\n".join(f"{number} {weight!r}" for number, weight in self._weights.items())
        digest = hashlib.sha256(text.encode()).hexdigest()
        return {"weights": len(self._numbers), "sha256": digest}

    def without(self, numbers: frozenset[str]) -> NumberSource:
        """Return the others, in the shares that they have among each other."""
        rest = {it: weight for it, weight in self._weights.items() if it not in numbers}
        check_rest(len(rest), len(self._numbers))
        return WeightedNumbers(rest, self._seed, self._split)

    def take(self, positions: NDArray[np.int64], engine: Engine = "skimage") -> list[str]:
        """Return the numbers at `positions`."""
        names, counts = [self._split] * len(positions), np.full(len(positions), 4)
        words = draw_words(self._seed, "numbers", names, positions, counts, engine)
        shares = to_uniform(words.reshape(-1, 4)[:, 0]) * self._stops[-1]
        places = np.searchsorted(self._stops, shares, side="right")
        return [self._numbers[place] for place in places.clip(max=len(self._numbers) - 1)]
