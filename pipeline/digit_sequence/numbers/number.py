"""What a number is, a text of digits, signs and letters; and what lists of them hold."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from digit_sequence.base.blocks import shorten
from digit_sequence.base.characters import OTHERS, find_unknown, name_character, show_characters

MAX_DIGITS = 64
"""Characters of one number, at most: the random words that a number may use are budgeted."""


def check_number(value: object) -> str:
    """Return `value` if it is a number as this package means it: a text of known characters.

    A space stands between two other characters, for it is a gap between their inks.

    Raises
    ------
    ValueError
        If it is anything else; says to quote it where YAML has made a number of it.
    """
    if isinstance(value, int | float | datetime.date):
        got = str(value) if isinstance(value, datetime.date) else shorten(value)
        raise ValueError(
            f'expected a number in quotes, such as "007", got {got}: quote it, because YAML reads '
            "007 as 7, 1e5 as 100000.0 and 2024-12-31 as a date"
        )
    if not isinstance(value, str) or not value:
        raise ValueError(f"expected a string of digits 0-9, got {shorten(value)}")
    unknown = find_unknown(value)
    if unknown is not None:
        raise ValueError(
            f"expected a string of digits 0-9 and {show_characters(OTHERS)}, got "
            f"{shorten(unknown)} ({name_character(unknown)}) in {shorten(value)}"
        )
    if len(value) > MAX_DIGITS:
        raise ValueError(f"expected at most {MAX_DIGITS} characters, got {len(value)}")
    if value != " ".join(value.split()):
        raise ValueError(
            f"expected spaces one by one, between other characters, got {shorten(value)}"
        )
    return value


Number = Annotated[str, BeforeValidator(check_number)]


def _check_digits(value: str) -> str:
    """Return a number if it has no signs."""
    if not value.isdigit():
        raise ValueError(f"expected digits 0-9 alone, got {shorten(value)}")
    return value


Digits = Annotated[Number, AfterValidator(_check_digits)]


def check_number_list(values: Sequence[str]) -> None:
    """Raise a ValueError if a list holds no number; one that is in it twice is shown twice."""
    if not values:
        raise ValueError("expected at least one number, got none")
