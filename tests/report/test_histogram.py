"""Counts in bounded memory: the bins are exact, whatever the order of the values."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from digit_sequence.report.histogram import MOST_BARS, MOST_BINS, Histogram, choose_bars


def count(values, is_whole=False, parts=1):
    """Return the histogram of some values, added in parts."""
    histogram = Histogram(is_whole)
    for part in np.array_split(np.asarray(values), parts):
        histogram.add(part)
    return histogram


def show(histogram):
    """Return what is in each bar, by its name."""
    bars = choose_bars([histogram])
    return dict(zip(bars.names, histogram.count_bars(bars).tolist(), strict=True))


def test_whole_numbers_have_a_bar_each():
    """Few whole numbers: one bar stands around each, also around those that lack."""
    histogram = count([3, 5, 5, 4, 7], is_whole=True)
    assert show(histogram) == {"3": 1, "4": 1, "5": 2, "6": 0, "7": 1}
    assert choose_bars([histogram]).edges[0] == (2.5, 3.5)
    assert [histogram.quantile(share) for share in (0, 0.5, 1)] == [3, 5, 7]


def test_many_whole_numbers_share_bars():
    """0 to 99, each once: bars of five, and the last is as full as the others."""
    assert show(count(np.arange(100), is_whole=True)) == {
        f"{low} to {low + 4}": 5 for low in range(0, 100, 5)
    }


def test_values_of_a_coarse_grid_have_a_bar_each():
    """A bar stands around each value that there may be, also where none of it was drawn."""
    assert show(count([0.25, 0.75, 1.0, 0.25])) == {"0.25": 2, "0.5": 0, "0.75": 1, "1": 1}
    bars = choose_bars([count([0.25, 0.75, 1.0])])
    assert bars.edges[0] == (0.125, 0.375)
    assert show(count([4, 8], is_whole=True)) == {"4": 1, "5": 0, "6": 0, "7": 0, "8": 1}


def test_one_value():
    """A value alone has a bar that can be seen."""
    (edges,) = choose_bars([count([0.5, 0.5])]).edges
    assert edges[0] < 0.5 < edges[1]
    assert edges[1] - edges[0] > 0.01


def test_both_ends_are_drawn():
    """0.00 to 1.00 by hundredths: twenty bars; 1.00 is in the last."""
    shown = show(count(np.arange(101) / 100))
    assert list(shown.values()) == [5] * 19 + [6]
    assert next(iter(shown)) == "0 to 0.05"


def test_values_on_a_grid_make_even_bars():
    """Values of a grid of 0.3 are not told apart by the width of bars."""
    shown = list(show(count(0.3 * np.tile(np.arange(70), 3))).values())
    assert max(shown) == min(shown[:-1])
    assert sum(shown) == 210


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=300), st.integers(1, 5))
def test_order_does_not_matter(values, parts):
    """In parts or at once, forwards or backwards: the same bars, and each value in one."""
    shown = show(count(values))
    assert shown == show(count(values[::-1], parts=parts))
    assert sum(shown.values()) == len(values)
    assert len(shown) <= MOST_BARS


def test_memory_is_bounded():
    """A million different values are no more bins than a histogram keeps."""
    values = np.random.default_rng(0).normal(size=1_000_000)
    histogram = count(values, parts=10)
    assert len(histogram._keys) <= MOST_BINS
    assert histogram.total == 1_000_000
    assert abs(histogram.quantile(0.5)) < 0.01


def test_what_is_no_number_is_counted_apart():
    """Infinities and what is no number are in no bar; huge values are in the last."""
    histogram = count([np.nan, np.inf, -np.inf, 1e300, 1.0])
    assert histogram.n_odd == 3
    assert sum(show(histogram).values()) == 2


def test_several_are_shown_by_the_same_bars():
    """Bars of two histograms reach over both."""
    first, second = count([1, 2], is_whole=True), count([9], is_whole=True)
    bars = choose_bars([first, second])
    assert bars.names == [str(number) for number in range(1, 10)]
    assert first.count_bars(bars).sum() == 2
    assert second.count_bars(bars).tolist() == [0] * 8 + [1]
