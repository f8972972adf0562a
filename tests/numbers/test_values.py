"""Numbers that are listed."""

from __future__ import annotations

from digit_sequence.plan.plan import SplitPlan
from number_blocks import open_block, take


def test_list_keeps_order_and_zeros() -> None:
    """Numbers of a list stay the strings that they are."""
    source = open_block({"values": ["007", "7", "45"]})
    assert take(source, 2, 0, 1, 0) == ["45", "007", "7", "007"]
    assert source.count == 3
    assert source.max_digits == 3
    assert source.characters() == set("0745")
    assert not source.repeats


def test_listed_twice_is_shown_twice() -> None:
    """A number that is listed twice is a frequency, not a mistake; its samples are told apart."""
    source = open_block({"values": ["7", "42", "7"]})
    assert source.repeats
    assert source.count == 3
    plan = SplitPlan("train", source, n_samples=7, shard_samples=4)
    numbers, indices = plan.identities(0, 7)
    assert numbers == ["7", "42", "7", "7", "42", "7", "7"]
    assert indices.tolist() == list(range(7))
    far, at = plan.identities(5, 7)
    assert (far, at.tolist()) == (numbers[5:], [5, 6])
