"""Numbers with weights, in a config and in a file."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from scipy.stats import chisquare

from digit_sequence.base.errors import ConfigError
from digit_sequence.config.splits import Numbers, Split
from digit_sequence.numbers.file import FileSettings, read_weights
from number_blocks import open_block, take

WEIGHTS = {"007": 3, "12": 0.5, "5": 1}


def test_weights() -> None:
    """Numbers are drawn in proportion to their weights, whatever order they are listed in."""
    source = open_block({"weights": WEIGHTS})
    assert (source.count, source.repeats, source.max_digits) == (None, True, 3)
    assert source.characters() == set("01257")
    numbers = take(source, *range(9000))
    counts = Counter(numbers)
    assert chisquare([counts[it] for it in WEIGHTS], [6000, 1000, 2000]).pvalue > 1e-4
    assert numbers[:9] == [take(source, position)[0] for position in range(9)]
    again = open_block({"weights": dict(reversed(WEIGHTS.items()))})
    assert take(again, *range(50)) == numbers[:50]
    assert again.identity() == source.identity()
    assert open_block({"weights": {**WEIGHTS, "5": 2}}).identity() != source.identity()


def test_plan_file() -> None:
    """Weights survive a way through JSON."""
    text = Numbers.model_validate({"weights": WEIGHTS}).model_dump_json()
    assert open_block(json.loads(text)).identity() == open_block({"weights": WEIGHTS}).identity()


def test_file_of_weights(tmp_path: Path) -> None:
    """A column of a file has the weights; of a number that is there twice they add up."""
    path = tmp_path / "zip.csv"
    path.write_text("zip,people\n007,2\n5, 1\n,9\n12,.5\n007,1e0\n")
    block = {"file": {"path": str(path), "column": "zip", "weight": "people"}}
    kind = Numbers.model_validate(block).kind
    assert kind.is_endless
    assert kind.inline().settings == WEIGHTS
    assert kind.open(1, "train").identity() == open_block({"weights": WEIGHTS}).identity()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1,2\n3,0\n", "line 3: expected a weight above 0 and up to 1,000,000,000, got '0'; leave"),
        ("1,-2\n", "line 2: expected a weight above 0"),
        ("1,\n", "line 2: expected a weight above 0 and up to 1,000,000,000, got ''"),
        ("1\n", "line 2: expected a weight above 0"),
        ("1,nan\n", "line 2: expected a weight above 0"),
        ("1,inf\n", "line 2: expected a weight above 0"),
        ("1,much\n", "got 'much'"),
        (
            "1,1e9\n1,1\n",
            "expected weights of at most 1,000,000,000 for a number, got 1,000,000,001",
        ),
        ("", "expected at least one number, got none"),
    ],
)
def test_bad_files(tmp_path: Path, rows: str, message: str) -> None:
    """A weight of nothing, or none, is refused with its line."""
    path = tmp_path / "n.csv"
    path.write_text(f"n,w\n{rows}")
    with pytest.raises(ConfigError, match=re.escape(message)):
        read_weights(FileSettings(path=str(path), column="n", weight="w"))


def test_missing_weights(tmp_path: Path) -> None:
    """A column that the file lacks is named."""
    path = tmp_path / "n.csv"
    path.write_text("n,w\n1,2\n")
    with pytest.raises(ConfigError, match="expected one column 'weight', got 'n', 'w'"):
        read_weights(FileSettings(path=str(path), column="n", weight="weight"))


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"weights": {}}, "expected at least one number, got none"),
        ({"weights": {"1": 0}}, "greater than 0"),
        ({"weights": {"1": -1}}, "greater than 0"),
        ({"weights": {"1": float("inf")}}, "finite number"),
        ({"weights": {7: 1}}, 'expected a number in quotes, such as "007", got 7'),
        ({"weights": {"x": 1}}, "expected a string of digits"),
        ({"file": {"path": "n", "weight": "w"}}, "expected column beside weight: 'w', got none"),
    ],
)
def test_bad_weights(block: dict[str, Any], message: str) -> None:
    """Weights of nothing, of no number, and none at all are refused."""
    with pytest.raises(ValidationError, match=re.escape(message)):
        Numbers.model_validate(block)


def test_samples_are_needed() -> None:
    """Numbers by weight have no end: how many samples there are must be said."""
    split = {"numbers": {"weights": WEIGHTS}, "samples_per_number": 3}
    with pytest.raises(ValidationError, match=r"expected samples with numbers.weights by weight"):
        Split.model_validate(split)
