"""Numbers in an arithmetic progression, padded with zeros."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from digit_sequence.base.blocks import Block
from digit_sequence.base.characters import DIGITS
from digit_sequence.base.engines import Engine
from digit_sequence.numbers.exclusion import Gaps, check_rest, identify_excluded
from digit_sequence.numbers.kind import NumberKind, NumberSource
from digit_sequence.numbers.number import MAX_DIGITS


class RangeSettings(Block):
    """Every `step`-th number from `first` to `last`, both included."""

    first: int = Field(0, ge=0, lt=10**18)
    """The first number."""
    last: int = Field(ge=0, lt=10**18)
    """The last number, if a step meets it."""
    step: int = Field(1, ge=1)
    """From one number to the next."""
    width: int = Field(1, ge=1, le=MAX_DIGITS)
    """Pad with zeros on the left to this many digits."""

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.first > self.last:
            raise ValueError(f"expected first <= last, got {self.first} and {self.last}")
        return self


class Range(NumberKind):
    """Every `step`-th number from `first` to `last`, both included."""

    name = "range"
    Settings = RangeSettings
    settings: RangeSettings
    example: ClassVar = {"first": 5, "last": 995, "step": 5, "width": 4}

    def open(self, seed: int, split: str) -> NumberSource:  # noqa: ARG002
        """Return the progression."""
        span = self.settings
        return RangeNumbers(span.first, span.last, span.step, span.width)


@dataclass(frozen=True)
class RangeNumbers:
    """Every `step`-th number from `first` to `last`, padded to `width` digits."""

    first: int
    last: int
    step: int
    width: int
    excluded: frozenset[str] = frozenset()

    repeats = False

    @property
    def count(self) -> int:
        """How many there are."""
        return self._n_steps - len(self._gaps)

    @property
    def max_digits(self) -> int:
        """Digits of the longest number."""
        return len(self._write(self._n_steps - 1))

    @property
    def _n_steps(self) -> int:
        return (self.last - self.first) // self.step + 1

    @cached_property
    def _gaps(self) -> Gaps:
        """The steps that are left out."""
        places = (
            (number, divmod(int(number) - self.first, self.step))
            for number in self.excluded
            if number.isdigit()
        )
        return Gaps(
            step
            for number, (step, rest) in places
            if rest == 0 and 0 <= step < self._n_steps and number == self._write(step)
        )

    def characters(self) -> set[str]:
        """Return the digits that may occur."""
        if self.count > 10_000:  # all of them then, or so nearly that asking for all is fair
            return set(DIGITS)
        return set().union(*self.take(np.arange(self.count)))

    def identity(self) -> dict[str, object]:
        """Return what decides which numbers these are."""
        return {
            "first": self.first,
            "last": self.last,
            "step": self.step,
            "width": self.width,
        } | identify_excluded(self.excluded)

    def without(self, numbers: frozenset[str]) -> NumberSource:
        """Return the others, in their order."""
        rest = replace(self, excluded=self.excluded | numbers)
        check_rest(rest.count, self._n_steps)
        return rest

    def take(self, positions: NDArray[np.int64], engine: Engine = "skimage") -> list[str]:  # noqa: ARG002
        """Return the numbers at `positions`."""
        steps = positions.tolist()
        if self.excluded:
            steps = [self._gaps[step] for step in steps]
        first, step_size, width = self.first, self.step, self.width
        return [f"{first + step * step_size:0{width}d}" for step in steps]

    def _write(self, step: int) -> str:
        return f"{self.first + step * self.step:0{self.width}d}"
