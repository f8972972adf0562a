"""Numbers of several kinds by weight, in shares that are exact to a thousandth.

Of each 1000 consecutive samples a part gets as many as its weight says, at places that seed and
split shuffle. Its numbers come in its own order, so a part that repeats none repeats none here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from copy import copy
from fractions import Fraction
from itertools import accumulate
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from digit_sequence.base.blocks import Block, retype_field, shorten
from digit_sequence.base.engines import Engine
from digit_sequence.numbers.choice import Kinds, OneKind, make_choice
from digit_sequence.numbers.exclusion import leave_out
from digit_sequence.numbers.kind import NumberKind, NumberSource
from digit_sequence.numbers.permutation import Permutation

_INT64_MAX = 2**63 - 1
BLOCK = 1000
"""Consecutive samples among which the shares are exact."""


class Part(OneKind):
    """Numbers of one kind, and how often they are shown; exactly one kind is given."""

    weight: float = Field(1.0, ge=0, le=1e9)
    """How often, in proportion to the weights of the others; 0: never."""


def share_out(weights: Mapping[str, float]) -> dict[str, int]:
    """Return how many of `BLOCK` samples each part gets: largest remainders, one at least.

    >>> share_out({"a": 2, "b": 1})
    {'a': 667, 'b': 333}
    """
    total = sum(map(Fraction, weights.values()))
    exact = {name: Fraction(weight) * BLOCK / total for name, weight in weights.items()}
    shares = {name: max(1, int(share)) for name, share in exact.items()}
    while sum(shares.values()) < BLOCK:
        shares[max(shares, key=lambda name: exact[name] - shares[name])] += 1
    while sum(shares.values()) > BLOCK:
        several = [name for name in shares if shares[name] > 1]
        shares[min(several, key=lambda name: exact[name] - shares[name])] -= 1
    return shares


def _check_parts(parts: dict[str, Part]) -> dict[str, Part]:
    """Leave out parts that are never shown; their order is that of their names."""
    chosen = {name: parts[name] for name in sorted(parts) if parts[name].weight > 0}
    if not chosen:
        got = shorten({name: part.weight for name, part in parts.items()})
        raise ValueError(f"expected at least one part with a weight above 0, got {got}")
    if len(chosen) > BLOCK // 10:
        raise ValueError(f"expected at most {BLOCK // 10} parts, got {len(chosen)}")
    return chosen


class MixtureSettings(Block):
    """Numbers of several kinds by weight."""

    parts: Annotated[dict[str, Part], AfterValidator(_check_parts)]
    """The kinds and their weights, each under a name of your own."""
    count: int | None = Field(None, ge=1, le=10**12)
    """How many numbers to take; default: a new one for every sample."""


class Mixture(NumberKind):
    """Numbers of several kinds by weight."""

    name = "mixture"
    Settings = MixtureSettings
    settings: MixtureSettings
    example: ClassVar = {
        "parts": {
            "marks": {"weight": 1, "range": {"last": 100}},
            "students": {"weight": 1, "pattern": {"regex": r"[12]\d{6}"}},
        }
    }

    @property
    def is_endless(self) -> bool:
        """Whether no `count` is given."""
        return self.settings.count is None

    @property
    def has_paths(self) -> bool:
        """Whether a part names files."""
        return any(part.kind.has_paths for part in self.settings.parts.values())

    def inline(self) -> NumberKind:
        """Return the mixture with the numbers of files in place of the files."""
        parts = {}
        for name, part in self.settings.parts.items():
            kind = part.kind.inline()
            parts[name] = type(part).model_construct(
                weight=part.weight, **{kind.name: kind.settings}
            )
        return type(self)(self.settings.model_copy(update={"parts": parts}))

    def open(self, seed: int, split: str) -> NumberSource:
        """Return the numbers of a split."""
        return MixedNumbers(self.settings, seed, split)


def make_mixture(kinds: Kinds) -> type[NumberKind]:
    """Return the kind whose parts are of some other kinds."""
    part: Any = make_choice("Part", Part, kinds)
    parts = Annotated[dict[str, part], AfterValidator(_check_parts)]
    settings = retype_field(MixtureSettings, "parts", parts)
    return type("Mixture", (Mixture,), {"Settings": settings, "__doc__": Mixture.__doc__})


class MixedNumbers:
    """Numbers of several sources: of each block of samples a part has its share.

    Parameters
    ----------
    settings : MixtureSettings
    seed : int
    split : str
    """

    repeats = True

    def __init__(self, settings: MixtureSettings, seed: int, split: str) -> None:
        self.count = settings.count
        self._key = f"{seed}/{split}/mixture"
        self._shares = share_out({name: part.weight for name, part in settings.parts.items()})
        self._sources = {
            name: part.kind.open(seed, f"{split}/{name}") for name, part in settings.parts.items()
        }

    @property
    def max_digits(self) -> int:
        """Characters of the longest number."""
        return max(source.max_digits for source in self._sources.values())

    def characters(self) -> set[str]:
        """Return the characters that may occur."""
        return set().union(*(source.characters() for source in self._sources.values()))

    def identity(self) -> dict[str, object]:
        """Return what decides which numbers these are."""
        parts = {
            name: {
                "share": self._shares[name],
                "kind": type(source).__name__,
                "numbers": source.identity(),
            }
            for name, source in self._sources.items()
        }
        return {"parts": parts, "count": self.count}

    def without(self, numbers: frozenset[str]) -> NumberSource:
        """Return the mixture of what is left of each part, in the same shares."""
        rest = copy(self)
        rest._sources = {}
        for name, source in self._sources.items():
            try:
                rest._sources[name] = leave_out(source, numbers)
            except ValueError as error:
                raise ValueError(f"parts.{name}: {error}") from error
        return rest

    def take(self, positions: NDArray[np.int64], engine: Engine = "skimage") -> list[str]:
        """Return the numbers at `positions`."""
        parts, places = self._divide(positions)
        numbers = np.empty(len(positions), object)
        for part, source in enumerate(self._sources.values()):
            chosen = places[parts == part] % min(source.count or _INT64_MAX, _INT64_MAX)
            numbers[parts == part] = source.take(chosen, engine)
        return list(numbers)

    def _divide(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the part of each position, and its place in the part: shape (2, B)."""
        shares = list(self._shares.values())
        starts = [0, *accumulate(shares)]
        blocks = {
            block: Permutation(BLOCK, f"{self._key}/{block}")
            for block in set((positions // BLOCK).tolist())
        }
        found = []
        for position in positions.tolist():
            block, slot = divmod(position, BLOCK)
            slot = blocks[block][slot]
            part = bisect_right(starts, slot) - 1
            found.append((part, block * shares[part] + slot - starts[part]))
        return np.array(found, np.int64).reshape(-1, 2).T
