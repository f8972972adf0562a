"""Dates of a range, written in a format."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, BeforeValidator, model_validator

from digit_sequence.base.blocks import shorten
from digit_sequence.numbers.language import LanguageKind, LanguageSettings
from digit_sequence.numbers.moments import Moments, check_format, cut_number, split_format

_PARTS = ("YYYY", "YY", "MM", "DD")


def _to_date(value: object) -> object:
    """Take a date as YAML has it, or its text."""
    if isinstance(value, str):
        try:
            return datetime.date.fromisoformat(value)
        except ValueError as error:
            raise ValueError(f"expected a date such as 2024-12-31, got {shorten(value)}") from error
    return value


_Day = Annotated[datetime.date, BeforeValidator(_to_date)]


def _check_format(text: str) -> str:
    check_format(text, _PARTS)
    if "DD" in text and "MM" not in text:
        raise ValueError(f"expected MM beside DD, got {shorten(text)}")
    return text


class DateSettings(LanguageSettings):
    """Dates of a range, such as 31122024 or 31/12/2024."""

    format: Annotated[str, AfterValidator(_check_format)] = "DDMMYYYY"
    """YYYY or YY, MM and DD in some order, and between them / - . : or a space, as in DD/MM/YYYY;
    without DD each month stands for one number, without both each year."""
    first: _Day = datetime.date(2000, 1, 1)
    """The first day, year-month-day."""
    last: _Day = datetime.date(2029, 12, 31)
    """The last day, included."""

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.first > self.last:
            raise ValueError(f"expected first <= last, got {self.first} and {self.last}")
        return self


class Date(LanguageKind):
    """Dates of a range, written in a format."""

    name = "date"
    Settings = DateSettings
    settings: DateSettings
    example: ClassVar = {"format": "DD.MM.YYYY", "first": "1970-01-01", "last": "2029-12-31"}

    def language(self) -> Dates:
        """Return the dates."""
        return Dates(self.settings)


class Dates(Moments):
    """Days, months or years from the first to the last day of the settings."""

    def __init__(self, settings: DateSettings) -> None:
        first, last, text = settings.first, settings.last, settings.format
        self._pieces = split_format(text, _PARTS)
        self._first, self._last_year = first, last.year
        self._has_days, self._has_months = "DD" in text, "MM" in text
        years = last.year - first.year
        if self._has_days:
            count = last.toordinal() - first.toordinal() + 1
        elif self._has_months:
            count = 12 * years + last.month - first.month + 1
        else:
            count = years + 1
        alike = {"YYYY": 10_000, "YY": 100}.get(
            next((p for p in self._pieces if p[0] == "Y"), ""), 1
        )
        super().__init__(count, len(text), repeats=years >= alike)

    def find(self, number: str) -> Sequence[int]:
        """Return the indices at which a number stands: of a year left open, one in each year."""
        found = cut_number(number, self._pieces, _PARTS)
        if found is None:
            return ()
        texts = {part[0]: digits for part, digits in found.items()}
        month, day = int(texts.get("M", 1)), int(texts.get("D", 1))
        indices = (self._find_index(year, month, day) for year in self._list_years(texts))
        return [
            index
            for index in indices
            if index is not None and 0 <= index < self.count and self.unrank(index) == number
        ]

    def _list_years(self, texts: Mapping[str, str]) -> range:
        """Return the years that a number may be of."""
        first = self._first.year
        year = texts.get("Y")
        if year is None:
            return range(first, self._last_year + 1)
        step = 10 ** len(year)
        return range(first + (int(year) - first) % step, self._last_year + 1, step)

    def _find_index(self, year: int, month: int, day: int) -> int | None:
        if not self._has_days:
            months = 12 * (year - self._first.year) + month - self._first.month
            return months if self._has_months else year - self._first.year
        try:
            return datetime.date(year, month, day).toordinal() - self._first.toordinal()
        except ValueError:  # no day of that month
            return None

    def unrank(self, index: int) -> str:
        """Return the number at `index`."""
        year, month, day = self._find_day(index)
        texts = {
            "YYYY": f"{year:04d}",
            "YY": f"{year % 100:02d}",
            "MM": f"{month:02d}",
            "DD": f"{day:02d}",
        }
        return "".join(texts.get(piece, piece) for piece in self._pieces)

    def _find_day(self, index: int) -> tuple[int, int, int]:
        first = self._first
        if self._has_days:
            day = datetime.date.fromordinal(first.toordinal() + index)
            return day.year, day.month, day.day
        if self._has_months:
            year, month = divmod(12 * first.year + first.month - 1 + index, 12)
            return year, month + 1, 1
        return first.year + index, 1, 1
