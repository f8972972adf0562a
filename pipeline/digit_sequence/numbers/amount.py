"""Amounts of money, drawn from a distribution in their smallest unit and written as people do.

::

    distribution  pieces of the range         within a piece
    uniform       one                         all amounts equally often
    log_uniform   one                         x in proportion to log((x + 1) / x)
    benford       a length of digits each,    likewise
                  all equally often

Of a whole length of digits the third has first digits as Benford's law says: "The law of anomalous
numbers", 1938. Decimals are rounded correctly by their standard, so any processor draws the same.
"""

from __future__ import annotations

import math
from decimal import Context
from itertools import pairwise
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

from digit_sequence.base.blocks import Block, shorten
from digit_sequence.base.characters import (
    DIGITS,
    OTHERS,
    SPACE,
    find_unknown,
    keep_digits,
    show_characters,
)
from digit_sequence.base.engines import Engine
from digit_sequence.base.randomness import draw_words
from digit_sequence.numbers.exclusion import (
    check_redrawn,
    draw_others,
    identify_excluded,
    name_purpose,
)
from digit_sequence.numbers.kind import NumberKind, NumberSource
from digit_sequence.numbers.number import MAX_DIGITS, check_number

_EXACT = Context(prec=30)
_WORD = 64
"""Bits of a word."""


def _check_text(text: str) -> str:
    """Return what stands beside an amount: no digits, and only characters of numbers."""
    if keep_digits(text) or find_unknown(text) is not None or SPACE * 2 in text:
        signs = show_characters(OTHERS)
        raise ValueError(
            f"expected a text of {signs}, without two spaces in a row, got {shorten(text)}"
        )
    return text


_Text = Annotated[str, Field(max_length=8), AfterValidator(_check_text)]


class AmountSettings(Block):
    """Amounts of money: in cents, as 123450, or written out, as $1,234.50."""

    first: int = Field(1, ge=0, lt=10**18)
    """The least amount, in cents."""
    last: int = Field(ge=0, lt=10**18)
    """The greatest amount, in cents."""
    distribution: Literal["uniform", "log_uniform", "benford"] = "benford"
    """uniform: all amounts equally often; log_uniform: as many from 1 to 2 as from 100 to 200;
    benford: likewise, but all lengths of digits equally often."""
    width: int = Field(1, ge=1, le=MAX_DIGITS)
    """Pad with zeros on the left to this many digits: with 3, five cents are 005."""
    decimals: int = Field(0, ge=0, le=4)
    """Digits behind the point: with 2, 123450 is 1234.50, and five cents are 0.05."""
    point: Literal[".", ","] = "."
    """What stands before the decimals."""
    grouping: Literal["", ",", ".", " "] = ""
    """What stands between thousands."""
    prefix: _Text = ""
    """What stands before the digits, such as $ or -."""
    suffix: _Text = ""
    """What stands behind them, such as " €" or ",-"."""
    count: int | None = Field(None, ge=1, le=10**12)
    """How many amounts to draw; default: a new one for every sample."""

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.first > self.last:
            raise ValueError(f"expected first <= last, got {self.first} and {self.last}")
        if self.first == 0 and self.distribution != "uniform":
            raise ValueError(f"expected a first amount above 0 with {self.distribution}, got 0")
        if self.decimals and self.grouping == self.point:
            raise ValueError(
                f"expected a grouping other than the point, got {self.point!r} for both"
            )
        check_number(self.write(self.last))
        return self

    def write(self, amount: int) -> str:
        """Return the text of an amount of cents.

        >>> AmountSettings(last=123450, decimals=2, grouping=",", prefix="$").write(123450)
        '$1,234.50'
        """
        text = f"{amount:0{max(self.width, self.decimals + 1)}d}"
        whole, rest = text[: len(text) - self.decimals], text[len(text) - self.decimals :]
        if self.grouping:
            head = len(whole) % 3
            groups = [whole[:head], *(whole[n : n + 3] for n in range(head, len(whole), 3))]
            whole = self.grouping.join(filter(None, groups))
        return f"{self.prefix}{whole}{self.point if rest else ''}{rest}{self.suffix}"


