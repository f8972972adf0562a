"""What dates and times share: formats, and numbers that step through a range."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence

from digit_sequence.base.blocks import shorten
from digit_sequence.base.characters import DIGITS, show_characters

_MAX_LISTED = 10_000
"""Numbers that are looked at for their digits; more of them have all ten."""
_BETWEEN = "/-.: "
"""What may stand between two parts of a format, or behind the last."""


def check_format(text: str, parts: Sequence[str]) -> str:
    """Return a format if it is made of `parts`, each at most once; a ValueError else."""
    pieces = split_format(text, parts)
    found = [piece for piece in pieces if piece in parts]
    between = "".join(piece for piece in pieces if piece not in parts)
    if (
        not found
        or "".join(pieces) != text
        or len({part[0] for part in found}) < len(found)
        or not set(between) <= set(_BETWEEN)
        or text != " ".join(text.split())
    ):
        raise ValueError(
            f"expected {', '.join(parts)} in some order, each at most once, and between them "
            f"{show_characters(_BETWEEN)} or nothing, got {shorten(text)}"
        )
    return text


def split_format(text: str, parts: Sequence[str]) -> list[str]:
    """Return the parts of a format in order, and what stands between them.

    >>> split_format("DD.MM.YY", ["YYYY", "YY", "MM", "DD"])
    ['DD', '.', 'MM', '.', 'YY']
    """
    return re.findall("|".join([*parts, "."]), text)


def cut_number(number: str, pieces: Sequence[str], parts: Sequence[str]) -> dict[str, str] | None:
    """Return the digits of each part of a number, by part; None if it is not of the format.

    >>> cut_number("31.12", ["DD", ".", "MM"], ["MM", "DD"])
    {'DD': '31', 'MM': '12'}
    """
    texts = {}
    for piece in pieces:
        text, number = number[: len(piece)], number[len(piece) :]
        if piece in parts:
            texts[piece] = text
        elif text != piece:
            return None
    is_whole = not number and all(len(it) == len(part) for part, it in texts.items())
    return texts if is_whole and all(map(str.isdigit, texts.values())) else None


class Moments(ABC):
    """A language of moments in order of time, each written in a format.

    Parameters
    ----------
    count : int
    max_digits : int
        Characters of each.
    repeats : bool
        Whether the format leaves out what tells two of them apart.
    """

    def __init__(self, count: int, max_digits: int, repeats: bool) -> None:
        self.count = count
        self.max_digits = max_digits
        self.repeats = repeats

    def characters(self) -> set[str]:
        """Return the characters that occur."""
        if self.count > _MAX_LISTED:
            return {*DIGITS, *self.unrank(0)}
        return set().union(*map(self.unrank, range(self.count)))

    @abstractmethod
    def find(self, number: str) -> Sequence[int]:
        """Return the indices at which a number stands."""

    @abstractmethod
    def unrank(self, index: int) -> str:
        """Return the number at `index`."""
