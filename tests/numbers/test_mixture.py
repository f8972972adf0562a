"""Mixtures: exact shares, each part in its own order, files in place."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from digit_sequence.config.splits import Numbers
from digit_sequence.numbers.mixture import BLOCK, share_out
from number_blocks import open_block, take


@given(st.dictionaries(st.text(max_size=3), st.floats(1e-6, 1e9), min_size=1, max_size=100))
def test_shares(weights: dict[str, float]) -> None:
    """All samples of a block are given away, each part gets one at least."""
    shares = share_out(weights)
    assert sum(shares.values()) == BLOCK
    assert min(shares.values()) >= 1
    exact = {name: BLOCK * weight / sum(weights.values()) for name, weight in weights.items()}
    if min(exact.values()) >= 1.001:
        assert all(abs(shares[name] - exact[name]) < 1 + 1e-6 for name in weights)


def test_mixture() -> None:
    """Of any block of 1000 samples each part has its share, in its own order."""
    parts = {
        "short": {"weight": 3, "range": {"last": 9}},
        "dates": {"weight": 6.5, "date": {}},
        "codes": {"weight": 0.5, "code": {"check_digits": "damm", "length": 6}},
        "never": {"weight": 0, "values": ["1234567"]},
    }
    source = open_block({"mixture": {"parts": parts}})
    assert (source.count, source.max_digits, source.repeats) == (None, 8, True)
    assert source.characters() == set("0123456789")
    seen: list[str] = []
    for block in range(3):
        numbers = take(source, *range(block * BLOCK, (block + 1) * BLOCK))
        assert Counter(map(len, numbers)) == {1: 300, 8: 650, 6: 50}
        seen += numbers
    dates = [number for number in seen if len(number) == 8]
    assert len(set(dates)) == len(dates) == 1950
    assert Counter(number for number in seen if len(number) == 1) == dict.fromkeys("0123456789", 90)
    places = [place for place, number in enumerate(seen[:BLOCK]) if len(number) == 6]
    assert max(places) - min(places) > BLOCK // 2  # mixed, not one after another


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=8))
def test_number_is_the_same_alone_and_in_any_batch(positions: list[int]) -> None:
    """A position holds the same number whatever is taken with it."""
    parts = {"a": {"random": {"lengths": [1, 3]}}, "b": {"pattern": {"regex": r"\d{64}"}}}
    source = open_block({"mixture": {"parts": parts}})
    batch = take(source, *positions)
    assert batch == [take(source, position)[0] for position in positions]


def test_parts_of_one_kind_differ() -> None:
    """Two parts of the same settings have numbers of their own."""
    part = {"random": {"lengths": [12, 12]}}
    numbers = take(open_block({"mixture": {"parts": {"a": part, "b": part}}}), *range(500))
    assert len(set(numbers)) == 500


def test_file_in_a_mixture(tmp_path: Path) -> None:
    """The numbers of a file stand in the plan in place of its path."""
    (tmp_path / "n.txt").write_text("12\n34\n")
    block = {"mixture": {"parts": {"a": {"file": {"path": str(tmp_path / "n.txt")}}}}}
    kind = Numbers.model_validate(block).kind
    assert kind.has_paths
    inlined = kind.inline()
    assert not inlined.has_paths
    assert inlined.settings.model_dump(mode="json")["parts"]["a"]["values"] == ["12", "34"]
    same = open_block({"mixture": {"parts": {"a": {"values": ["12", "34"]}}}})
    assert inlined.open(1, "train").identity() == same.identity()


@pytest.mark.parametrize(
    ("mixture", "message"),
    [
        ({"parts": {}}, "expected at least one part with a weight above 0, got {}"),
        (
            {"parts": {"a": {"weight": 0, "date": {}}}},
            "expected at least one part with a weight above 0, got {'a': 0",
        ),
        ({"parts": {"a": {"weight": -1, "date": {}}}}, "greater than or equal to 0"),
        (
            {"parts": {"a": {"weight": 1}}},
            "expected exactly one of values, weights, range, file, random",
        ),
        ({"parts": {"a": {"date": {}, "time": {}}}}, "got date and time"),
        ({"parts": {"a": {"values": []}}}, "expected at least one number"),
        ({"parts": {str(n): {"date": {}} for n in range(101)}}, "at most 100 parts, got 101"),
    ],
)
def test_bad_mixtures(mixture: dict[str, Any], message: str) -> None:
    """Weights of nothing, and parts of no or two kinds, are refused."""
    with pytest.raises(ValidationError, match=re.escape(message)):
        Numbers.model_validate({"mixture": mixture})
