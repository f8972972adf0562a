"""The characters that numbers are written with: the place of each in their order is its code.

=====  ==========================================================
0-9    the digits
10-23  the signs ``. , - / : + = # % ( ) $ € £``
24     the space, a gap: it has neither glyph nor box
25-50  the letters A-Z
=====  ==========================================================

The order stays as it is. Each is one byte of ISO 8859-15.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # commands that draw nothing do without it
    import numpy as np
    from numpy.typing import NDArray

DIGITS = "0123456789"
SIGNS = ".,-/:+=#%()$€£"
SPACE = " "
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
INKED = DIGITS + SIGNS + LETTERS
"""Characters that have glyphs."""
DOTS = ".,:"
"""Signs that are little else than dots of a pen: who reads a number must see them."""
CHARACTERS = DIGITS + SIGNS + SPACE + LETTERS
"""All of them, by code."""
OTHERS = CHARACTERS[len(DIGITS) :]
"""Those that are no digits."""
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


def find_signs(codes: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which of some codes (N,) are of signs: neither of digits nor of letters.

    >>> import numpy as np
    >>> find_signs(np.array([9, 10, 23, 25])).tolist()
    [False, True, True, False]
    """
    is_sign: NDArray[np.bool_] = (codes >= len(DIGITS)) & (codes < CHARACTERS.index(SPACE))
    return is_sign


def keep_digits(number: str) -> str:
    """Return the digits of a number, without what else is written.

    >>> keep_digits("$1,234.50")
    '123450'
    """
    return "".join(character for character in number if character in DIGITS)


def drop_signs(number: str) -> str:
    """Return the digits and letters of a number.

    >>> drop_signs("M1 1AE"), drop_signs("$1,234.50")
    ('M11AE', '123450')
    """
    return "".join(it for it in number if it in DIGITS or it in LETTERS)


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
    return DIGITS + "".join(it for it in OTHERS if it in characters)


def name_character(character: str) -> str:
    """Return a name of a character that any system takes for a file.

    >>> name_character("7"), name_character("/")
    ('7', 'U+002F')
    """
    return character if character in DIGITS + LETTERS else f"U+{ord(character):04X}"


def parse_character(name: str) -> str | None:
    """Return the character of a name, or of itself; None if numbers have none such.

    >>> parse_character("U+002F"), parse_character(","), parse_character("a")
    ('/', ',', None)
    """
    if re.fullmatch("U\\+[0-9A-F]{4}", name):
        name = chr(int(name[2:], 16))
    return name if len(name) == 1 and name in CHARACTERS else None


def show_characters(characters: str) -> str:
    """Return some characters for a message, one beside the other; all letters as A-Z.

    >>> show_characters("09, "), show_characters(LETTERS)
    ('0 9 , and space', 'A-Z')
    """
    rest = characters.replace(LETTERS, "")
    shown = " ".join([it for it in rest if it != SPACE] + ["A-Z"] * (rest != characters))
    return " and ".join([shown] * bool(shown) + ["space"] * (SPACE in characters))


def name_number(number: str) -> str:
    """Return a name of a number that any system takes for a file.

    Digits, letters and hyphens stay, and each other character becomes x and two hexadecimal digits,
    its byte in ISO 8859-15, likewise X; `parse_number_name` turns it back. No two names are alike
    where a system does not tell x from X.

    >>> name_number("007"), name_number("2026-12-31"), name_number("1,5"), name_number("AX")
    ('007', '2026-12-31', '1x2c5', 'Ax58')
    """
    if number.isdigit():
        return number
    return re.sub("[^0-9A-WYZ-]", lambda match: f"x{match[0].encode(_ENCODING).hex()}", number)


def parse_number_name(name: str) -> str:
    """Return the number of a name.

    >>> parse_number_name("1x2c5")
    '1,5'
    """
    return re.sub("x(..)", lambda match: bytes.fromhex(match[1]).decode(_ENCODING), name)
