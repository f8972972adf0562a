"""Counts of any number of values in bounded memory, exact, whatever range they turn out to have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_BINS = 4096
"""A histogram keeps; beyond them ten bins become one."""
MOST_BARS = 26
"""Shown of one."""
FINE = 1e-6
"""Finest bin of values that are no whole numbers."""
_LARGEST = 2.0**53


class Histogram:
    """Counts of values in even bins: of 1 or of `FINE`, or ten, a hundred... times as wide.

    The bins depend on the values alone, not on their order. What is no finite number is counted
    apart.

    Parameters
    ----------
    is_whole : bool
        Whether the values are whole numbers.
    """

    def __init__(self, is_whole: bool = False) -> None:
        self.is_whole = is_whole
        self.unit = 1.0 if is_whole else FINE
        self.factor = 1.0
        """Width of a bin in units."""
        self.n_odd = 0
        """Values that are no finite numbers."""
        self._keys = np.empty(0)
        self._counts = np.empty(0, np.int64)

    def add(self, values: NDArray[Any]) -> None:
        """Count some values."""
        numbers = np.asarray(values, np.float64)
        finite = numbers[np.isfinite(numbers)]
        self.n_odd += len(numbers) - len(finite)
        units = np.rint(finite / self.unit).clip(-_LARGEST, _LARGEST)
        keys, counts = _count(np.floor(units / self.factor))
        self._merge(np.concatenate([self._keys, keys]), np.concatenate([self._counts, counts]))
        while len(self._keys) > MOST_BINS:
            self.factor *= 10
            self._merge(np.floor(self._keys / 10), self._counts)

    def _merge(self, keys: NDArray[np.float64], counts: NDArray[np.int64]) -> None:
        self._keys, places = np.unique(keys, return_inverse=True)
        self._counts = np.zeros(len(self._keys), np.int64)
        np.add.at(self._counts, places, counts)

    @property
    def total(self) -> int:
        """Values that were counted."""
        return int(self._counts.sum())

    @property
    def extent(self) -> tuple[int, int]:
        """Least and greatest value, in units."""
        first, last = int(self._keys[0]), int(self._keys[-1])
        return first * int(self.factor), (last + 1) * int(self.factor) - 1

    @property
    def low(self) -> float:
        """Least value."""
        return self.extent[0] * self.unit

    @property
    def high(self) -> float:
        """Greatest value."""
        return self.extent[1] * self.unit

    @property
    def step(self) -> int:
        """The largest step, in units, of a grid that all values lie on."""
        places = ((self._keys - self._keys[0]) * self.factor).clip(0, 1e18).astype(np.int64)
        return int(np.gcd.reduce(places)) or int(self.factor)

    def quantile(self, share: float) -> float:
        """Return the value that a share of the values, 0 to 1, does not exceed."""
        place = int(np.searchsorted(np.cumsum(self._counts), share * self.total))
        key = self._keys[min(place, len(self._keys) - 1)]
        return float((key * self.factor + (self.factor - 1) / 2) * self.unit)

    def count_bars(self, bars: Bars) -> NDArray[np.int64]:
        """Return how many values are in each bar, int64 (N,)."""
        places = np.floor((self._keys * self.factor - bars.start) / bars.width).astype(np.int64)
        return np.bincount(
            places.clip(0, bars.count - 1), self._counts, minlength=bars.count
        ).astype(np.int64)


@dataclass(frozen=True)
class Bars:
    """Even bars that several histograms can be shown by: of steps of the grid that values lie on.

    All lengths are in units of the histograms.
    """

    start: int
    """First value that the first holds."""
    width: int
    count: int
    step: int
    """From a value to the next one that there may be."""
    unit: float
    is_whole: bool

    @property
    def edges(self) -> list[tuple[float, float]]:
        """Begin and end of each; values that have a bar of their own are in its middle."""
        shift = self.step / 2 if self.is_whole or self.width == self.step else 0
        starts = self.start + self.width * np.arange(self.count + 1) - shift
        return list(pairwise((starts * self.unit).tolist()))

    @property
    def names(self) -> list[str]:
        """What is in each, in words: "3", "10 to 19", "0.5 to 1"."""
        firsts = [self.start + self.width * place for place in range(self.count)]
        if self.width == self.step:
            return [f"{first * self.unit:.10g}" for first in firsts]
        end = self.width - self.step if self.is_whole else self.width
        return [f"{first * self.unit:.10g} to {(first + end) * self.unit:.10g}" for first in firsts]


def choose_bars(histograms: Sequence[Histogram]) -> Bars:
    """Choose bars for histograms of which one at least has a value.

    Each bar can hold as many different values as the others, so that even draws are even bars:
    values lie on a grid, and a bar is as wide as some of its steps. Widths are 1, 2 or 5 times a
    power of ten steps, or else what leaves the last bar full.
    """
    shown = [it for it in histograms if it.total]
    unit, is_whole = shown[0].unit, shown[0].is_whole
    low = min(it.extent[0] for it in shown)
    high = max(it.extent[1] for it in shown)
    if is_whole and high - low < MOST_BARS:
        step = 1
    elif low == high:
        step = max(1, abs(low) // 10)  # a bar that can be seen
    else:
        step = int(np.gcd.reduce([it.step for it in shown]))
        step = max(step, *(int(it.factor) for it in shown))
    n_steps = (high - low) // step + 1
    width = _choose_width(n_steps)
    count = -(-n_steps // width)
    if count > 1 and width > 1 and n_steps % width == 1:
        count -= 1  # the last value alone belongs to the bar that it closes
    return Bars(low, width * step, count, step, unit, is_whole)


def _choose_width(n_steps: int) -> int:
    """Return how many steps of a grid a bar is wide."""
    if n_steps <= MOST_BARS:
        return 1
    widths = (int(start + "0" * power) for power in range(20) for start in "125")
    nice = next(width for width in widths if n_steps <= width * MOST_BARS)
    if n_steps % nice in (0, 1):
        return nice
    even = {-(-n_steps // count) for count in range(MOST_BARS // 2, MOST_BARS + 1)}
    return min(even, key=lambda width: -n_steps % width / width)


def _count(keys: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the different keys and their counts; in one go where they are near to each other."""
    if not len(keys):
        return keys, np.empty(0, np.int64)
    low = keys.min()
    if keys.max() - low > max(1 << 12, len(keys)):
        found, counts = np.unique(keys, return_counts=True)
        return found, counts.astype(np.int64)
    all_counts = np.bincount((keys - low).astype(np.int64))
    places = np.flatnonzero(all_counts)
    return places + low, all_counts[places].astype(np.int64)
