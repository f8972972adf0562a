"""Numbers that are left out: none is shown, all others are, in their order or their shares."""

from __future__ import annotations

import re
import time
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import chisquare

from digit_sequence.base.errors import ConfigError
from digit_sequence.config.loading import parse_config
from digit_sequence.numbers.exclude import Exclude
from digit_sequence.numbers.exclusion import Gaps, leave_out
from digit_sequence.numbers.permutation import Permutation
from digit_sequence.plan.plan import Plan, make_plan
from number_blocks import open_block, take

FINITE: list[dict[str, Any]] = [
    {"values": ["7", "007", "12", "7", "90"]},
    {"range": {"first": 5, "last": 140, "step": 9, "width": 2}},
    {"pattern": {"regex": r"[1-3]?\d|00|9{4}"}},
    {"date": {"first": "2023-11-20", "last": "2024-03-05"}},
    {"date": {"format": "DDMM", "first": "2019-01-01", "last": "2021-03-05"}},
    {"date": {"format": "MMYY", "first": "1995-05-01", "last": "2104-03-05"}},
    {"date": {"format": "YYYY", "first": "1995-05-01", "last": "2104-03-05"}},
    {"time": {"step": 7}},
    {"time": {"format": "SSMM", "last": "02:10:00", "step": 50}},
    {"code": {"check_digits": "luhn", "length": 4, "prefixes": ["3", "01"]}},
    {"code": {"check_digits": "mod97", "length": 4}},
]
DRAWN: list[dict[str, Any]] = [
    {"random": {"lengths": {1: 1, 2: 3}}},
    {"random": {"lengths": [1, 2], "leading_zeros": False}},
    {"random": {"lengths": [1, 2], "balance": True}},
    {"random": {"lengths": [1, 2], "balance": "pairs"}},
    {"amount": {"first": 1, "last": 120, "width": 2}},
    {"amount": {"first": 1, "last": 120, "distribution": "uniform"}},
    {"weights": {"7": 1, "07": 2.5, "3": 4}},
    {"pattern": {"regex": r"\d{2}", "order": "drawn"}},
    {"mixture": {"parts": {"a": {"range": {"last": 20}}, "b": {"random": {"lengths": [2, 2]}}}}},
]


@given(st.sets(st.integers(0, 60)))
def test_gaps(places: set[int]) -> None:
    """The integers that are kept come in order, and none that is left out."""
    gaps = Gaps(places)
    kept = [number for number in range(100) if number not in places]
    assert [gaps[index] for index in range(len(kept))] == kept
    assert len(gaps) == len(places)


@given(st.integers(1, 300), st.text(max_size=5))
def test_inverse_permutation(count: int, key: str) -> None:
    """`find` undoes a permutation."""
    permutation = Permutation(count, key)
    assert [permutation.find(permutation[index]) for index in range(count)] == list(range(count))


@pytest.mark.parametrize("block", FINITE, ids=str)
@given(data=st.data())
def test_finite_kinds(block: dict[str, Any], data: st.DataObject) -> None:
    """What is left is what there was without the excluded, in the same order."""
    whole = open_block(block)
    assert whole.count is not None
    before = take(whole, *range(whole.count))
    strange = ["1", "01", "7", "12345", "00", "0230", "31022024", "3018"]
    excluded = data.draw(st.frozensets(st.sampled_from(before + strange), max_size=9))
    rest = [number for number in before if number not in excluded]
    if not rest:
        with pytest.raises(ValueError, match="expected a number that is not excluded, but all"):
            whole.without(excluded)
        return
    left = whole.without(excluded)
    assert left.count == len(rest)
    assert take(left, *range(left.count)) == rest
    assert (left.identity() == whole.identity()) == (
        left.count == whole.count and ("values" in block or not excluded)
    )
    again = whole.without(frozenset(list(excluded)[:2])).without(frozenset(list(excluded)[2:]))
    assert take(again, *range(left.count)) == rest


