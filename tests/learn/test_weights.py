"""Shares by weight: near their due from the first sample on, and refusals."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digit_sequence.base.errors import ConfigError
from digit_sequence.learn.weights import MAX_PERIOD, check_weights, share_out

NUMBERS = st.one_of(st.integers(1, 30), st.decimals("0.1", "9.9", places=1).map(float))


@given(st.lists(NUMBERS, min_size=1, max_size=5), st.integers(0, 10**9), st.integers(0, 40))
def test_shares_are_near_their_due(weights, start, length):
    """In the first samples none is a sample from its due; nor, of two, in any that follow."""
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
        assert abs(int(shares.count(start)[index]) - due * start) <= bound
        assert abs(counts[index] - due * length) <= 2 * bound  # one of two, less than two of more


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
