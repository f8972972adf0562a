"""Numbers drawn at random: number i of a split from (seed, split, i)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, Field

from digit_sequence.base.blocks import Block, check_order, shorten
from digit_sequence.base.characters import DIGITS
from digit_sequence.base.engines import Engine
from digit_sequence.base.randomness import draw_words, to_uniform
from digit_sequence.numbers.exclusion import (
    check_redrawn,
    draw_others,
    identify_excluded,
    name_purpose,
)
from digit_sequence.numbers.kind import NumberKind, NumberSource
from digit_sequence.numbers.number import MAX_DIGITS

BALANCE_BLOCK = 100
"""Consecutive random numbers among which digits are stratified, per digit slot."""

Length = Annotated[int, Field(ge=1, le=MAX_DIGITS)]
Weight = Annotated[float, Field(ge=0, le=1e9)]
_LENGTH_KEYS = frozenset(map(str, range(1, MAX_DIGITS + 1)))


def _to_weights(value: object) -> object:
    """Turn a range of lengths, [low, high], into a distribution of equal weights."""
    if isinstance(value, dict):  # in JSON every key is a string
        weights = {int(k) if k in _LENGTH_KEYS else k: weight for k, weight in value.items()}
        if len(weights) < len(value):
            raise ValueError(f"expected each length once, got {shorten(value)}")
        return weights
    if (
        not isinstance(value, list)
        or len(value) != 2
        or any(type(length) is not int for length in value)
    ):
        raise ValueError(f"expected [low, high] or {{length: weight}}, got {shorten(value)}")
    low, high = check_order((value[0], value[1]))
    if low < 1 or high > MAX_DIGITS:
        raise ValueError(f"expected lengths from 1 to {MAX_DIGITS}, got {shorten(value)}")
    return dict.fromkeys(range(int(low), int(high) + 1), 1.0)


def _check_weights(value: dict[int, float]) -> dict[int, float]:
    if not sum(value.values()) > 0:
        raise ValueError(f"expected at least one length with a weight above 0, got {value}")
    return {length: value[length] for length in sorted(value) if value[length] > 0}


def _check_balance(value: object) -> object:
    if not isinstance(value, bool) and value != "pairs":
        raise ValueError(f"expected true, false or pairs, got {shorten(value)}")
    return value


class RandomSettings(Block):
    """Numbers drawn at random."""

    lengths: Annotated[
        dict[Length, Weight],
        BeforeValidator(
            _to_weights, json_schema_input_type=tuple[Length, Length] | dict[Length, Weight]
        ),
        AfterValidator(_check_weights),
    ]
    """[low, high] digits, all lengths equally often, or {length: weight}."""
    leading_zeros: bool = True
    """Whether a number of two and more digits may begin with 0."""
    balance: Annotated[bool | Literal["pairs"], BeforeValidator(_check_balance)] = False
    """Whether digits are stratified, so that all ten occur equally often at each place; pairs: and
    all hundred pairs of neighbours."""
    count: int | None = Field(None, ge=1, le=10**12)
    """How many numbers to draw; default: a new one for every sample."""


class Random(NumberKind):
    """Numbers drawn at random."""

    name = "random"
    Settings = RandomSettings
    settings: RandomSettings
    example: ClassVar = {"lengths": [1, 6], "balance": True}

    @property
    def is_endless(self) -> bool:
        """Whether no `count` is given."""
        return self.settings.count is None

    def open(self, seed: int, split: str) -> NumberSource:
        """Return the numbers of a split."""
        return DrawnNumbers(self.settings, seed, split)


class DrawnNumbers:
    """Random numbers: the length by its weight, then each digit.

    Parameters
    ----------
    spec : RandomSettings
    seed : int
    name : str
        Name of the split, part of the identity of every draw.
    excluded : frozenset of str
        Numbers that are drawn again, each alone.
    """

    repeats = True

    def __init__(
        self, spec: RandomSettings, seed: int, name: str, excluded: frozenset[str] = frozenset()
    ) -> None:
        self.spec = spec
        self._excluded = excluded
        self.count = spec.count
        self.max_digits = max(spec.lengths)
        self._name = name
        self._seed = seed
        self._lengths = np.array(list(spec.lengths))
        weights = np.array(list(spec.lengths.values()), np.float64)
        self._length_steps = np.cumsum(weights / weights.sum())[:-1]
        check_redrawn(sum(map(self._find_share, excluded)) / sum(weights))

    def characters(self) -> set[str]:
        """Return the characters that may occur: all digits."""
        return set(DIGITS)

    def identity(self) -> dict[str, object]:
        """Return what decides which numbers these are."""
        return self.spec.model_dump(mode="json") | identify_excluded(self._excluded)

    def without(self, numbers: frozenset[str]) -> NumberSource:
        """Return the others, in the shares that they have among each other."""
        return DrawnNumbers(self.spec, self._seed, self._name, self._excluded | numbers)

    def take(self, positions: NDArray[np.int64], engine: Engine = "skimage") -> list[str]:
        """Return the numbers at `positions`."""

        def draw(positions: NDArray[np.int64], again: int) -> list[str]:
            words = self._draw(positions, engine, again)
            lengths = self._to_lengths(words)
            is_stratified = self.spec.balance and not again
            shares = (
                self._stratify(positions, engine) if is_stratified else to_uniform(words[:, 1:])
            )
            rows = (self._to_digits(shares, lengths) + ord("0")).astype(np.uint8)
            return [
                row[:length].tobytes().decode() for row, length in zip(rows, lengths, strict=True)
            ]

        return draw_others(draw, positions, self._excluded)

    def _find_share(self, number: str) -> float:
        """Return how often a number is drawn, in proportion to the weights of the lengths."""
        if not number.isdigit():
            return 0.0
        length = len(number)
        weight: float = self.spec.lengths.get(length, 0.0)
        if length == 1 or self.spec.leading_zeros:
            return weight / 10.0**length
        return 0.0 if number[0] == "0" else weight / 9 / 10.0 ** (length - 1)

    def _to_lengths(self, words: NDArray[np.uint64]) -> NDArray[np.int64]:
        steps = np.searchsorted(self._length_steps, to_uniform(words[:, 0]), side="right")
        lengths: NDArray[np.int64] = self._lengths[steps]
        return lengths

    def _draw(
        self, positions: NDArray[np.int64], engine: Engine, again: int = 0
    ) -> NDArray[np.uint64]:
        """Return the words of each position: one for the length, one for each digit."""
        n_words = -(-(1 + self.max_digits) // 4) * 4
        names, counts = [self._name] * len(positions), np.full(len(positions), n_words)
        words = draw_words(self._seed, name_purpose(again), names, positions, counts, engine)
        return words.reshape(-1, n_words)[:, : 1 + self.max_digits]

    def _stratify(self, positions: NDArray[np.int64], engine: Engine) -> NDArray[np.float64]:
        """Return uniform numbers that, over a block of positions, fill [0, 1) evenly per slot.

        Within a block, slot by slot, each number that is long enough to use the slot gets a stratum
        of its own (latin hypercube sampling, McKay et al. 1979): the rank of its word among theirs.
        """
        shares = np.empty((len(positions), self.max_digits))
        blocks = positions // BALANCE_BLOCK
        for block in np.unique(blocks):
            words = self._draw(np.arange(BALANCE_BLOCK) + block * BALANCE_BLOCK, engine)
            lengths = self._to_lengths(words)
            is_used = np.arange(self.max_digits) < lengths[:, None]
            ranked = np.where(is_used, words[:, 1:] >> np.uint64(1), np.uint64(2**63))
            # Where in its stratum: by the lower half, for the upper one has decided on the stratum.
            within = to_uniform(words[:, 1:] << np.uint64(32))
            strata = np.argsort(np.argsort(ranked, axis=0, kind="stable"), axis=0, kind="stable")
            spread = (strata + within) / np.maximum(is_used.sum(axis=0), 1)
            if self.spec.balance == "pairs":
                for slot in range(1, self.max_digits):
                    before = self._to_digits(spread[:, :slot], lengths)[:, -1]
                    order = np.lexsort((ranked[:, slot], before, ~is_used[:, slot]))
                    # The ten in turn, in an order drawn here, so that no pair is favoured.
                    turns = np.argsort(within[:10, slot], kind="stable")
                    digits = turns[np.arange(BALANCE_BLOCK) % 10]
                    spread[order, slot] = (digits + within[order, slot]) / 10
            rows = np.flatnonzero(blocks == block)
            shares[rows] = spread[positions[rows] - block * BALANCE_BLOCK]
        return shares.clip(0, np.nextafter(1, 0))

    def _to_digits(
        self, shares: NDArray[np.float64], lengths: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Turn uniform numbers (B, slots) into digits; only the first `lengths` are meant."""
        digits = (shares * 10).astype(np.int64)
        if self.spec.leading_zeros:
            return digits
        long = lengths > 1  # "0" alone has no leading zero
        digits[long, 0] = 1 + (shares[long, 0] * 9).astype(np.int64)
        if self.spec.balance is True:
            # The first digit is never 0, so the others are 0 more often: L / (10 (L - 1)).
            zero = (lengths[long] / (10 * (lengths[long] - 1)))[:, None]
            rest = shares[long, 1:]
            digits[long, 1:] = np.where(
                rest < zero, 0, 1 + ((rest - zero) / (1 - zero) * 9).astype(np.int64)
            ).clip(0, 9)
        return digits
