"""Shares by weight: near their due from the first sample on, and refusals."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digit_sequence.base.errors import ConfigError
from digit_sequence.learn.weights import MAX_PERIOD, check_weights, share_out

NUMBERS = st.one_of(st.integers(1, 30), st.decimals("0.1", "9.9", places=1).map(float))


@given(st.lists(NUMBERS, min_size=1, max_size=5), st.integers(0, 10**9), st.integers(0, 40))
def test_shares_are_near_their_due(weights, start, length):
    """None is farther than a sample from its due in the first samples, nor two in any run."""
    shares = share_out(tuple(weights))
    exact = [Fraction(str(weight)) for weight in weights]
    dues = [weight / sum(exact) for weight in exact]
    turns = [shares.owner(start + place) for place in range(length)]
    counts = [turns.count(index) for index in range(len(weights))]
    assert counts == (shares.count(start + length) - shares.count(start)).tolist()
    assert shares.count(start).sum() == start
    k = len(weights)
    bound = 1 - Fraction(1, 2 * k - 2) if k > 1 else 0
    for index, due in enumerate(dues):
        assert abs(int(shares.count(start)[index]) - due * start) <= 1
        assert abs(counts[index] - due * length) <= max(1, 2 * bound)


def is_possible(weights):
    """Try all turns of a period."""
    period, shares = sum(weights), len(weights)
    for turns in product(range(shares), repeat=period):
        if all(turns.count(index) == weight for index, weight in enumerate(weights)):
            taken = np.cumsum(np.array(turns)[:, None] == np.arange(shares), axis=0)
            ahead = taken * period - np.arange(1, period + 1)[:, None] * weights
            spread = np.maximum(ahead.max(axis=0), 0) - np.minimum(ahead.min(axis=0), 0)
            if (spread <= period).all():
                return True
    return False


@pytest.mark.parametrize(
    "weights", [(1, 1), (1, 1, 1), (1, 1, 2), (1, 2, 4), (5, 3, 2), (1, 1, 1, 5), (0.5, 0.3, 0.2)]
)
def test_any_run_has_its_shares(weights):
    """Of weights that allow it, none is farther than a sample from its due in any run."""
    assert share_out(weights).strays <= 1


@pytest.mark.parametrize("weights", [(1, 3, 4), (2, 2, 3), (1, 2, 2), (2, 4, 5)])
def test_all_that_is_possible(weights):
    """A run is within a sample wherever some turns of that period are."""
    assert (share_out(weights).strays <= 1) == is_possible(weights)


@pytest.mark.parametrize("weights", [(1, 2, 8), (1, 3, 7), (1, 1, 4, 5), (97, 101, 211)])
def test_what_no_turns_can_do(weights):
    """Of other weights a run is within twice the bound of Tijdeman."""
    assert 1 < share_out(weights).strays <= 2 - 1 / (len(weights) - 1)


@given(st.lists(NUMBERS, min_size=1, max_size=5))
def test_a_period_has_exact_shares(weights):
    """Turns begin anew where all shares are exactly what is due."""
    shares = share_out(tuple(weights))
    total = sum(Fraction(str(weight)) for weight in weights)
    for count, weight in zip(shares.counts[-1].tolist(), weights, strict=True):
        assert Fraction(count, len(shares.turns)) == Fraction(str(weight)) / total
    np.testing.assert_array_equal(
        np.bincount(shares.turns, minlength=len(weights)), shares.counts[-1]
    )


def test_weights_of_many_digits_are_rounded():
    """Weights that would need a long period are rounded, but none to nothing."""
    shares = share_out((math.pi, 1e-9, 1.0))
    assert len(shares.turns) <= MAX_PERIOD
    got = shares.counts[-1] / len(shares.turns)
    assert got == pytest.approx([math.pi / (1 + math.pi), 0, 1 / (1 + math.pi)], abs=1e-4)
    assert shares.counts[-1, 1] == 1


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"a": 1}, "weights: expected one for each of a, b, got those of a$"),
        ({"a": 1, "b": 1, "c": 1}, "got those of a, b, c"),
        ({}, "got those of none"),
        ({"a": 1, "b": 0}, "weights: b: expected a number above 0, got 0; leave b out"),
        ({"a": -0.5, "b": 1}, "weights: a: expected a number above 0, got -0.5"),
        ({"a": 1, "b": math.nan}, "weights: b: expected a number above 0, got nan"),
        ({"a": math.inf, "b": 1}, "weights: a: expected a number above 0, got inf"),
        ({"a": "1", "b": 1}, "weights: a: expected a number above 0, got '1'"),
        ({"a": True, "b": 1}, "weights: a: expected a number above 0, got True"),
    ],
)
def test_wrong_weights_are_refused(weights, message):
    """Weights that are missing, too many, or not above 0 are named."""
    with pytest.raises(ConfigError, match=message):
        check_weights(weights, {"a": None, "b": None})
