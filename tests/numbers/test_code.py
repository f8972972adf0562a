"""Codes: their check digits are those of an independent library, and all codes are there."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from stdnum import damm, ean, isbn, luhn, verhoeff
from stdnum.iso7064 import mod_97_10
from stdnum.us import rtn

from digit_sequence.config.splits import Numbers
from digit_sequence.numbers.check_digits import SCHEMES
from number_blocks import open_block, take

VALIDATE = {
    "luhn": luhn.validate,
    "ean": ean.validate,
    "isbn": isbn.validate,
    "mod97": mod_97_10.validate,
    "routing": rtn.validate,
    "verhoeff": verhoeff.validate,
    "damm": damm.validate,
}


def test_every_scheme_is_validated() -> None:
    """No way to make check digits goes without an independent check."""
    assert set(VALIDATE) == set(SCHEMES)


@given(st.data(), st.sampled_from(sorted(SCHEMES)))
def test_codes_are_valid(data: st.DataObject, name: str) -> None:
    """The library `python-stdnum` finds each code valid, at every length."""
    length = data.draw(st.sampled_from(SCHEMES[name].lengths))
    source = open_block({"code": {"check_digits": name, "length": length}})
    for code in take(source, *data.draw(st.lists(st.integers(0, 9), min_size=1))):
        assert len(code) == length == source.max_digits
        assert VALIDATE[name](code) == code


@pytest.mark.parametrize("name", ["luhn", "verhoeff", "damm", "mod97"])
def test_all_codes_are_there(name: str) -> None:
    """Of all numbers with four digits and a prefix those that are valid are shown, once each."""
    settings = {"check_digits": name, "length": 4, "prefixes": ["3", "07", "01"]}
    source = open_block({"code": {**settings, "order": "ascending"}})

    def is_valid(text: str) -> bool:
        try:
            return bool(VALIDATE[name](text))
        except Exception:
            return False

    texts = [f"{number:04d}" for number in range(10**4)]
    chosen = [text for text in texts if text.startswith(("3", "07", "01")) and is_valid(text)]
    if name == "mod97":  # the standard makes 02 to 98, of which 00, 01 and 99 are the same by 97
        chosen = [text for text in chosen if text[2:] not in ("00", "01", "99")]
    assert source.count == len(chosen)
    assert take(source, *range(len(chosen))) == chosen


def test_groups() -> None:
    """Codes may be written in groups; the check digits are those of the digits alone."""
    grouped = {"check_digits": "luhn", "groups": [4, 4, 4, 4], "separator": " "}
    source = open_block({"code": grouped})
    assert source.max_digits == 19
    assert source.characters() == set("0123456789 ")
    for code in take(source, *range(9)):
        assert re.fullmatch(r"\d{4}( \d{4}){3}", code)
        assert luhn.is_valid(code.replace(" ", ""))
    books = open_block({"code": {"check_digits": "isbn", "groups": [3, 1, 2, 6, 1]}})
    (book,) = take(books, 5)
    assert isbn.is_valid(book)
    assert book not in take(books.without(frozenset({book, book.replace("-", "")})), *range(50))


def test_prefixes() -> None:
    """Codes begin with what is asked for, else with what such codes begin with."""
    cards = open_block({"code": {"check_digits": "luhn", "prefixes": ["4", "51"]}})
    assert cards.count == 10**14 + 10**13
    assert {card[0] for card in take(cards, *range(50))} == {"4", "5"}
    books = open_block({"code": {"check_digits": "isbn"}})
    assert {book[:3] for book in take(books, *range(9))} == {"978"}
    banks = open_block({"code": {"check_digits": "routing"}})
    assert banks.count == 38 * 10**6
    whole = {"check_digits": "luhn", "length": 3, "prefixes": ["12", "34"], "order": "ascending"}
    fixed = open_block({"code": whole})
    assert take(fixed, 0, 1) == ["125", "349"]
    assert fixed.characters() == set("123459")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"check_digits": "crc"}, "'luhn', 'ean', 'isbn'"),
        (
            {"check_digits": "ean", "length": 10},
            "expected a length of 8, 12, 13, 14 digits with ean, got 10",
        ),
        ({"check_digits": "routing", "length": 10}, "a length of 9 digits with routing, got 10"),
        ({"check_digits": "mod97", "length": 2}, "a length of 3 to 64 digits with mod97, got 2"),
        ({"check_digits": "luhn", "length": 65}, "less than or equal to 64"),
        ({"check_digits": "luhn", "prefixes": ["4a"]}, "expected a string of digits"),
        ({"check_digits": "luhn", "prefixes": ["4-"]}, "expected digits 0-9 alone, got '4-'"),
        ({"check_digits": "luhn", "prefixes": []}, "at least 1 item"),
        (
            {"check_digits": "isbn", "prefixes": ["9791", "123"]},
            "expected prefixes that begin with 978, 979 with isbn, got '123'",
        ),
        ({"check_digits": "routing", "prefixes": ["13"]}, "begin with 00, 01, 02, 03, 04"),
        (
            {"check_digits": "luhn", "groups": [4, 4]},
            "groups of 16 digits in all, got [4, 4], which",
        ),
        (
            {"check_digits": "luhn", "length": 3, "prefixes": ["123"]},
            "expected prefixes of at most 2 digits in a code of 3 digits, 1 of which are made, got",
        ),
        (
            {"check_digits": "luhn", "prefixes": ["4", "5", "41"]},
            "expected prefixes of which none begins with another, got '4' and '41'",
        ),
        (
            {"check_digits": "luhn", "length": 2, "count": 11},
            "code.count: expected at most the 10 numbers that there are, got 11",
        ),
    ],
)
def test_bad_codes(settings: dict[str, Any], message: str) -> None:
    """Lengths that a code cannot have, and prefixes that do not fit, are refused."""
    with pytest.raises(ValidationError, match=re.escape(message)):
        Numbers.model_validate({"code": settings})
