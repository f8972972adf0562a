"""Orders of finite languages: shuffled without a list, ascending, drawn."""

from __future__ import annotations

import json
import re
import time
import tracemalloc
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import chisquare

from digit_sequence.config.splits import Numbers
from digit_sequence.numbers.check_digits import SCHEMES
from digit_sequence.numbers.permutation import Permutation
from digit_sequence.numbers.registry import NUMBER_KINDS
from digit_sequence.plan.plan import make_plan
from number_blocks import open_block, take

LANGUAGES: list[dict[str, Any]] = [
    {"pattern": {"regex": r"\d{6}"}},
    {"date": {}},
    {"date": {"format": "MMYY"}},
    {"time": {}},
    {"time": {"format": "SSMM"}},
    *({"code": {"check_digits": name}} for name in SCHEMES),
    {"code": {"check_digits": "mod97", "length": 64}},
]
"""Blocks of kinds whose numbers are a language."""


def _with(block: dict[str, dict[str, object]], **more: object) -> dict[str, dict[str, object]]:
    return {name: {**settings, **more} for name, settings in block.items()}


@given(st.integers(1, 300), st.text(max_size=5))
def test_permutation(count: int, key: str) -> None:
    """Each index goes to another one below the count."""
    permutation = Permutation(count, key)
    assert sorted(permutation[index] for index in range(count)) == list(range(count))
    for index in (-1, count):
        with pytest.raises(IndexError, match="expected an index"):
            permutation[index]


