"""Check digits: what is put behind digits so that a slip of the pen is noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from digit_sequence.numbers.number import MAX_DIGITS

# Damm, "Total anti-symmetrische Quasigruppen", 2004: the quasigroup of order 10.
_DAMM = (
    *("0317598642", "7092154863", "4206871359", "1750983426", "6123045978"),
    *("3674209581", "5869720134", "8945362017", "9438617205", "2581436790"),
)
# Verhoeff, "Error detecting decimal codes", 1969: the permutation of digits by their places.
_VERHOEFF = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def find_luhn(body: str) -> str:
    """Return the check digit of bank cards (ISO/IEC 7812-1, annex B).

    >>> find_luhn("7992739871")
    '3'
    """
    total = 0
    for place, digit in enumerate(map(int, reversed(body))):
        total += digit if place % 2 else sum(divmod(2 * digit, 10))
    return str(-total % 10)


def find_ean(body: str) -> str:
    """Return the check digit of articles and books (GS1 General Specifications, 7.9).

    >>> find_ean("400638133393")
    '1'
    """
    total = sum(int(digit) * (1 if n % 2 else 3) for n, digit in enumerate(reversed(body)))
    return str(-total % 10)


def find_routing(body: str) -> str:
    """Return the check digit of US banks (ABA routing numbers): weights 3, 7, 1.

    >>> find_routing("11100002")
    '5'
    """
    weights = (3, 7, 1)
    return str(-sum(int(digit) * weights[n % 3] for n, digit in enumerate(body)) % 10)


def find_mod97(body: str) -> str:
    """Return the two check digits of ISO/IEC 7064, MOD 97-10.

    >>> find_mod97("794")
    '44'
    """
    return f"{98 - int(body) * 100 % 97:02d}"


def find_verhoeff(body: str) -> str:
    """Return the check digit of Verhoeff, which notices all swaps of neighbours.

    >>> find_verhoeff("236")
    '3'
    """
    check = 0
    for place, digit in enumerate(map(int, reversed(body)), start=1):
        for _ in range(place % 8):
            digit = _VERHOEFF[digit]  # noqa: PLW2901
        check = _turn(check, digit)
    return str(-check % 5 if check < 5 else check)


def _turn(one: int, other: int) -> int:
    """Return the product of two symmetries of a pentagon: turns 0 to 4, mirrorings 5 to 9."""
    if one < 5:
        return (one + other) % 5 + (5 if other >= 5 else 0)
    return (one - other) % 5 + (5 if other < 5 else 0)


def find_damm(body: str) -> str:
    """Return the check digit of Damm, which notices all swaps of neighbours.

    >>> find_damm("572")
    '4'
    """
    check = 0
    for digit in map(int, body):
        check = int(_DAMM[check][digit])
    return str(check)


@dataclass(frozen=True)
class Scheme:
    """A way to make check digits, and the codes that have them."""

    find: Callable[[str], str]
    """Returns the check digits of the digits before them."""
    lengths: tuple[int, ...]
    """Digits that such a code may have; the first is the default if no other is given."""
    prefixes: tuple[str, ...] = ("",)
    """What such codes begin with, if nothing else is asked for."""
    n_checks: int = 1
    """Check digits at the end."""
    begins: tuple[str, ...] = ("",)
    """What all such codes begin with, one of these."""


# Districts of the Federal Reserve.
_ROUTING = tuple(f"{it:02d}" for it in (*range(13), *range(21, 33), *range(61, 73), 80))
_ANY = tuple(range(2, MAX_DIGITS + 1))
SCHEMES = {
    "luhn": Scheme(find_luhn, (16, *_ANY)),
    "ean": Scheme(find_ean, (13, 8, 12, 14)),
    "isbn": Scheme(find_ean, (13,), ("978",), begins=("978", "979")),
    "mod97": Scheme(find_mod97, (10, *_ANY[1:]), n_checks=2),
    "routing": Scheme(find_routing, (9,), _ROUTING, begins=_ROUTING),
    "verhoeff": Scheme(find_verhoeff, (12, *_ANY)),
    "damm": Scheme(find_damm, (10, *_ANY)),
}
"""Ways to make check digits, by name."""
