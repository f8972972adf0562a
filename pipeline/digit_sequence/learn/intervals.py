"""Means over trainings and test samples, and where they lie with 95 % confidence.

All trainings of a variant read the same samples, so what they got is a matrix: a row for each seed,
a column for each sample. Other seeds and other samples would have given other means: the variance
of the mean is that of the means of rows, by their number, plus that of the means of columns, by
theirs (Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 2007: right or too large).
Few seeds know little of their variance, so the bounds are those of Student's t with the degrees of
freedom of Satterthwaite (Biometrics 1946). With three seeds or more, 93 to 99 % of them hold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

Matrix = NDArray[np.float64]
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean, and the bounds of its interval."""

    mean: float
    low: float
    high: float

    @property
    def is_apart(self) -> bool:
        """Whether 0 is not within."""
        return not self.low <= 0 <= self.high


def estimate_mean(values: Matrix) -> Interval:
    """Return the mean of a matrix of seeds and samples; with one seed the interval is of samples.

    Parameters
    ----------
    values : ndarray of float64, shape (seeds, samples)
    """
    mean = float(values.mean())
    half = _find_half(values)
    return Interval(mean, mean - half, mean + half)


def estimate_share(values: Matrix) -> Interval:
    """Return the mean of a matrix of 0 and 1, within bounds of 0 to 1.

    The interval is Wilson's (JASA 1927) for as many independent samples as have this variance.
    """
    share, variance = float(values.mean()), _find_variance(values)[0]
    n = share * (1 - share) / variance if variance else values.shape[1]
    t = _find_half(values) / np.sqrt(variance) if variance else _find_quantile(values.shape[1] - 1)
    middle = (share + t * t / (2 * n)) / (1 + t * t / n)
    half = t * np.sqrt(share * (1 - share) / n + t * t / (4 * n * n)) / (1 + t * t / n)
    return Interval(share, max(0.0, float(middle - half)), min(1.0, float(middle + half)))


def estimate_rate(counts: Matrix, sizes: NDArray[np.float64]) -> Interval:
    """Return a rate, such as edits by digits.

    Parameters
    ----------
    counts : ndarray of float64, shape (seeds, samples)
    sizes : ndarray of float64, shape (samples,)
        What the counts are of.
    """
    rate = float(counts.mean() / sizes.mean())
    half = _find_half((counts - rate * sizes) / sizes.mean())
    return Interval(rate, max(0.0, rate - half), rate + half)


def compare_rates(counts: Matrix, others: Matrix, sizes: NDArray[np.float64]) -> Interval:
    """Return how much higher a rate is than another, of the same seeds and samples."""
    difference = counts - others
    mean = float(difference.mean() / sizes.mean())
    half = _find_half((difference - mean * sizes) / sizes.mean())
    return Interval(mean, mean - half, mean + half)


def _find_variance(values: Matrix) -> tuple[float, float]:
    """Return the variance of the mean, and its degrees of freedom."""
    parts = [
        (means.var(ddof=1) / len(means), len(means) - 1)
        for means in (values.mean(axis=1), values.mean(axis=0))
        if len(means) > 1
    ]
    total = float(sum(variance for variance, _ in parts))
    if total == 0:
        return 0.0, 1.0
    return total, total**2 / float(sum(variance**2 / freedom for variance, freedom in parts))


def _find_half(values: Matrix) -> float:
    """Return half the width of the interval."""
    variance, freedom = _find_variance(values)
    return _find_quantile(freedom) * float(np.sqrt(variance))


def _find_quantile(freedom: float) -> float:
    return float(stdtrit(max(1.0, freedom), (1 + LEVEL) / 2))
