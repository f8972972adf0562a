"""Characters of numbers: their codes, and names that any system takes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digit_sequence.base.characters import (
    CHARACTERS,
    DIGITS,
    encode_text,
    find_unknown,
    keep_digits,
    name_character,
    name_number,
    order_characters,
    parse_character,
    parse_number_name,
)

numbers = st.text(CHARACTERS, min_size=1, max_size=64)


def test_codes_are_for_good():
    """Datasets and weights hold codes: the order never changes, and grows at its end at most."""
    assert CHARACTERS[:24] == "0123456789.,-/:+=#%()$\N{EURO SIGN}\N{POUND SIGN}"
    assert CHARACTERS[24] == " "
    assert CHARACTERS[25:] == "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@given(numbers)
def test_texts_are_coded(number):
    """Each character becomes its place in the order."""
    codes = encode_text(number)
    assert "".join(CHARACTERS[code] for code in codes) == number
    assert keep_digits(number) == re.sub("[^0-9]", "", number)


@given(numbers)
def test_names_of_numbers(number):
    """A name is short, has no dots, slashes, spaces or the like, and means one number."""
    name = name_number(number)
    assert re.fullmatch("[0-9A-WYZa-fx-]{1,192}", name)
    assert parse_number_name(name) == number
    assert name == number or not set(number) <= set(DIGITS + "-ABW")


@given(numbers, numbers)
def test_names_of_numbers_differ_on_any_system(one, other):
    """Also where files are told apart whatever the case of their letters."""
    assert (name_number(one).lower() == name_number(other).lower()) == (one == other)


@pytest.mark.parametrize("character", CHARACTERS)
def test_names_of_characters(character):
    """Each character is named by itself or by its code point."""
    assert parse_character(character) == parse_character(name_character(character)) == character


@pytest.mark.parametrize("name", ["", "10", "x", "U+0061", "U+2c", "U+002CC", "$5", "é"])
def test_names_of_no_character(name):
    """What no number is written with is None."""
    assert parse_character(name) is None


@given(st.text(max_size=8))
def test_unknown_characters_are_found(text):
    """The first character that is none of ours is told."""
    unknown = find_unknown(text)
    assert (unknown is None) == (set(text) <= set(CHARACTERS))
    assert unknown is None or text.index(unknown) == min(
        place for place, it in enumerate(text) if it not in CHARACTERS
    )


def test_alphabets_have_all_digits_first():
    """An alphabet does not depend on the order in which characters were found."""
    assert order_characters(set()) == DIGITS
    assert order_characters({" ", "-", ".", "3"}) == "0123456789.- "
