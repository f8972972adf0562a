"""What is a number, and what is a list of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digit_sequence.base.characters import CHARACTERS
from digit_sequence.numbers.number import check_number, check_number_list


@given(st.text(max_size=70) | st.text("0123456789", max_size=70) | st.text(CHARACTERS, max_size=9))
def test_check_number(text: str) -> None:
    """A number is 1 to 64 known characters, spaces one by one between others; it stays as it is."""
    is_spaced = "  " in text or text != text.strip(" ")
    if 1 <= len(text) <= 64 and set(text) <= set(CHARACTERS) and not is_spaced:
        assert check_number(text) == text
    else:
        with pytest.raises(ValueError, match="expected"):
            check_number(text)


@given(st.lists(st.sampled_from(["1", "01", "2", "3"])))
def test_check_number_list(values: list[str]) -> None:
    """A list is usable if it is not empty; a number that is there twice is a frequency."""
    if values:
        check_number_list(values)
    else:
        with pytest.raises(ValueError, match="expected at least one number"):
            check_number_list(values)
