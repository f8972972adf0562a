"""Codes whose last digits check the others."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from digit_sequence.base.blocks import AS_TUPLE
from digit_sequence.base.characters import DIGITS, keep_digits
from digit_sequence.numbers.check_digits import SCHEMES, Scheme
from digit_sequence.numbers.language import LanguageKind, LanguageSettings
from digit_sequence.numbers.number import MAX_DIGITS, Digits

if TYPE_CHECKING:  # a type checker does not know what the table holds
    SchemeName = str
else:
    SchemeName = Literal[tuple(SCHEMES)]


class CodeSettings(LanguageSettings):
    """Codes whose last digits check the others."""

    check_digits: SchemeName
    """luhn: bank cards; ean: articles; isbn: books (ISBN-13); mod97: two digits, ISO 7064; routing:
    US banks; verhoeff and damm: notice all swaps of neighbours."""
    length: int | None = Field(None, ge=2, le=MAX_DIGITS)
    """Digits of a code, those that check included; default: luhn 16, ean 13 (or 8, 12, 14), isbn
    13, mod97 10, routing 9, verhoeff 12, damm 10."""
    prefixes: Annotated[tuple[Digits, ...], AS_TUPLE] | None = Field(None, min_length=1)
    """What codes begin with, in quotes; default: isbn 978, routing the districts, else anything."""
    groups: Annotated[tuple[Annotated[int, Field(ge=1)], ...], AS_TUPLE] | None = None
    """Digits of each group that a code is written in, all digits in all: [4, 4, 4, 4]."""
    separator: Literal["-", " ", ".", "/"] = "-"
    """What stands between two groups."""

    @property
    def scheme(self) -> Scheme:
        """The way to make check digits."""
        return SCHEMES[self.check_digits]

    @property
    def n_digits(self) -> int:
        """Digits of a code."""
        return self.length or self.scheme.lengths[0]

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        scheme, length = self.scheme, self.n_digits
        if length not in scheme.lengths:
            lengths = sorted(set(scheme.lengths))
            valid = (
                ", ".join(map(str, lengths))
                if len(lengths) < 9
                else f"{lengths[0]} to {lengths[-1]}"
            )
            raise ValueError(
                f"expected a length of {valid} digits with {self.check_digits}, got {length}"
            )
        if self.groups is not None and sum(self.groups) != length:
            raise ValueError(
                f"expected groups of {length} digits in all, got {list(self.groups)}, which are "
                f"{sum(self.groups)}"
            )
        prefixes = sorted(self.prefixes or ())
        longest = max(prefixes, key=len, default="")
        if len(longest) > length - scheme.n_checks:
            raise ValueError(
                f"expected prefixes of at most {length - scheme.n_checks} digits in a code of "
                f"{length} digits, {scheme.n_checks} of which are made, got {longest!r}"
            )
        for short, long in pairwise(prefixes):
            if long.startswith(short):
                raise ValueError(
                    f"expected prefixes of which none begins with another, got {short!r} and "
                    f"{long!r}"
                )
        return self

    @model_validator(mode="after")
    def _check_begins(self) -> Self:
        begins = self.scheme.begins
        for prefix in self.prefixes or ():
            if not prefix.startswith(begins):
                raise ValueError(
                    f"expected prefixes that begin with {', '.join(begins)} with "
                    f"{self.check_digits}, got {prefix!r}"
                )
        return self


class Code(LanguageKind):
    """Codes whose last digits check the others."""

    name = "code"
    Settings = CodeSettings
    settings: CodeSettings
    example: ClassVar = {"check_digits": "ean", "length": 8, "prefixes": ["40", "76"]}

    def language(self) -> Codes:
        """Return all codes of the settings."""
        return Codes(self.settings)


class Codes:
    """All codes with some prefixes, in order of their texts."""

    repeats = False

    def __init__(self, settings: CodeSettings) -> None:
        self._groups = settings.groups or (settings.n_digits,)
        self._separator = settings.separator
        self.max_digits = settings.n_digits + len(self._groups) - 1
        self._scheme = settings.scheme
        self._prefixes = sorted(settings.prefixes or self._scheme.prefixes)
        body = settings.n_digits - self._scheme.n_checks
        self._free = [body - len(prefix) for prefix in self._prefixes]
        """Digits behind each prefix that may be anything."""
        self._stops = list(accumulate(10**free for free in self._free))
        self.count = self._stops[-1]

    def characters(self) -> set[str]:
        """Return the characters that occur."""
        if any(self._free):
            return {*DIGITS, *self.unrank(0)}
        return set().union(*map(self.unrank, range(self.count)))

    def find(self, number: str) -> Sequence[int]:
        """Return the index of a code; none of what is no such code."""
        code = keep_digits(number)
        place = bisect_right(self._prefixes, code) - 1
        body = code[: len(code) - self._scheme.n_checks]
        if (
            len(code) != sum(self._groups)
            or self._write(code) != number
            or place < 0
            or not code.startswith(self._prefixes[place])
            or body + self._scheme.find(body) != code
        ):
            return ()
        free = self._free[place]
        rest = int(body[len(self._prefixes[place]) :]) if free else 0
        return (self._stops[place] - 10**free + rest,)

    def unrank(self, index: int) -> str:
        """Return the code at `index`."""
        place = bisect_right(self._stops, index)
        prefix, free = self._prefixes[place], self._free[place]
        rest = index - self._stops[place] + 10**free
        body = f"{prefix}{rest:0{free}d}" if free else prefix
        return self._write(body + self._scheme.find(body))

    def _write(self, code: str) -> str:
        """Return a code in its groups."""
        stops = list(accumulate(self._groups, initial=0))
        return self._separator.join(code[start:stop] for start, stop in pairwise(stops))
