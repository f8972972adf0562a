"""What a number is: a string of digits, "007" is not "7"; and what lists of them may hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BeforeValidator

from digit_sequence.base.blocks import shorten

MAX_DIGITS = 64
"""Digits of one number, at most: the random words that a number may use are budgeted."""


def check_number(value: object) -> str:
    """Return `value` if it is a number as this package means it: a string of digits.

    Raises
    ------
    ValueError
        If it is anything else; says to quote it where YAML has made a number of it.
    """
    if isinstance(value, int | float):
        raise ValueError(
            f'expected a number in quotes, such as "007", got {shorten(value)}: quote it, '
            "because YAML reads 007 as 7 and 1e5 as 100000.0"
        )
    if not isinstance(value, str) or not (value.isascii() and value.isdigit()):
        raise ValueError(f"expected a string of digits 0-9, got {shorten(value)}")
    if len(value) > MAX_DIGITS:
        raise ValueError(f"expected at most {MAX_DIGITS} digits, got {len(value)}")
    return value


Number = Annotated[str, BeforeValidator(check_number)]


def check_number_list(values: Sequence[str]) -> None:
    """Check that a list of numbers is usable.

    Raises
    ------
    ValueError
        If it is empty, or a number is in it twice: both would name the same samples.
    """
    if not values:
        raise ValueError("expected at least one number, got none")
    if len(set(values)) < len(values):
        seen: dict[str, int] = {}
        for position, value in enumerate(values, start=1):
            if value in seen:
                raise ValueError(
                    f"expected each number once, got {value!r} at positions {seen[value]} and "
                    f"{position}; use samples_per_number for more samples of a number"
                )
            seen[value] = position
