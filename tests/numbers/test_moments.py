"""Dates and times: all of a range, as Python's own calendar writes them."""

from __future__ import annotations

import datetime
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from digit_sequence.base.yaml import parse_yaml
from digit_sequence.config.splits import Numbers
from number_blocks import open_block, take

CODES = {"YYYY": "%Y", "YY": "%y", "MM": "%m", "DD": "%d"}
DAYS = st.dates(datetime.date(1000, 1, 1), datetime.date(9990, 1, 1))


def list_all(kind: str, **settings: Any) -> list[str]:
    """Return all numbers in order of time."""
    source = open_block({kind: {**settings, "order": "ascending"}})
    assert source.count is not None
    numbers = take(source, *range(source.count))
    assert source.max_digits == max(map(len, numbers))
    assert source.repeats or len(set(numbers)) == len(numbers)
    assert source.characters() == set("".join(numbers))
    return numbers


@given(
    DAYS, st.integers(0, 800), st.permutations(["DD", "MM"]), st.sampled_from(["YYYY", "YY", ""])
)
def test_dates(first: datetime.date, n_days: int, parts: list[str], year: str) -> None:
    """Each day of a range is written once, also the 29th of February."""
    days = [first + datetime.timedelta(day) for day in range(n_days + 1)]
    format_ = "".join([*parts, year])
    codes = "".join(CODES[part] for part in [*parts, year] if part)
    expected = [day.strftime(codes) for day in days]
    assert list_all("date", format=format_, first=first, last=str(days[-1])) == expected


@given(DAYS, st.integers(0, 5000), st.sampled_from([["MM", "YYYY"], ["YY", "MM"], ["YYYY"]]))
def test_months_and_years(first: datetime.date, n_days: int, parts: list[str]) -> None:
    """Without days each month is one number, without months each year."""
    days = [first + datetime.timedelta(day) for day in range(n_days + 1)]
    codes = "".join(CODES[part] for part in parts)
    expected = list(dict.fromkeys(day.strftime(codes) for day in days))
    assert list_all("date", format="".join(parts), first=first, last=days[-1]) == expected


def test_formats_with_signs() -> None:
    """What stands between the parts of a format stands in each number, and only so it is found."""
    days = {"first": "2024-02-28", "last": "2024-03-01"}
    assert list_all("date", format="DD/MM/YYYY", **days) == [
        "28/02/2024",
        "29/02/2024",
        "01/03/2024",
    ]
    assert list_all("date", format="DD.MM.", **days) == ["28.02.", "29.02.", "01.03."]
    assert list_all("date", format="YY MM-DD", **days) == ["24 02-28", "24 02-29", "24 03-01"]
    assert list_all("time", format="HH:MM", first="23:58") == ["23:58", "23:59"]
    excluded = {"first": "2024-02-28", "last": "2024-03-01", "format": "DD/MM/YY"}
    left = open_block({"date": excluded}).without(frozenset({"29/02/24", "28-02-24", "280224"}))
    assert sorted(take(left, 0, 1)) == ["01/03/24", "28/02/24"]
    assert left.count == 2


def test_dates_without_a_year_repeat() -> None:
    """A day of each year is a number several times: their samples are told apart by their order."""
    day = {"format": "DDMM"}
    assert open_block({"date": day}).repeats
    assert not open_block({"date": {**day, "first": "2024-01-01", "last": "2024-12-31"}}).repeats
    assert open_block({"date": {"format": "DDMMYY", "first": "1920-05-01"}}).repeats


def test_times() -> None:
    """Each minute or second of a range, or each step, is written once."""
    assert list_all("time") == [f"{h:02d}{m:02d}" for h in range(24) for m in range(60)]
    quarters = list_all("time", first="08:30", last="09:10", step=15)
    assert quarters == ["0830", "0845", "0900"]
    assert list_all("time", format="HH", first="22:30") == ["22", "23"]
    seconds = list_all("time", format="SSMM", first="00:01:58", last="00:02:01")
    assert seconds == ["5801", "5901", "0002", "0102"]
    assert open_block({"time": {"format": "HHMMSS"}}).count == 86_400
    assert open_block({"time": {"format": "MMSS"}}).repeats
    assert open_block({"time": {"format": "SS", "last": "00:01:00"}}).repeats
    assert not open_block({"time": {"format": "SS", "last": "00:00:59"}}).repeats


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"date": {"format": "DD_MM"}}, "expected YYYY, YY, MM, DD in some order"),
        (
            {"date": {"format": "DD/MM "}},
            "and between them / - . : and space or nothing, got 'DD/MM '",
        ),
        ({"date": {"format": ""}}, "expected YYYY, YY, MM, DD in some order"),
        ({"date": {"format": "DDMMDD"}}, "each at most once, and between them"),
        ({"date": {"format": "YYYYYY"}}, "each at most once"),
        ({"date": {"format": "DDYY"}}, "expected MM beside DD, got 'DDYY'"),
        (
            {"date": {"first": "2024-02-01", "last": "2024-01-31"}},
            "expected first <= last, got 2024-02-01 and 2024-01-31",
        ),
        ({"date": {"last": "2023-02-29"}}, "expected a date such as 2024-12-31, got '2023-02-29'"),
        ({"date": {"last": 20240131}}, "valid date"),
        ({"date": {"count": 20_000}}, "at most the 10,958 numbers that there are, got 20,000"),
        ({"time": {"format": "HHSS"}}, "expected MM between HH and SS, got 'HHSS'"),
        ({"time": {"format": "HHhMM"}}, "expected HH, MM, SS in some order"),
        ({"time": {"last": "24:00"}}, 'expected a time of day in quotes, such as "08:30"'),
        *(
            ({"time": {"last": last}}, "expected a time of day in quotes")
            for last in (510, "T08:30", "0830", "8:30", "08:30+02:00", "08:30:00.5", "08:60")
        ),
        ({"time": {"last": datetime.time(8, 30, tzinfo=datetime.UTC)}}, "expected a time of day"),
        (
            {"time": {"first": "22:00", "last": "06:00"}},
            "expected first <= last within one day, got 22:00:00 and 06:00:00",
        ),
    ],
)
def test_bad_moments(block: dict[str, Any], message: str) -> None:
    """Formats of no digits, reversed ranges, and days that are none are refused."""
    with pytest.raises(ValidationError, match=re.escape(message)):
        Numbers.model_validate(block)


def test_days_of_no_calendar_are_told_by_their_key() -> None:
    """A date without quotes that YAML would refuse is refused by the check of its key."""
    text = "date: {first: 2024-02-30, last: 2024-12-31}"
    with pytest.raises(ValidationError, match=r"date\.first\n.* as 2024-12-31, got '2024-02-30'"):
        Numbers.model_validate(parse_yaml(text, "c.yaml"))
    (first, _) = parse_yaml("[2024-02-29, 2024-02-30 10:00:00]", "c.yaml")
    assert first == datetime.date(2024, 2, 29)
