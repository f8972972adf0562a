"""Leaving numbers out: what remains is counted exactly, and keeps its order or its shares."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from digit_sequence.numbers.kind import NumberSource

_MOST_REDRAWN = 0.9
"""Share of what is drawn that may be left out: then 1000 draws in turn fail once in 10**45."""
_MAX_DRAWS = 1000


class Gaps:
    """The integers from 0 on without some of them, the n-th found without a list of the others.

    >>> others = Gaps([0, 2, 3])
    >>> [others[n] for n in range(4)]
    [1, 4, 5, 6]
    """

    def __init__(self, places: Iterable[int]) -> None:
        self._kept_before = [place - n for n, place in enumerate(sorted(set(places)))]

    def __len__(self) -> int:
        """Return how many are left out."""
        return len(self._kept_before)

    def __getitem__(self, index: int) -> int:
        """Return the integer at `index` of those that are kept."""
        return index + bisect_right(self._kept_before, index)


def leave_out(source: NumberSource, numbers: frozenset[str]) -> NumberSource:
    """Return what is left of a source.

    Raises
    ------
    ValueError
        If too little is, or the source, of another package, cannot leave numbers out.
    """
    if not hasattr(source, "without"):
        raise ValueError(
            "expected numbers of a kind that can leave some out, got "
            f"{type(source).__name__}, which has no method `without`"
        )
    return source.without(numbers)


def check_rest(n_left: int, n_numbers: int) -> None:
    """Raise a ValueError if no number is left."""
    if n_left == 0:
        raise ValueError(f"expected a number that is not excluded, but all {n_numbers:,} are")


def check_redrawn(share: float) -> None:
    """Raise a ValueError if too much of what is drawn is left out: a share from 0 to 1."""
    if share > _MOST_REDRAWN:
        raise ValueError(
            f"expected at most {_MOST_REDRAWN:.0%} of what is drawn to be excluded, got "
            f"{share:.1%}; draw longer numbers, or exclude fewer"
        )


def draw_others(
    draw: Callable[[NDArray[np.int64], int], list[str]],
    positions: NDArray[np.int64],
    excluded: frozenset[str],
) -> list[str]:
    """Draw numbers, those that are excluded again and again.

    Parameters
    ----------
    draw : callable
        Takes positions and a number of earlier draws; another number gives other words.
    positions : ndarray of int64, shape (B,)
    excluded : frozenset of str
        With `check_redrawn` passed.
    """
    numbers = draw(positions, 0)
    if not excluded:
        return numbers
    wrong = [place for place, number in enumerate(numbers) if number in excluded]
    for again in range(1, _MAX_DRAWS):
        if not wrong:
            return numbers
        for place, number in zip(wrong, draw(positions[wrong], again), strict=True):
            numbers[place] = number
        wrong = [place for place in wrong if numbers[place] in excluded]
    raise AssertionError(f"expected a number that is not excluded in {_MAX_DRAWS:,} draws")


def identify_excluded(excluded: frozenset[str]) -> dict[str, object]:
    """Return what a fingerprint has of numbers that are left out; nothing of none."""
    if not excluded:
        return {}
    digest = hashlib.sha256("\n".join(sorted(excluded)).encode()).hexdigest()
    return {"excluded": {"count": len(excluded), "sha256": digest}}


def name_purpose(again: int) -> str:
    """Return the purpose of the words of numbers that are drawn for the first time or again."""
    return f"numbers/{again}" if again else "numbers"
