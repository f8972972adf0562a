"""What all kinds of numbers have: an identity."""

from __future__ import annotations

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
    {"random": {"lengths": [1, 3], "count": 7}},
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
