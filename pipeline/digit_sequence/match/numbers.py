"""What numbers a config is to build: as long as those of crops, with the same zeros and signs.

A label says more than its length: whether zeros stand in front, whether it is a round number, and
which signs stand where. Its other digits are drawn, so that a few crops say what numbers are like
and not which they are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from digit_sequence.base.characters import LETTERS, SIGNS
from digit_sequence.numbers.number import MAX_DIGITS

MOST_SHAPES = 50
"""Of numbers that are not plain, by how often they occur: a mixture has at most 100 parts."""
_DIGITS_OF_LETTERS = str.maketrans(LETTERS, "1" * len(LETTERS))


def describe_numbers(labels: Sequence[str], lengths: Sequence[int]) -> tuple[dict[str, Any], str]:
    """Return the block `numbers` of a split, and what it does not take over.

    Parameters
    ----------
    labels : sequence of str
        The numbers of crops; empty if they are not known.
    lengths : sequence of int
        Digits of each crop: what is taken over without labels.

    >>> describe_numbers(["120", "37", "45"], [3, 2, 2])
    ({'random': {'lengths': {2: 2, 3: 1}, 'leading_zeros': False}}, '')
    """
    if not labels:
        return {"random": {"lengths": _count(lengths)}}, ""
    # The source has no letters: digits stand for them.
    digits = [label.translate(_DIGITS_OF_LETTERS) for label in labels]
    plain = [len(number) for number in digits if _is_plain(number)]
    shapes = Counter(find_shape(number) for number in digits if not _is_plain(number))
    shown = dict(sorted(shapes.most_common(MOST_SHAPES)))
    parts: dict[str, Any] = {}
    if plain:
        parts["plain"] = {"random": {"lengths": _count(plain), "leading_zeros": False}}
    for shape in shown:
        parts[shape] = {"pattern": {"regex": to_regex(shape), "order": "drawn"}}
    weights = ([len(plain)] if plain else []) + list(shown.values())
    if len(parts) > 1:
        weighted = zip(parts.items(), weights, strict=True)
        mixed = {name: {"weight": weight} | part for (name, part), weight in weighted}
        numbers: dict[str, Any] = {"mixture": {"parts": mixed}}
    else:
        numbers = next(iter(parts.values()))
    left_out = [
        f"{len(shapes) - len(shown)} rare shapes of numbers" * (len(shapes) > len(shown)),
        "letters, which the source lacks" * (digits != [*labels]),
    ]
    return numbers, " and ".join(filter(None, left_out))


def has_signs(labels: Sequence[str]) -> bool:
    """Tell whether labels say what signs are on the paper."""
    return any(character in SIGNS for label in labels for character in label)


def _is_plain(number: str) -> bool:
    """Tell whether a number has digits alone, without zeros in front or two at the end.

    A digit alone is not: by `random` it would be 0 as often as any other.
    """
    return len(number) > 1 and find_shape(number) == "9" * len(number)


def find_shape(number: str) -> str:
    """Return a number with 9 for each digit but zeros in front, and two and more at the end.

    >>> find_shape("00120"), find_shape("$1,034.50"), find_shape("0.75"), find_shape("25.000")
    ('00999', '$9,999.99', '0.99', '99.000')
    """
    parts = re.fullmatch("([^0-9]*0*)(.*?)((?:0[^1-9]*0)?[^0-9]*)", number)
    assert parts is not None
    front, middle, end = parts.groups()
    return front + re.sub("[0-9]", "9", middle) + end


def to_regex(shape: str) -> str:
    r"""Return the pattern of the numbers of a shape: no more zeros in front, maybe at the end.

    >>> to_regex("00999"), to_regex("$9,999.99"), to_regex("0.99")
    ('00[1-9]\\d{2}', '\\$[1-9],\\d{3}\\.\\d{2}', '0\\.\\d{2}')
    """
    escaped = re.sub(r"[.+$()]", r"\\\g<0>", shape)
    first = re.sub("^([^09]*0*)9", r"\1[1-N]", escaped)
    return re.sub("9+", _count_digits, first).replace("N", "9")


def _count_digits(run: re.Match[str]) -> str:
    return r"\d" if len(run[0]) == 1 else rf"\d{{{len(run[0])}}}"


def _count(lengths: Sequence[int]) -> dict[int, int]:
    """Return how often each length occurs."""
    return dict(sorted(Counter(min(length, MAX_DIGITS) for length in lengths).items()))
