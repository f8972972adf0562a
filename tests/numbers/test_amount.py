"""Amounts: in their range, and as their distribution says."""

from __future__ import annotations

import math
import re
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import chisquare

from digit_sequence.config.splits import Numbers
from number_blocks import open_block, take

AMOUNTS = st.integers(0, 10**18 - 1)


@given(
    st.tuples(AMOUNTS, AMOUNTS).map(sorted),
    st.sampled_from(["uniform", "log_uniform", "benford"]),
    st.integers(1, 20),
    st.lists(st.integers(0, 10**12), min_size=1, max_size=5),
)
def test_amounts(ends: list[int], distribution: str, width: int, positions: list[int]) -> None:
    """An amount is in its range, is padded, and is the same alone and in any batch."""
    first, last = ends
    if distribution != "uniform":
        first, last = first + 1, last + 1
    if last >= 10**18:
        return
    settings = {"first": first, "last": last, "distribution": distribution, "width": width}
    source = open_block({"amount": settings})
    numbers = take(source, *positions)
    assert numbers == [take(source, position)[0] for position in positions]
    for number in numbers:
        assert first <= int(number) <= last
        assert number == f"{int(number):0{width}d}"
        assert len(number) <= source.max_digits
        assert set(number) <= source.characters()


@pytest.mark.parametrize(
    ("settings", "amount", "text"),
    [
        ({"decimals": 2, "grouping": ","}, 123450, "1,234.50"),
        ({"decimals": 2, "grouping": ",", "prefix": "-$"}, 99999999, "-$999,999.99"),
        ({"decimals": 2}, 5, "0.05"),
        (
            {"decimals": 2, "point": ",", "grouping": ".", "suffix": " €"},
            100000000,
            "1.000.000,00 €",
        ),
        ({"decimals": 0, "grouping": " "}, 1234567, "1 234 567"),
        ({"decimals": 0, "suffix": ",-"}, 99, "99,-"),
        ({"decimals": 1, "width": 5, "grouping": ","}, 7, "0,000.7"),
        ({"grouping": "."}, 999, "999"),
        ({"grouping": "."}, 1000, "1.000"),
    ],
)
def test_amounts_as_people_write_them(settings: dict[str, Any], amount: int, text: str) -> None:
    """Point, thousands and currency stand where they belong; such a number can be excluded."""
    block = {"first": amount, "last": amount, "distribution": "uniform", **settings}
    source = open_block({"amount": block})
    assert take(source, 0, 1) == [text, text]
    assert source.characters() == set(text)
    assert source.max_digits == len(text)
    others = open_block({"amount": {**block, "first": amount - 1, "last": amount + 1}})
    left = others.without(frozenset({text, "1,2", "-"}))
    assert text in take(others, *range(60))
    assert text not in take(left, *range(60))


@given(st.integers(0, 10**12), st.integers(0, 4), st.sampled_from(["", ",", " "]))
def test_written_amounts_mean_themselves(amount: int, decimals: int, grouping: str) -> None:
    """Without its thousands a written amount is the number of cents, as Python writes it."""
    block = {"first": amount, "last": amount, "distribution": "uniform"}
    source = open_block({"amount": {**block, "decimals": decimals, "grouping": grouping}})
    written = f"{Decimal(amount).scaleb(-decimals):,.{decimals}f}".replace(",", grouping)
    assert take(source, 3) == [written]


def expect(distribution: str, first: int, last: int) -> dict[int, float]:
    """Return the share of each amount, by the definition of its distribution."""
    values = range(first, last + 1)
    if distribution == "uniform":
        return dict.fromkeys(values, 1 / len(values))
    shares = {value: math.log(1 + 1 / value) for value in values}
    if distribution == "log_uniform":
        return {value: share / sum(shares.values()) for value, share in shares.items()}
    lengths = {len(str(value)) for value in values}
    totals = {n: sum(shares[it] for it in values if len(str(it)) == n) for n in lengths}
    return {it: shares[it] / totals[len(str(it))] / len(lengths) for it in values}


@pytest.mark.parametrize("distribution", ["uniform", "log_uniform", "benford"])
@pytest.mark.parametrize(("first", "last"), [(1, 99), (7, 130), (5, 5), (95, 104)])
def test_distributions(distribution: str, first: int, last: int) -> None:
    """Amounts come as often as their distribution says."""
    settings = {"first": first, "last": last, "distribution": distribution}
    counts = Counter(take(open_block({"amount": settings}), *range(20_000)))
    shares = expect(distribution, first, last)
    assert set(map(int, counts)) <= set(shares)
    expected = [20_000 * share for share in shares.values()]
    if len(shares) > 1:
        assert chisquare([counts[str(it)] for it in shares], expected).pvalue > 1e-4


def test_benford() -> None:
    """First digits are as in Newcomb's table of 1881, and so are lengths."""
    numbers = take(open_block({"amount": {"first": 100, "last": 99_999_999}}), *range(30_000))
    first = Counter(number[0] for number in numbers)
    expected = [30_000 * math.log10(1 + 1 / digit) for digit in range(1, 10)]
    assert chisquare([first[str(digit)] for digit in range(1, 10)], expected).pvalue > 1e-4
    assert chisquare(list(Counter(map(len, numbers)).values())).pvalue > 1e-4


def test_amounts_are_pinned() -> None:
    """The amounts of a seed are those of the first release, on any processor."""
    source = open_block({"amount": {"first": 100, "last": 9_999_999}})
    assert take(source, *range(6)) == ["4449", "653667", "80154", "207", "2216515", "1971872"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"first": 3, "last": 2}, "expected first <= last, got 3 and 2"),
        ({"first": 0, "last": 2}, "expected a first amount above 0 with benford, got 0"),
        ({"last": 10**18}, "less than 1000000000000000000"),
        ({"last": 9, "distribution": "zipf"}, "'uniform', 'log_uniform' or 'benford'"),
        ({}, "last\n  Field required"),
    ],
)
def test_bad_amounts(settings: dict[str, Any], message: str) -> None:
    """Ranges of nothing, and logarithms of 0, are refused."""
    with pytest.raises(ValidationError, match=re.escape(message)):
        Numbers.model_validate({"amount": settings})
