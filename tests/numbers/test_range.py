"""Arithmetic progressions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from digit_sequence.numbers.range import RangeNumbers
from number_blocks import open_block, take


def test_range_by_hand() -> None:
    """A range includes its last number if a step meets it, and pads with zeros."""
    assert take(RangeNumbers(0, 10, 5, 3), 0, 1, 2) == ["000", "005", "010"]
    assert RangeNumbers(0, 9, 5, 1).count == 2
    assert take(RangeNumbers(98, 101, 1, 1), 1, 2) == ["99", "100"]


@given(st.integers(0, 500), st.integers(0, 500), st.integers(1, 700), st.integers(1, 5))
def test_range_equals_the_range_of_python(first: int, span: int, step: int, width: int) -> None:
    """Count, numbers, digits and length are those of Python's range."""
    expected = [str(number).zfill(width) for number in range(first, first + span + 1, step)]
    source = open_block(
        {"range": {"first": first, "last": first + span, "step": step, "width": width}}
    )
    assert source.count == len(expected)
    assert take(source, *range(len(expected))) == expected
    assert source.max_digits == max(map(len, expected))
    assert source.characters() == set("".join(expected))


def test_huge_range() -> None:
    """The last number of a range of 10**18 is found without those before it."""
    source = RangeNumbers(0, 10**18 - 1, 1, 20)
    assert take(source, 10**18 - 1) == ["00" + "9" * 18]
    assert source.max_digits == 20
    assert source.characters() == set("0123456789")
