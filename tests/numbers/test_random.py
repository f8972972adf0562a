"""Numbers drawn at random: each alone, as its words say, evenly."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import chisquare

from digit_sequence.base.randomness import RandomWords
from digit_sequence.numbers import random as drawn
from digit_sequence.numbers.number import MAX_DIGITS
from digit_sequence.numbers.random import BALANCE_BLOCK
from number_blocks import open_random, take


def test_random_numbers_are_pinned() -> None:
    """The numbers of a seed are those of the first release."""
    positions = range(6)
    plain = ["684", "84864", "995", "3", "316451", "213718"]
    assert take(open_random(lengths=[1, 6]), *positions) == plain
    balanced = ["684", "84964", "895", "3", "307562", "212737"]
    assert take(open_random(lengths=[1, 6], balance=True), *positions) == balanced


def draw_one(seed: int, split: str, position: int, weights: dict[int, float], zeros: bool) -> str:
    """Draw a number as the module says: its length by weight, then each digit."""
    words = RandomWords(seed, "numbers").draw(split, position, 1 + max(weights)).tolist()
    shares = [(word >> 11) / 2**53 for word in words]
    remaining = shares[0] * sum(weights.values())
    length = 0
    for length, weight in sorted(weights.items()):  # noqa: B007 - the last one that is reached
        if remaining < weight:
            break
        remaining -= weight
    digits = [int(share * 10) for share in shares[1 : 1 + length]]
    if length > 1 and not zeros:
        digits[0] = 1 + int(shares[1] * 9)
    return "".join(map(str, digits))


@given(
    st.integers(0, 2**63 - 1),
    st.sampled_from(["train", "val", "test"]),
    st.lists(st.integers(0, 10**12), min_size=1, max_size=10),
    st.dictionaries(st.integers(1, 64), st.integers(1, 4), min_size=1, max_size=4),
    st.booleans(),
)
def test_random_numbers_follow_their_words(
    seed: int, split: str, positions: list[int], weights: dict[int, float], zeros: bool
) -> None:
    """Number i of a split is drawn from (seed, split, i) and nothing else."""
    source = open_random(seed, split, lengths=weights, leading_zeros=zeros)
    expected = [draw_one(seed, split, position, weights, zeros) for position in positions]
    assert take(source, *positions) == expected


@given(
    st.lists(st.integers(0, 350) | st.integers(0, 10**12), min_size=1, max_size=12),
    st.booleans(),
    st.booleans(),
)
def test_random_number_is_the_same_alone_and_in_any_batch(
    positions: list[int], zeros: bool, balance: bool
) -> None:
    """A position holds the same number whatever is taken with it, in whatever order."""
    source = open_random(lengths=[1, 4], leading_zeros=zeros, balance=balance)
    batch = take(source, *positions)
    assert batch == [take(source, position)[0] for position in positions]
    assert batch[::-1] == take(source, *positions[::-1])


def test_random_numbers_do_not_depend_on_their_count() -> None:
    """Asking for more numbers adds numbers."""
    few, many = (open_random(lengths=[1, 4], count=count) for count in (10, 1000))
    assert (few.count, many.count) == (10, 1000)
    assert take(few, *range(10)) == take(many, *range(10))


def test_random_numbers_of_seeds_and_splits_differ() -> None:
    """Splits and seeds have numbers of their own."""
    draws = {
        tuple(take(open_random(seed, split, lengths=[8, 8]), *range(20)))
        for seed in (1, 2)
        for split in ("train", "val", "test")
    }
    assert len(draws) == 6


def test_lengths_follow_their_weights() -> None:
    """Lengths are as frequent as their weights say; a weight of 0 never happens."""
    source = open_random(lengths={1: 1, 2: 0, 5: 2.5, 9: 0.5})
    lengths = Counter(map(len, take(source, *range(8000))))
    assert set(lengths) == {1, 5, 9}
    expected = [8000 * weight / 4 for weight in (1, 2.5, 0.5)]
    assert chisquare([lengths[1], lengths[5], lengths[9]], expected).pvalue > 1e-4


@pytest.mark.parametrize("balance", [False, True])
def test_no_leading_zero(balance: bool) -> None:
    """Without leading zeros, only "0" itself begins with 0; and it does occur."""
    source = open_random(lengths=[1, 3], leading_zeros=False, balance=balance)
    numbers = take(source, *range(3000))
    assert {number for number in numbers if number[0] == "0"} == {"0"}
    assert {number[0] for number in numbers if len(number) > 1} == set("123456789")


def test_leading_zeros() -> None:
    """With leading zeros, a tenth of the numbers begins with 0."""
    numbers = take(open_random(lengths=[2, 3], balance=True), *range(3000))
    assert sum(number[0] == "0" for number in numbers) == 300


@pytest.mark.parametrize("length", [1, 3, 6])
def test_balanced_digits_are_exactly_even(length: int) -> None:
    """Numbers of one length hold each digit equally often in each place, per block of 100."""
    source = open_random(lengths=[length, length], balance=True)
    assert BALANCE_BLOCK == 100
    for block in (0, 1, 12345):
        numbers = take(source, *range(block * 100, block * 100 + 100))
        for place in range(length):
            counts = Counter(number[place] for number in numbers)
            assert counts == dict.fromkeys("0123456789", 10)


@pytest.mark.parametrize(
    ("lengths", "tolerance"),
    [([1, 1], 0.01), ([2, 2], 0.01), ([5, 5], 0.01), ([1, 6], 0.02)],  # a place is not always used
)
@pytest.mark.parametrize("zeros", [True, False])
def test_balanced_digits_are_even_overall(
    lengths: list[int], tolerance: float, zeros: bool
) -> None:
    """All ten digits are equally frequent, also if no number may begin with 0."""
    source = open_random(lengths=lengths, leading_zeros=zeros, balance=True)
    counts = Counter("".join(take(source, *range(20_000))))
    shares = [counts[digit] / counts.total() for digit in "0123456789"]
    assert shares == pytest.approx([0.1] * 10, rel=tolerance)


def test_balance_does_not_tie_the_places_together() -> None:
    """The digits of a number are drawn apart: all hundred pairs are equally frequent."""
    source = open_random(lengths=[2, 2], balance=True)
    pairs = Counter(take(source, *range(20_000)))
    assert len(pairs) == 100
    assert chisquare(list(pairs.values())).pvalue > 1e-4


@pytest.mark.parametrize("zeros", [True, False])
@pytest.mark.parametrize("balance", [True, False])
def test_greatest_words_make_nines(
    monkeypatch: pytest.MonkeyPatch, zeros: bool, balance: bool
) -> None:
    """No rounding makes a digit of ten, though all words are the greatest there is."""

    def draw_greatest(*arguments: Any) -> NDArray[np.uint64]:
        counts = arguments[4]
        return np.full(counts.sum(), 2**64 - 1, np.uint64)

    monkeypatch.setattr(drawn, "draw_words", draw_greatest)
    source = open_random(lengths={3: 1.0}, leading_zeros=zeros, balance=balance)
    assert take(source, 99) == ["999"]


def test_random_numbers_may_use_all_digits() -> None:
    """Random numbers need glyphs of all digits, and repeat."""
    source = open_random(lengths=[2, 4], count=5)
    assert source.characters() == set("0123456789")
    assert source.max_digits == 4
    assert source.repeats


def test_longest_random_numbers() -> None:
    """The longest numbers that a config may ask for can be drawn."""
    assert len(take(open_random(lengths=[MAX_DIGITS, MAX_DIGITS], balance=True), 7)[0]) == 64


def test_equal_weights_are_the_range_of_lengths() -> None:
    """[1, 3] and equal weights of 1 mean the same numbers."""
    one, other = (open_random(lengths=lengths) for lengths in ([1, 3], {3: 1, 2: 1, 1: 1}))
    assert one.identity() == other.identity()
    assert take(one, *range(50)) == take(other, *range(50))


@pytest.mark.parametrize("zeros", [True, False])
def test_pairs_are_balanced(zeros: bool) -> None:
    """Of each hundred numbers every place has each digit ten times, every two places each pair."""
    source = open_random(lengths=[5, 5], balance="pairs", leading_zeros=zeros)
    for block in range(3):
        numbers = take(source, *range(100 * block, 100 * block + 100))
        digits = np.array([list(map(int, number)) for number in numbers])
        for place in range(1, 5):
            pairs = Counter(map(tuple, digits[:, place - 1 : place + 1].tolist()))
            expected = {1} if zeros or place > 1 else {1, 2}
            assert set(pairs.values()) == expected
            assert set(Counter(digits[:, place].tolist()).values()) == {10}
            assert len(pairs) == (90 if place == 1 and not zeros else 100)
        assert digits[:, 0].min() == (0 if zeros else 1)


@pytest.mark.parametrize("lengths", [[1, 6], [3, 5]])
def test_pairs_of_several_lengths(lengths: list[int]) -> None:
    """With numbers of several lengths pairs and digits are far more even than at random."""
    spread = {}
    for balance in (False, "pairs"):
        numbers = take(open_random(lengths=lengths, balance=balance), *range(20_000))
        pairs = Counter(pair for number in numbers for pair in pairwise(number))
        digits = Counter("".join(numbers))
        assert len(pairs) == 100
        spread[balance] = [np.std(list(counts.values())) for counts in (pairs, digits)]
    assert np.all(np.array(spread["pairs"]) < 0.75 * np.array(spread[False]))
