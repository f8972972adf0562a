"""Times of day of a range, written in a format."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from digit_sequence.base.blocks import shorten
from digit_sequence.numbers.language import LanguageKind, LanguageSettings
from digit_sequence.numbers.moments import Moments, check_format, split_format

_SECONDS = {"HH": 3600, "MM": 60, "SS": 1}
"""Seconds of each part of a format."""
_DAY = 24 * 3600
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?")


def _to_time(value: object) -> object:
    """Take a time of day of whole seconds, or its text; Pythons differ in what else they take."""
    text = value.isoformat() if isinstance(value, datetime.time) else value
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        raise ValueError(f'expected a time of day in quotes, such as "08:30", got {shorten(value)}')
    return datetime.time.fromisoformat(text)


def _check_format(text: str) -> str:
    check_format(text, tuple(_SECONDS))
    if "HH" in text and "SS" in text and "MM" not in text:
        raise ValueError(f"expected MM between HH and SS, got {shorten(text)}")
    return text


_Time = Annotated[datetime.time, BeforeValidator(_to_time, json_schema_input_type=str)]


class TimeSettings(LanguageSettings):
    """Times of day of a range, such as 0830 or 08:30."""

    format: Annotated[str, AfterValidator(_check_format)] = "HHMM"
    """HH (00 to 23), MM and SS in some order, and between them / - . : or a space, as in HH:MM."""
    first: _Time = datetime.time(0, 0)
    """The first time, "HH:MM" or "HH:MM:SS"."""
    last: _Time = datetime.time(23, 59, 59)
    """The last time, if a step meets it."""
    step: int = Field(1, ge=1, le=_DAY)
    """From one time to the next, in units of the smallest part of the format."""

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.first > self.last:
            raise ValueError(
                f"expected first <= last within one day, got {self.first} and {self.last}"
            )
        return self


class Time(LanguageKind):
    """Times of day of a range, written in a format."""

    name = "time"
    Settings = TimeSettings
    settings: TimeSettings
    example: ClassVar = {"format": "HH:MM", "first": "08:00", "last": "18:00", "step": 15}

    def language(self) -> Times:
        """Return the times."""
        return Times(self.settings)


class Times(Moments):
    """Times from the first one of the settings to the last, a step between two."""

    def __init__(self, settings: TimeSettings) -> None:
        self._pieces = split_format(settings.format, tuple(_SECONDS))
        parts = [piece for piece in self._pieces if piece in _SECONDS]
        self._step = settings.step * min(_SECONDS[part] for part in parts)
        self._first, last = map(_to_seconds, (settings.first, settings.last))
        count = (last - self._first) // self._step + 1
        without_hours = "HH" not in parts and settings.first.hour < settings.last.hour
        without_minutes = parts == ["SS"] and last - self._first >= 60
        super().__init__(count, len(settings.format), without_hours or without_minutes)

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        places: dict[str, list[int]] = {}
        for index in range(self.count):  # a day has 86,400 seconds
            places.setdefault(self.unrank(index), []).append(index)
        return places

    def find(self, number: str) -> Sequence[int]:
        """Return the indices at which a number stands."""
        return self._places.get(number, ())

    def unrank(self, index: int) -> str:
        """Return the number at `index`."""
        moment = self._first + index * self._step
        texts = {"HH": moment // 3600, "MM": moment // 60 % 60, "SS": moment % 60}
        return "".join(f"{texts[piece]:02d}" if piece in texts else piece for piece in self._pieces)


def _to_seconds(time: datetime.time) -> int:
    return 3600 * time.hour + 60 * time.minute + time.second