@pytest.mark.parametrize("order", ["shuffled", "ascending", "drawn"])
@pytest.mark.parametrize("piece", [[0.0, 1.0], [0.25, 0.75]])
def test_orders_and_slices(order: str, piece: list[float]) -> None:
    """Exclusion keeps to the slice and its order."""
    if order == "ascending" and piece != [0.0, 1.0]:
        return
    whole = open_block({"pattern": {"regex": r"\d{2}", "order": order, "slice": piece}})
    excluded = frozenset(f"{number:02d}" for number in range(0, 100, 3))
    left = whole.without(excluded)
    n_drawn = 4000 if order == "drawn" else whole.count
    assert n_drawn is not None
    before = [number for number in take(whole, *range(n_drawn)) if number not in excluded]
    if order == "drawn":
        counts = Counter(take(left, *range(n_drawn)))
        assert set(counts) == set(before)
        assert chisquare(list(counts.values())).pvalue > 1e-4
    else:
        assert take(left, *range(left.count or 0)) == before


@pytest.mark.parametrize("block", DRAWN, ids=str)
def test_drawn_kinds(block: dict[str, Any]) -> None:
    """What is drawn is never excluded, is the same alone, and keeps its shares."""
    whole = open_block(block)
    n_drawn = 6000
    before = Counter(take(whole, *range(n_drawn)))
    excluded = frozenset(["07", "7", *list(before)[3:40:3]])
    left = whole.without(excluded)
    after = take(left, *range(n_drawn))
    assert not set(after) & excluded
    assert after[:20] == [take(left, position)[0] for position in range(20)]
    assert left.identity() != whole.identity()
    assert left.identity() == open_block(block).without(excluded).identity()
    if "mixture" in block:
        return
    counts = Counter(after)
    assert set(counts) <= set(before)
    kept = {number: n for number, n in before.items() if number not in excluded}
    scale = n_drawn / sum(kept.values())
    spread = [(counts[number] - n * scale) / (n * scale) ** 0.5 for number, n in kept.items()]
    assert np.mean(np.square(spread)) < 3.5  # of two samples it is 1 + scale in the mean


@pytest.mark.parametrize(
    "block",
    [
        {"random": {"lengths": [1, 1]}},
        {"amount": {"last": 9}},
        {"amount": {"last": 9, "distribution": "uniform"}},
    ],
)
def test_little_is_left(block: dict[str, Any]) -> None:
    """Numbers that are drawn again and again are refused before they take for ever."""
    source = open_block(block)
    message = r"expected at most 90% of what is drawn to be excluded, got \d+\.\d%"
    with pytest.raises(ValueError, match=message):
        source.without(frozenset("0123456789"))
    assert set(take(source.without(frozenset("3456789")), *range(300))) <= {"0", "1", "2"}


def test_a_kind_of_another_package() -> None:
    """A source that was written before numbers could be left out is named."""
    with pytest.raises(ValueError, match="got object, which has no method `without`"):
        leave_out(object(), frozenset())  # type: ignore[arg-type]


def plan(splits: dict[str, Any]) -> Plan:
    """Plan a dataset of some splits."""
    tree = {"source": {"name": "mnist-5k"}, "splits": splits, "canvas": {"width": 400}}
    return make_plan(parse_config(tree, "tree"), "digest")


def shown(plan: Plan, name: str) -> set[str]:
    """Return the numbers that a split shows."""
    split = next(split for split in plan.splits.values() if split.name == name)
    return set(split.identities(0, split.n_samples)[0])


