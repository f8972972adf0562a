"""Numbers that are listed."""

from __future__ import annotations

from number_blocks import open_block, take


def test_list_keeps_order_and_zeros() -> None:
    """Numbers of a list stay the strings that they are."""
    source = open_block({"values": ["007", "7", "45"]})
    assert take(source, 2, 0, 1, 0) == ["45", "007", "7", "007"]
    assert source.count == 3
    assert source.max_digits == 3
    assert source.digits() == {0, 7, 4, 5}
    assert not source.repeats