class Amount(NumberKind):
    """Amounts of money, drawn from a distribution and written as people do."""

    name = "amount"
    Settings = AmountSettings
    settings: AmountSettings
    example: ClassVar = {"first": 100, "last": 999_999, "decimals": 2, "grouping": ","}

    @property
    def is_endless(self) -> bool:
        """Whether no `count` is given."""
        return self.settings.count is None

    def open(self, seed: int, split: str) -> NumberSource:
        """Return the amounts of a split."""
        return DrawnAmounts(self.settings, seed, split)


class DrawnAmounts:
    """Amounts drawn alone: the piece of the range by one word, the place in it by another.

    Parameters
    ----------
    settings : AmountSettings
    seed : int
    split : str
        Its name is part of the identity of every draw.
    excluded : frozenset of str
        Numbers that are drawn again.
    """

    repeats = True

    def __init__(
        self,
        settings: AmountSettings,
        seed: int,
        split: str,
        excluded: frozenset[str] = frozenset(),
    ) -> None:
        self.count = settings.count
        self.max_digits = len(settings.write(settings.last))
        self._settings = settings
        self._seed = seed
        self._split = split
        self._excluded = excluded
        self._is_even = settings.distribution == "uniform"
        self._pieces = _cut_pieces(settings)
        self._scales = [_EXACT.ln(_EXACT.divide(stop, start or 1)) for start, stop in self._pieces]
        check_redrawn(sum(map(self._find_share, excluded)))

    def characters(self) -> set[str]:
        """Return the characters that may occur."""
        first, last = self._settings.first, self._settings.last
        if last - first >= 10_000:
            return {*DIGITS, *self._write(last)}
        return set().union(*map(self._write, range(first, last + 1)))

    def identity(self) -> dict[str, object]:
        """Return what decides which numbers these are."""
        return self._settings.model_dump(mode="json") | identify_excluded(self._excluded)

    def without(self, numbers: frozenset[str]) -> NumberSource:
        """Return the other amounts, in the shares that they have among each other."""
        return DrawnAmounts(self._settings, self._seed, self._split, self._excluded | numbers)

    def take(self, positions: NDArray[np.int64], engine: Engine = "skimage") -> list[str]:
        """Return the numbers at `positions`."""

        def draw(positions: NDArray[np.int64], again: int) -> list[str]:
            names, counts = [self._split] * len(positions), np.full(len(positions), 4)
            words = draw_words(self._seed, name_purpose(again), names, positions, counts, engine)
            return [self._write(self._find(*row[:2])) for row in words.reshape(-1, 4).tolist()]

        return draw_others(draw, positions, self._excluded)

    def _find(self, piece_word: int, place_word: int) -> int:
        """Return the amount that two words mean."""
        piece = piece_word * len(self._pieces) >> _WORD
        start, stop = self._pieces[piece]
        if self._is_even:
            return start + (place_word * (stop - start) >> _WORD)
        place = _EXACT.divide(place_word, 1 << _WORD)
        factor = _EXACT.exp(_EXACT.multiply(place, self._scales[piece]))
        return min(int(_EXACT.multiply(start, factor)), stop - 1)

    def _find_share(self, number: str) -> float:
        """Return how often a number is drawn, 0 to 1."""
        amount = int(keep_digits(number) or "0")
        if number != self._write(amount):
            return 0.0
        for start, stop in self._pieces:
            if start <= amount < stop:
                if self._is_even:
                    return 1 / (stop - start)
                return math.log1p(1 / amount) / math.log(stop / start) / len(self._pieces)
        return 0.0

    def _write(self, amount: int) -> str:
        return self._settings.write(amount)


def _cut_pieces(settings: AmountSettings) -> list[tuple[int, int]]:
    """Return the first amount of each piece, and the one behind its last."""
    first, last = settings.first, settings.last
    ends = {first, last + 1}
    if settings.distribution == "benford":
        ends |= {10**n for n in range(19) if first < 10**n <= last}
    ordered = sorted(ends)
    return list(pairwise(ordered))
