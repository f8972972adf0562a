"""Shares by weight, sample by sample: what is dealt is never far from its due.

Tijdeman's solution of the chairman assignment problem (Discrete Mathematics 32, 1980): of those
whose share is due, the one whose share would first be overdue. With k shares, none is farther from
its due than ``1 - 1 / (2 k - 2)`` samples in the first samples, however many. So in any samples
that follow each other none of two is farther than one sample, and of more than two. Where that is
more than one, a search looks for a round in which it is not: of 3 : 3 : 5 there is one, of 2 : 4 :
5 there is none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.errors import ConfigError

MAX_PERIOD = 1 << 16
"""Samples after which a deal begins anew, at most; weights that need more are rounded to it."""
MOST_STEPS = 200_000
"""Of the search for turns, times the square of the number of shares: half a second."""


@dataclass(frozen=True)
class Shares:
    """Who gets which sample."""

    turns: NDArray[np.int64]
    """(P,) whose each sample of a period is."""
    counts: NDArray[np.int64]
    """(P + 1, K) how many each has got before."""

    def owner(self, place: int) -> int:
        """Return whose a sample is."""
        return int(self.turns[place % len(self.turns)])

    @property
    def strays(self) -> float:
        """How far a share is from its due, at most, in any samples that follow each other."""
        period = len(self.turns)
        ahead = self.counts * period - np.arange(period + 1)[:, None] * self.counts[-1]
        return float(np.ptp(ahead, axis=0).max() / period)

    def count(self, place: int) -> NDArray[np.int64]:
        """Return how many of the first samples are whose, (K,)."""
        rounds, rest = divmod(place, len(self.turns))
        counts: NDArray[np.int64] = rounds * self.counts[-1] + self.counts[rest]
        return counts


def check_weights(weights: Mapping[str, float], names: Mapping[str, object]) -> None:
    """Refuse weights that are none, or of others.

    Raises
    ------
    ConfigError
        That names the part of the mix.
    """
    if set(weights) != set(names):
        raise ConfigError(
            f"weights: expected one for each of {', '.join(names)}, got those of "
            f"{', '.join(map(str, weights)) or 'none'}"
        )
    for name, weight in weights.items():
        is_number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not (is_number and math.isfinite(weight) and weight > 0):
            raise ConfigError(
                f"weights: {name}: expected a number above 0, got {weight!r}; leave {name} out to "
                "show none of it"
            )


@lru_cache(maxsize=64)
def share_out(weights: tuple[float, ...]) -> Shares:
    """Deal by weights above 0.

    >>> share_out((1, 1)).turns.tolist(), share_out((0.5, 0.25, 0.25)).turns.tolist()
    ([0, 1], [0, 1, 2, 0])
    """
    parts = _find_parts(weights)
    shares = _count_turns(list(_take_turns(parts)), len(parts))
    if shares.strays <= 1 or (found := _search_turns(parts)) is None:
        return shares
    return _count_turns(found, len(parts))


def _count_turns(turns: Sequence[int], k: int) -> Shares:
    counts = np.zeros((len(turns) + 1, k), np.int64)
    np.cumsum(np.array(turns)[:, None] == np.arange(k), axis=0, out=counts[1:])
    return Shares(np.array(turns, np.int64), counts)


def _take_turns(parts: Sequence[int]) -> Iterator[int]:
    """Yield whose each sample of a period is, by Tijdeman's rule."""
    period, k = sum(parts), len(parts)
    given = [0] * k
    for place in range(1, period + 1):
        due = [part * place - period * count for part, count in zip(parts, given, strict=True)]
        # What is due, in units of 1 / (period * (2 k - 2)); and when it would be overdue.
        late = [
            ((period * (2 * k - 3) - (2 * k - 2) * it) / part, index)
            for index, (it, part) in enumerate(zip(due, parts, strict=True))
            if it * (2 * k - 2) >= period
        ]
        _, turn = min(late, default=(0.0, 0))
        given[turn] += 1
        yield turn


_Standing = tuple[tuple[int, int, int, int], ...]
"""Of each share the turns left, and how far it is ahead, was at least and at most, in units of 1 /
period."""


def _search_turns(parts: Sequence[int]) -> list[int] | None:
    """Return the turns of a round that keep shares within a sample of their due in any run.

    None if there are none, or if they are not found within `MOST_STEPS`.
    """
    turns: list[int] = []
    choices = [_list_choices(tuple((part, 0, 0, 0) for part in parts), parts)]
    for _ in range(MOST_STEPS // len(parts) ** 2):
        if len(turns) == sum(parts):
            return turns
        if (choice := next(choices[-1], None)) is not None:
            turn, standing = choice
            turns.append(turn)
            choices.append(_list_choices(standing, parts))
            continue
        choices.pop()  # a dead end
        if not choices:
            return None
        turns.pop()
    return None


def _list_choices(before: _Standing, parts: Sequence[int]) -> Iterator[tuple[int, _Standing]]:
    """Yield who can be next, the most urgent first, and how the shares stand then."""
    period = sum(parts)
    # How many turns a share can wait before it is more than a sample behind where it was.
    waits = [
        (at - high + period) / part for (_, at, _, high), part in zip(before, parts, strict=True)
    ]
    for turn in sorted(range(len(parts)), key=waits.__getitem__):
        after = []
        for index, ((left, at, low, high), part) in enumerate(zip(before, parts, strict=True)):
            takes = index == turn
            now = at - part + period * takes
            after.append((left - takes, now, min(low, now), max(high, now)))
        if after[turn][0] >= 0 and all(high - low <= period for _, _, low, high in after):
            yield turn, tuple(after)


def _find_parts(weights: tuple[float, ...]) -> list[int]:
    """Return whole numbers in the proportions of the weights, their sum at most `MAX_PERIOD`."""
    exact = [Fraction(str(weight)) for weight in weights]
    scale = math.lcm(*(weight.denominator for weight in exact))
    parts = [int(weight * scale) for weight in exact]
    divisor = math.gcd(*parts)
    if sum(parts) // divisor > MAX_PERIOD:
        total = sum(parts)
        parts, divisor = [max(1, part * MAX_PERIOD // total) for part in parts], 1
    return [part // divisor for part in parts]
