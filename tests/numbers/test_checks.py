"""What is a number, and what is a list of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digit_sequence.numbers.checks import check_number, check_number_list


@given(st.text(max_size=70) | st.text("0123456789", max_size=70))
def test_check_number(text: str) -> None:
    """A number is 1 to 64 of the ten ASCII digits, and stays as it is."""
    if 1 <= len(text) <= 64 and set(text) <= set("0123456789"):
        assert check_number(text) == text
    else:
        with pytest.raises(ValueError, match="expected"):
            check_number(text)


@given(st.lists(st.sampled_from(["1", "01", "2", "3"])))
def test_check_number_list(values: list[str]) -> None:
    """A list is usable if it is not empty and holds no number twice; "1" is not "01"."""
    if values and len(set(values)) == len(values):
        check_number_list(values)
    else:
        with pytest.raises(ValueError, match="expected"):
            check_number_list(values)