def test_splits_exclude_others() -> None:
    """Numbers of test and val are none of train, whatever the order of the splits."""
    numbers = {"random": {"lengths": [1, 3]}}
    planned = plan(
        {
            "train": {
                "numbers": numbers,
                "samples": 3000,
                "exclude": {"splits": ["val", "test"], "values": ["12"]},
            },
            "val": {"numbers": numbers, "samples": 50, "exclude": {"splits": ["test"]}},
            "test": {"numbers": numbers, "samples": 50},
        }
    )
    train, val, test = (shown(planned, name) for name in ("train", "val", "test"))
    assert not train & val
    assert not train & test
    assert not val & test
    assert "12" not in train
    assert planned.splits["train"].excluded == val | test | {"12"}
    assert list(planned.splits) == ["train", "val", "test"]


def test_excluded_file(tmp_path: Path) -> None:
    """The numbers of a file stand in the plan in place of it."""
    path = tmp_path / "seen.csv"
    path.write_text("text\n1\n2\n2\n")
    split = {
        "numbers": {"range": {"last": 9}},
        "samples": 20,
        "exclude": {"values": ["2", "5"], "file": {"path": str(path), "column": "text"}},
    }
    planned = plan({"train": split})
    assert shown(planned, "train") == set("0346789")
    assert planned.config.splits["train"].exclude == Exclude(values=("2", "5", "1"))
    assert planned.splits["train"].numbers.count == 7


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ({"splits": ["train"]}, None, "splits.train.exclude.splits: expected other splits of the"),
        ({"splits": ["val"]}, None, "config (test), got val"),
        ({"splits": ["test"]}, {"splits": ["train"]}, "exclude each other, got test and train"),
        ({"values": [1]}, None, "splits.train.exclude.values.0: expected a number in quotes"),
        ({"file": {"path": "no.txt"}}, None, "no.txt: numbers cannot be read"),
        (
            {"splits": ["test"]},
            None,
            "splits.train.exclude: expected a number that is not excluded, but all 10 are",
        ),
    ],
)
def test_bad_exclusions(train: Any, test: Any, message: str) -> None:
    """Splits that are not there, circles and exclusions of everything are refused."""
    numbers = {"numbers": {"range": {"last": 9}}, "samples": 20}
    splits = {"train": {**numbers, "exclude": train}, "test": {**numbers, "exclude": test}}
    with pytest.raises(ConfigError, match=re.escape(message)):
        plan(splits)


def test_count_of_what_is_left() -> None:
    """A count that exclusion makes too great is refused."""
    splits = {
        "train": {
            "numbers": {"pattern": {"regex": r"\d", "count": 9}},
            "samples": 20,
            "exclude": {"values": ["1", "2"]},
        }
    }
    with pytest.raises(ConfigError, match="exclude: expected a count of at most the 8 numbers"):
        plan(splits)


def test_too_many_to_exclude(monkeypatch: pytest.MonkeyPatch) -> None:
    """A split of more numbers than memory should hold is not excluded but sliced."""
    monkeypatch.setattr("digit_sequence.plan.plan.MAX_EXCLUDED", 100)
    endless = {"numbers": {"random": {"lengths": [1, 6]}}, "samples": 101}
    with pytest.raises(ConfigError, match=r"splits.test: expected at most 100 numbers in a split"):
        plan({"train": {**endless, "exclude": {"splits": ["test"]}}, "test": endless})
    with pytest.raises(ValidationError, match="at most 1000000 items"):
        Exclude.model_validate({"values": ["1"] * 1_000_001})


@pytest.mark.parametrize(
    "block", [FINITE[2], {"date": {}}, {"code": {"check_digits": "luhn"}}, *DRAWN], ids=str
)
def test_a_billion_without_a_thousand(block: dict[str, Any]) -> None:
    """A billion samples without those of another split plan in a second."""
    excluded = {"numbers": {"random": {"lengths": [5, 6]}}, "samples": 1000}
    tracemalloc.start()
    start = time.process_time()
    train = {"numbers": block, "samples": 10**9, "exclude": {"splits": ["test"]}}
    planned = plan({"train": train, "test": excluded})
    planned.splits["train"].identities(10**9 - 3, 10**9)
    assert time.process_time() - start < 1
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()
