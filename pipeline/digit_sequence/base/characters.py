"""The characters that numbers are written with: the place of each in their order is its code.

=====  ==========================================================
0-9    the digits
10-23  the signs ``. , - / : + = # % ( ) $ € £``
24     the space, a gap: it has neither glyph nor box
=====  ==========================================================

The order stays as it is. Each is one byte of ISO 8859-15.
"""

from __future__ import annotations

import re

DIGITS = "0123456789"
SIGNS = ".,-/:+=#%()$€£"
INKED = DIGITS + SIGNS
"""Characters that have glyphs, by code."""
SPACE = " "
DOTS = ".,:"
"""Signs that are little else than dots of a pen: who reads a number must see them."""
CHARACTERS = INKED + SPACE
"""All of them, by code."""
_ENCODING = "iso8859_15"
_TABLE = bytes.maketrans(CHARACTERS.encode(_ENCODING), bytes(range(len(CHARACTERS))))


def find_unknown(text: str) -> str | None:
    """Return the first character of a text that numbers have none of.

    >>> find_unknown("1,234.50"), find_unknown("12x4")
    (None, 'x')
    """
    return next((character for character in text if character not in CHARACTERS), None)


def encode_text(text: str) -> bytes:
    """Return the code of each character of a text of such, a byte each.

    >>> list(encode_text("07,5"))
    [0, 7, 11, 5]
    """
    return text.encode(_ENCODING).translate(_TABLE)


def keep_digits(number: str) -> str:
    """Return the digits of a number, without what else is written.

    >>> keep_digits("$1,234.50")
    '123450'
    """
    return "".join(character for character in number if character in DIGITS)


def count_inked(number: str) -> int:
    """Return how many characters of a number have ink: as many as it has boxes.

    >>> count_inked("50 %")
    3
    """
    return len(number) - number.count(SPACE)


def order_characters(characters: set[str]) -> str:
    """Return an alphabet: all digits, then those of some characters that are none, by code.

    >>> order_characters({",", "7", "."})
    '0123456789.,'
    """
    return DIGITS + "".join(it for it in CHARACTERS[len(DIGITS) :] if it in characters)


def name_character(character: str) -> str:
    """Return a name of a character that any system takes for a file.

    >>> name_character("7"), name_character("/")
    ('7', 'U+002F')
    """
    return character if character in DIGITS else f"U+{ord(character):04X}"


def parse_character(name: str) -> str | None:
    """Return the character of a name, or of itself; None if numbers have none such.

    >>> parse_character("U+002F"), parse_character(","), parse_character("a")
    ('/', ',', None)
    """
    if re.fullmatch("U\\+[0-9A-F]{4}", name):
        name = chr(int(name[2:], 16))
    return name if len(name) == 1 and name in CHARACTERS else None


def show_characters(characters: str) -> str:
    """Return some characters for a message, one beside the other.

    >>> show_characters("09, ")
    '0 9 , and space'
    """
    shown = " ".join(it for it in characters if it != SPACE)
    return " and ".join([shown] * bool(shown) + ["space"] * (SPACE in characters))


def name_number(number: str) -> str:
    """Return a name of a number that any system takes for a file.

    Digits and hyphens stay, and each other character becomes x and two hexadecimal digits, its byte
    in ISO 8859-15; `parse_number_name` turns it back.

    >>> name_number("007"), name_number("2026-12-31"), name_number("1,5")
    ('007', '2026-12-31', '1x2c5')
    """
    if number.isdigit():
        return number
    return re.sub("[^0-9-]", lambda match: f"x{match[0].encode(_ENCODING).hex()}", number)


def parse_number_name(name: str) -> str:
    """Return the number of a name.

    >>> parse_number_name("1x2c5")
    '1,5'
    """
    return re.sub("x(..)", lambda match: bytes.fromhex(match[1]).decode(_ENCODING), name)
