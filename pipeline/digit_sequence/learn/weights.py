"""Shares by weight, sample by sample: what is dealt is never far from its due.

Tijdeman's solution of the chairman assignment problem (Discrete Mathematics 32, 1980): of those
whose share is due, the one whose share would first be overdue. With k shares, none is farther from
its due than ``1 - 1 / (2 k - 2)`` samples in the first samples, however many. So in any samples
that follow each other none is farther than one sample if there are two shares, and than two if
there are more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.errors import ConfigError

MAX_PERIOD = 1 << 16
"""Samples after which a deal begins anew, at most; weights that need more are rounded to it."""


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
    period, k = sum(parts), len(parts)
    given = [0] * k
    turns, counts = [], [tuple(given)]
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
        turns.append(turn)
        counts.append(tuple(given))
    return Shares(np.array(turns, np.int64), np.array(counts, np.int64))


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