def test_permutations_are_even() -> None:
    """All 24 orders of four are equally frequent over keys; so are places of large counts."""
    orders = Counter(
        tuple(permutation[index] for index in range(4))
        for permutation in (Permutation(4, str(key)) for key in range(4800))
    )
    assert len(orders) == 24
    assert chisquare(list(orders.values())).pvalue > 1e-4
    large = Permutation(10**64, "key")
    tenths = Counter(large[index] * 10 // 10**64 for index in range(5000))
    assert chisquare([tenths[tenth] for tenth in range(10)]).pvalue > 1e-4


def test_permutation_is_pinned() -> None:
    """A key chooses the same order in every version."""
    permutation = Permutation(1000, "1/train")
    assert [permutation[index] for index in range(4)] == [486, 256, 529, 26]


def test_orders() -> None:
    """Shuffled and ascending show each number once, drawn shows some twice."""
    block = {"pattern": {"regex": r"\d{2}"}}
    everything = [f"{n:02d}" for n in range(100)]
    ascending, shuffled = (open_block(_with(block, order=it)) for it in ("ascending", "shuffled"))
    assert take(ascending, *range(100)) == everything
    assert take(shuffled, *range(100)) != everything
    assert sorted(take(shuffled, *range(100))) == everything
    assert take(shuffled, *range(99, -1, -1)) == take(shuffled, *range(100))[::-1]
    assert take(open_block(block, split="val"), *range(100)) != take(shuffled, *range(100))
    drawn = open_block(_with(block, order="drawn"))
    assert (drawn.count, drawn.repeats) == (None, True)
    counts = Counter(take(drawn, *range(20_000)))
    assert set(counts) == set(everything)
    assert chisquare(list(counts.values())).pvalue > 1e-4


@pytest.mark.parametrize("block", LANGUAGES)
@pytest.mark.parametrize("order", ["shuffled", "ascending", "drawn"])
def test_number_is_the_same_alone_in_any_batch_and_engine(block, order) -> None:
    """A position holds the same number whatever is taken with it, by either engine."""
    source = open_block(_with(block, order=order))
    positions = [0, 7, 3, 11, 359]
    batch = take(source, *positions)
    assert batch == [take(source, position)[0] for position in positions]
    assert batch == source.take(np.array(positions), "numba")
    assert set("".join(batch)) <= source.characters()
    assert max(map(len, batch)) <= source.max_digits


@pytest.mark.parametrize("block", LANGUAGES)
def test_settings_survive_a_plan_file(block) -> None:
    """The numbers are the same after a way through JSON."""
    text = Numbers.model_validate(block).model_dump_json()
    again = open_block(json.loads(text))
    assert again.identity() == open_block(block).identity()
    assert take(again, 3, 4) == take(open_block(block), 3, 4)


def test_count() -> None:
    """A count takes the first numbers of the order; more than there are is refused."""
    few, all_ = (open_block({"pattern": {"regex": "[0-4]", **it}}) for it in ({"count": 2}, {}))
    assert (few.count, all_.count) == (2, 5)
    assert take(few, 0, 1) == take(all_, 0, 1)
    message = "pattern.count: expected at most the 5 numbers that there are, got 6"
    with pytest.raises(ValidationError, match=message):
        Numbers.model_validate({"pattern": {"regex": "[0-4]", "count": 6}})
    assert open_block({"pattern": {"regex": "[0-4]", "count": 6, "order": "drawn"}}).count == 6


LARGE = [
    {"pattern": {"regex": r"\d{64}"}},
    {"pattern": {"regex": r"\d{64}", "order": "drawn", "balance": True}},
    {"postcode": {"country": "us+4"}},
    {"postcode": {"country": "us", "file": {"path": "zip.csv", "column": "zip"}}},
]


@pytest.mark.parametrize(
    "block", [*LANGUAGES, *LARGE, *({name: it.example} for name, it in NUMBER_KINDS.items())]
)
def test_plan_of_a_billion(tiny_config, block, tmp_path, monkeypatch) -> None:
    """A billion samples plan in under a second, hold no list, and any of them can be asked for."""
    monkeypatch.chdir(tmp_path)
    for kind in NUMBER_KINDS.values():
        for name, text in kind.example_files.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
    split = {"numbers": block, "samples": 10**9}
    config = tiny_config(splits={"train": split}, canvas={"height": 28, "width": 400})
    tracemalloc.start()
    start = time.process_time()
    plan = make_plan(config, "digest").splits["train"]
    numbers, _ = plan.identities(10**9 - 3, 10**9)
    assert time.process_time() - start < 1
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()
    assert len(numbers) == 3


@given(st.floats(0.01, 0.99), st.sampled_from(["shuffled", "drawn"]))
def test_slices_have_no_number_in_common(cut: float, order: str) -> None:
    """Two splits that cut the same numbers at one share have all of them, and none twice."""
    numbers = {"check_digits": "luhn", "length": 4, "prefixes": ["1"], "order": order}
    blocks = [{"code": {**numbers, "slice": piece}} for piece in ([0.0, cut], [cut, 1.0])]
    train, test = open_block(blocks[0], split="train"), open_block(blocks[1], split="test")
    shown = [set(take(it, *range(it.count or 300))) for it in (train, test)]
    assert not shown[0] & shown[1]
    if order == "shuffled":
        assert (train.count or 0) + (test.count or 0) == len(shown[0] | shown[1]) == 100


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"pattern": {"regex": r"\d", "slice": [0.5, 0.55]}}, "with at least one, got [0.5, 0.55]"),
        ({"pattern": {"regex": r"\d", "slice": [0.5, 0.2]}}, "with low <= high, got [0.5, 0.2]"),
        ({"pattern": {"regex": r"\d", "slice": [0, 1.5]}}, "less than or equal to 1"),
        (
            {"pattern": {"regex": r"\d", "slice": [0, 0.5], "order": "ascending"}},
            "pattern.slice: expected [0, 1] with order: ascending, got [0.0, 0.5]",
        ),
        (
            {"date": {"format": "DDMM", "slice": [0, 0.5]}},
            "date.slice: expected [0, 1] with numbers that repeat, got [0.0, 0.5]",
        ),
        (
            {"pattern": {"regex": r"\d", "slice": [0, 0.5], "count": 6}},
            "expected at most the 5 numbers that there are, got 6",
        ),
    ],
)
def test_bad_slices(block: dict[str, Any], message: str) -> None:
    """A piece without a number, or of numbers that cannot be cut, is refused."""
    with pytest.raises(ValidationError, match=re.escape(message)):
        Numbers.model_validate(block)
