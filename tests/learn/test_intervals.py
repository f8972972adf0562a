"""Intervals over seeds and samples: worked by hand, and as often right as they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from digit_sequence.learn.intervals import (
    compare_rates,
    estimate_mean,
    estimate_rate,
    estimate_share,
)


def test_one_seed_is_students_interval():
    """With one seed the interval is that of the mean of independent samples."""
    values = np.random.default_rng(0).normal(size=(1, 12))
    found = estimate_mean(values)
    expected = stats.t.interval(0.95, 11, values.mean(), stats.sem(values[0]))
    assert (found.low, found.high) == pytest.approx(expected)


def test_seeds_alone_are_students_interval():
    """Where all samples of a seed agree, the interval is that of the seeds."""
    seeds = np.array([0.90, 0.93, 0.96])
    found = estimate_mean(np.repeat(seeds[:, None], 7, axis=1))
    assert (found.low, found.high) == pytest.approx(
        stats.t.interval(0.95, 2, 0.93, stats.sem(seeds))
    )


def test_both_by_hand():
    """Variances add up, and so do their degrees of freedom, as Satterthwaite has it."""
    found = estimate_mean(np.array([[1.0, 1, 0, 0], [1, 0, 0, 0]]))
    rows, columns = 0.125**2 * 2 / 2, (0.625**2 + 0.125**2 + 2 * 0.375**2) / 3 / 4
    freedom = (rows + columns) ** 2 / (rows**2 / 1 + columns**2 / 3)
    half = stats.t.ppf(0.975, freedom) * (rows + columns) ** 0.5
    assert (found.mean, found.high - found.mean) == pytest.approx((0.375, half))


def test_shares_stay_within_0_and_1():
    """Where all is right, or nothing, the interval is that of Wilson for the samples."""
    for value in (0.0, 1.0):
        found = estimate_share(np.full((3, 40), value))
        t = stats.t.ppf(0.975, 39)
        inner = t * t / (40 + t * t)
        expected = (0, inner) if value == 0 else (1 - inner, 1)
        assert found.mean == value
        assert (found.low, found.high) == pytest.approx(expected)
    values = np.array([[1.0] * 199 + [0.0]] * 2)
    assert 0.96 < estimate_share(values).low < 0.995 < estimate_share(values).high <= 1


def test_rates_by_hand():
    """A rate is the sum of counts by the sum of sizes; what is the same adds nothing to it."""
    sizes = np.array([1.0, 3, 6])
    counts = np.array([[0.0, 1, 2], [1, 0, 1]])
    assert estimate_rate(counts, sizes).mean == pytest.approx(5 / 20)
    assert estimate_rate(sizes[None] / 2, sizes).high == pytest.approx(0.5)
    found = compare_rates(counts + sizes / 10, counts, sizes)
    assert (found.mean, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))
    assert found.is_apart
    assert not compare_rates(counts, counts, sizes).is_apart


@pytest.mark.parametrize("seed_spread", [0.0, 0.3, 1.5])
@pytest.mark.parametrize("n_seeds", [3, 5])
def test_as_often_right_as_it_says(seed_spread, n_seeds):
    """Of 1,000 experiments, some 95 % have the truth in their interval."""
    random = np.random.default_rng(1)
    n_samples, hits = 60, 0
    for _ in range(1000):
        seeds = random.normal(size=(n_seeds, 1)) * seed_spread
        samples = random.normal(size=(1, n_samples))
        found = estimate_mean(seeds + samples + random.normal(size=(n_seeds, n_samples)))
        hits += found.low <= 0 <= found.high
    assert 915 <= hits <= 995
