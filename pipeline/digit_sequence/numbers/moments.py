"""What dates and times share: formats of digits, and numbers that step through a range."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence

from digit_sequence.base.blocks import shorten

_MAX_LISTED = 10_000
"""Numbers that are looked at for their digits; more of them have all ten."""


def check_format(text: str, parts: Sequence[str]) -> str:
    """Return a format if it is made of `parts`, each at most once; a ValueError else."""
    found = split_format(text, parts)
    if not found or "".join(found) != text or len({part[0] for part in found}) < len(found):
        raise ValueError(
            f"expected {', '.join(parts)} in some order, each at most once and nothing else, "
            f"got {shorten(text)}"
        )
    return text


def split_format(text: str, parts: Sequence[str]) -> list[str]:
    """Return the parts of a format in order.

    >>> split_format("DDMMYY", ["YYYY", "YY", "MM", "DD"])
    ['DD', 'MM', 'YY']
    """
    return re.findall("|".join(parts), text)


class Moments(ABC):
    """A language of moments in order of time, each written in a format of digits.

    Parameters
    ----------
    count : int
    max_digits : int
        Digits of each.
    repeats : bool
        Whether the format leaves out what tells two of them apart.
    """

    def __init__(self, count: int, max_digits: int, repeats: bool) -> None:
        self.count = count
        self.max_digits = max_digits
        self.repeats = repeats

    def digits(self) -> set[int]:
        """Return the digits that occur."""
        if self.count > _MAX_LISTED:
            return set(range(10))
        return {int(digit) for index in range(self.count) for digit in self.unrank(index)}

    @abstractmethod
    def find(self, number: str) -> Sequence[int]:
        """Return the indices at which a number stands."""

    @abstractmethod
    def unrank(self, index: int) -> str:
        """Return the number at `index`."""
