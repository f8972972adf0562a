"""Numbers listed one by one. A number that is listed twice is shown twice as often."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.blocks import AS_TUPLE
from digit_sequence.base.engines import Engine
from digit_sequence.numbers.exclusion import check_rest
from digit_sequence.numbers.kind import NumberKind, NumberSource
from digit_sequence.numbers.number import Number, check_number_list


class Values(NumberKind):
    """A list of quoted numbers; one that stands in it twice is shown twice as often."""

    name = "values"
    Settings = Annotated[tuple[Number, ...], AS_TUPLE]
    settings: tuple[str, ...]
    example: ClassVar = ("90210", "007", "6", "14543")

    def check(self) -> None:
        """Refuse an empty list."""
        check_number_list(self.settings)

    def open(self, seed: int, split: str) -> NumberSource:  # noqa: ARG002
        """Return the list."""
        return ListedNumbers(self.settings)


@dataclass(frozen=True)
class ListedNumbers:
    """Numbers given one by one."""

    values: Sequence[str]

    @cached_property
    def repeats(self) -> bool:
        """Whether a number is listed more than once."""
        return len(set(self.values)) < len(self.values)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.values)

    @property
    def max_digits(self) -> int:
        """Characters of the longest number."""
        return max(map(len, self.values))

    def characters(self) -> set[str]:
        """Return the characters that may occur."""
        return set().union(*self.values)

    def identity(self) -> dict[str, object]:
        """Return what decides which numbers these are."""
        digest = hashlib.sha256("\n".join(self.values).encode()).hexdigest()
        return {"count": self.count, "sha256": digest}

    def without(self, numbers: frozenset[str]) -> NumberSource:
        """Return the others, in their order."""
        rest = tuple(value for value in self.values if value not in numbers)
        check_rest(len(rest), len(self.values))
        return ListedNumbers(rest)

    def take(self, positions: NDArray[np.int64], engine: Engine = "skimage") -> list[str]:  # noqa: ARG002
        """Return the numbers at `positions`."""
        return [self.values[position] for position in positions]
