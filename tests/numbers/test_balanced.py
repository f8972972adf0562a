"""Balanced patterns: lengths, characters at each place and pairs of neighbours, with signs too."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from digit_sequence.numbers.balanced import BLOCK
from digit_sequence.numbers.exclusion import leave_out
from digit_sequence.numbers.kind import NumberSource
from digit_sequence.numbers.pattern import parse_pattern
from number_blocks import open_block, take

AMOUNTS = r"[1-9]\d{0,2}(,\d{3})?\.\d\d|[0-9]{1,3}%"


def open_pattern(regex: str, seed: int = 1, split: str = "train") -> NumberSource:
    """Open the balanced numbers of a regular expression."""
    block = {"regex": regex, "order": "drawn", "balance": True}
    return open_block({"pattern": block}, seed, split)


def differ_by_one(counts: Counter[str]) -> bool:
    """Tell whether no count is above another by more than 1."""
    return max(counts.values()) - min(counts.values()) <= 1


@given(
    st.sampled_from([AMOUNTS, r"[\d.,]{3}", r"-?\d{2}", r"0[1-9]|1[0-2]", "7|77|777", r"\d( \d)?"]),
    st.integers(0, 2**63 - 1),
    st.integers(0, 10**9),
)
def test_blocks_are_exact(regex: str, seed: int, block: int) -> None:
    """In each block lengths are equally often, and of each length what numbers begin with."""
    numbers = take(open_pattern(regex, seed), *range(block * BLOCK, (block + 1) * BLOCK))
    language = parse_pattern(regex)
    assert all(len(language.find(number)) == 1 for number in numbers)
    assert differ_by_one(Counter(str(len(number)) for number in numbers))
    for length in set(map(len, numbers)):
        own = [number for number in numbers if len(number) == length]
        assert differ_by_one(Counter(number[0] for number in own))


def test_characters_places_and_pairs_of_any_alphabet() -> None:
    """Where anything may stand, characters are even at each place, and all pairs likewise."""
    numbers = take(open_pattern(r"[\d.,]{4}"), *range(10 * BLOCK))
    for place in range(4):
        counts = Counter(number[place] for number in numbers)
        assert len(counts) == 12
        assert max(counts.values()) - min(counts.values()) <= 10
    pairs = Counter(pair for number in numbers for pair in pairwise(number))
    assert len(pairs) == 144
    assert max(pairs.values()) / min(pairs.values()) < 1.1
    assert len(set(numbers)) > 7_000


def test_numbers_do_not_depend_on_what_is_taken_with_them() -> None:
    """Any number is made alone, and another seed or split gives others."""
    source = open_pattern(AMOUNTS)
    places = [0, BLOCK - 1, BLOCK, 5 * BLOCK + 3, 10**12 + 7]
    assert take(source, *places) == [take(source, place)[0] for place in places]
    first = take(source, *range(50))
    assert first != take(open_pattern(AMOUNTS, 2), *range(50))
    assert first != take(open_pattern(AMOUNTS, 1, "val"), *range(50))


def test_excluded_numbers_never_come() -> None:
    """They are drawn again; what leaves next to nothing is refused."""
    left_out = frozenset(f"{n}" for n in range(10, 60))
    rest = leave_out(open_pattern(r"\d{2}"), left_out)
    numbers = take(rest, *range(5 * BLOCK))
    assert set(numbers) == {f"{n:02d}" for n in range(100)} - left_out
    assert rest.identity() != open_pattern(r"\d{2}").identity()
    with pytest.raises(ValueError, match=r"at most 90% of what is drawn .* got 95\.5%"):
        leave_out(
            open_pattern(r"\d|\d{2}"), frozenset(f"{n:02d}" for n in range(91)) | set("0123456789")
        )
    shares = Counter(take(open_pattern("7|1[0-3]"), *range(4 * BLOCK)))
    assert shares["7"] == 2 * BLOCK
    leave_out(open_pattern("7|1[0-3]"), frozenset("7"))  # the half of what is drawn, exactly


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "expected order: drawn with balance: true, got shuffled"),
        ({"order": "drawn", "slice": [0, 0.5]}, r"expected slice: \[0, 1\] with balance: true"),
    ],
)
def test_what_balance_does_not_go_with(fields: dict[str, object], message: str) -> None:
    """It needs numbers that are drawn, of all that there are."""
    with pytest.raises(ValidationError, match=message):
        open_block({"pattern": {"regex": "[1-4]", "balance": True, **fields}})


def test_mixtures_keep_the_balance_of_a_part() -> None:
    """What a mixture takes of a balanced part, it takes in its order."""
    part = {"pattern": {"regex": r"[+\-]\d", "order": "drawn", "balance": True}}
    mixed = open_block({"mixture": {"parts": {"a": part, "b": {"values": ["7"]}}}})
    numbers = [number for number in take(mixed, *range(2 * BLOCK)) if number != "7"]
    assert Counter(number[0] for number in numbers) == {"+": BLOCK / 2, "-": BLOCK / 2}
    assert set(Counter(numbers).values()) == {BLOCK // 20}
