"""What all kinds of numbers have: an identity, and documented settings."""

from __future__ import annotations

from typing import Any

import pytest

from digit_sequence.base.blocks import Block
from digit_sequence.config.splits import Numbers
from digit_sequence.numbers.registry import NUMBER_KINDS
from number_blocks import open_block

DIFFERENT = [
    {"values": ["1", "23"]},
    {"values": ["23", "1"]},  # another order
    {"values": ["12", "3"]},  # the same digits
    {"values": ["1", "23", "4"]},
    {"values": ["01", "23"]},
    {"range": {"last": 9}},
    {"range": {"last": 8}},
    {"range": {"first": 1, "last": 9}},
    {"range": {"last": 9, "step": 2}},
    {"range": {"last": 9, "width": 2}},
    {"random": {"lengths": [1, 3]}},
    {"random": {"lengths": [1, 4]}},
    {"random": {"lengths": {1: 1, 2: 1, 3: 2}}},
    {"random": {"lengths": [1, 3], "leading_zeros": False}},
    {"random": {"lengths": [1, 3], "balance": True}},
    {"random": {"lengths": [1, 3], "balance": "pairs"}},
    {"random": {"lengths": [1, 3], "count": 7}},
    {"weights": {"1": 1, "23": 1}},
    {"weights": {"1": 1, "23": 2}},
    {"amount": {"last": 9}},
    {"amount": {"last": 8}},
    {"amount": {"last": 9, "distribution": "uniform"}},
    {"amount": {"last": 9, "width": 2}},
    {"pattern": {"regex": "[1-3]"}},
    {"pattern": {"regex": "[1-4]"}},
    {"pattern": {"regex": "[1-4]", "order": "drawn"}},
    {"pattern": {"regex": "[1-4]", "order": "drawn", "balance": True}},
    {"pattern": {"regex": "[1-4]", "count": 2}},
    {"pattern": {"regex": "[1-4]", "slice": [0, 0.5]}},
    {"date": {}},
    {"date": {"format": "MMDD"}},
    {"date": {"last": "2029-12-30"}},
    {"time": {}},
    {"time": {"step": 5}},
    {"time": {"format": "MMSS"}},
    {"mixture": {"parts": {"a": {"date": {}}, "b": {"time": {}}}}},
    {"mixture": {"parts": {"a": {"date": {}}, "b": {"time": {}, "weight": 2}}}},
    {"mixture": {"parts": {"a": {"date": {}}, "b": {"range": {"last": 5}}}}},
    {"mixture": {"parts": {"a": {"date": {}}, "b": {"range": {"last": 5}}}, "count": 7}},
    {"postcode": {"country": "at"}},
    {"postcode": {"country": "ch"}},
    {"code": {"check_digits": "luhn"}},
    {"code": {"check_digits": "damm", "length": 16}},
    {"code": {"check_digits": "luhn", "length": 12}},
    {"code": {"check_digits": "luhn", "prefixes": ["4"]}},
]


def test_identity_changes_with_the_numbers() -> None:
    """Other numbers have another identity; the same ones the same."""
    identities = [open_block(block).identity() for block in DIFFERENT]
    assert all(
        (one == other) == (i == j)
        for i, one in enumerate(identities)
        for j, other in enumerate(identities)
    )
    assert identities == [open_block(block).identity() for block in DIFFERENT]


@pytest.mark.parametrize("name", NUMBER_KINDS)
def test_every_field_is_documented(name: str) -> None:
    """The reference of the config has a sentence for each kind and for each of its fields."""
    assert Numbers.model_fields[name].description
    settings: Any = NUMBER_KINDS[name].Settings
    if isinstance(settings, type) and issubclass(settings, Block):
        assert settings.__doc__
        assert all(field.description for field in settings.model_fields.values())


@pytest.mark.parametrize(
    ("block", "has_paths", "is_endless"),
    [
        ({"values": ["1"]}, False, False),
        ({"range": {"last": 3}}, False, False),
        ({"file": {"path": "n.txt"}}, True, False),
        ({"random": {"lengths": [1, 2]}}, False, True),
        ({"mixture": {"parts": {"a": {"values": ["1"]}}}}, False, True),
        ({"mixture": {"parts": {"a": {"file": {"path": "n.txt"}}}, "count": 3}}, True, False),
        ({"date": {"order": "drawn"}}, False, True),
        ({"weights": {"1": 1}}, False, True),
        ({"postcode": {"country": "at"}}, False, False),
        ({"postcode": {"country": "at", "file": {"path": "n.txt"}}}, True, False),
        ({"file": {"path": "n.csv", "column": "n", "weight": "w"}}, True, True),
        ({"amount": {"last": 9}}, False, True),
        ({"amount": {"last": 9, "count": 3}}, False, False),
        ({"date": {"order": "drawn", "count": 3}}, False, False),
        ({"random": {"lengths": [1, 2], "count": 3}}, False, False),
    ],
)
def test_what_kinds_say(block: dict[str, Any], has_paths: bool, is_endless: bool) -> None:
    """A kind says whether it names a file, and whether its numbers have an end."""
    kind = Numbers.model_validate(block).kind
    assert [kind.name] == list(block)
    assert (kind.has_paths, kind.is_endless) == (has_paths, is_endless)
