"""Numbers of a text file or of a column of a CSV file, which a plan holds in place of the file."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Self

from pydantic import model_validator

from digit_sequence.base.blocks import Block, InputPath, shorten
from digit_sequence.base.documents import check_row
from digit_sequence.base.errors import ConfigError
from digit_sequence.numbers.kind import NumberKind, NumberSource
from digit_sequence.numbers.number import check_number, check_number_list
from digit_sequence.numbers.values import Values
from digit_sequence.numbers.weights import MAX_WEIGHT, Weights

MAX_NAMED = 20
"""Columns that a message lists, at most."""
_OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}


class FileSettings(Block):
    """Numbers from a text file (one a line) or a CSV file (one a row); repeats are frequencies."""

    path: InputPath
    """The file."""
    column: str | None = None
    """Header of the CSV column that holds the numbers; without it, the whole line is one."""
    weight: str | None = None
    """Header of the CSV column that says how often each number is drawn, in proportion to the
    others; without it, each row is shown equally often."""

    @model_validator(mode="after")
    def _need_column(self) -> Self:
        if self.weight is not None and self.column is None:
            raise ValueError(f"expected column beside weight: {shorten(self.weight)}, got none")
        return self


class File(NumberKind):
    """Numbers from a text file (one a line) or a CSV file (one a row); repeats are frequencies."""

    name = "file"
    Settings = FileSettings
    settings: FileSettings
    example: ClassVar = {"path": "zip.csv", "column": "zip", "weight": "people"}
    example_files: ClassVar = {"zip.csv": "zip,people\n10001,3\n60601,2\n90210,1\n"}

    @property
    def is_endless(self) -> bool:
        """Whether numbers have weights: then each sample draws its number."""
        return self.settings.weight is not None

    def inline(self) -> NumberKind:
        """Return the list of the numbers in the file."""
        if self.settings.weight is not None:
            return Weights(read_weights(self.settings))
        return Values(tuple(read_numbers(self.settings)))

    def open(self, seed: int, split: str) -> NumberSource:
        """Return the numbers in the file."""
        return self.inline().open(seed, split)


def read_numbers(file: FileSettings) -> list[str]:
    """Read a text file of one number a line, or one column of a CSV file; blank lines are skipped.

    A number that is there twice is returned twice.

    Raises
    ------
    ConfigError
        If the file cannot be read, lacks the column, or a line holds no number.
    """
    return [number for number, _ in _read_rows(file)]


def read_weights(file: FileSettings) -> dict[str, float]:
    """Read the numbers and weights of two columns; of a number that is there twice, their sum.

    Raises
    ------
    ConfigError
        As of `read_numbers`; or if a weight is not above 0.
    """
    weights: dict[str, float] = {}
    for number, weight in _read_rows(file):
        weights[number] = weights.get(number, 0) + weight
    total = max(weights.values())
    if total > MAX_WEIGHT:
        raise ConfigError(
            f"{file.path}: expected weights of at most {MAX_WEIGHT:,.0f} for a number, got "
            f"{total:,}"
        )
    return weights


def _read_rows(file: FileSettings) -> list[tuple[str, float]]:
    """Read the number and the weight of each row, or 1."""
    path = Path(file.path)
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"{path}: numbers cannot be read: expected a file")
        with path.open(encoding="utf-8-sig", newline="") as lines:
            if file.column is None:
                rows = [(n, (line.strip(), "1")) for n, line in enumerate(lines, start=1)]
            else:
                rows = _read_columns(lines, file.column, file.weight, path)
    except ConfigError:
        raise
    except OSError as error:
        raise ConfigError(f"{path}: numbers cannot be read: {error.strerror}") from error
    except (ValueError, csv.Error) as error:  # not UTF-8, or a NUL in the path
        raise ConfigError(f"{path}: numbers cannot be read: {error}") from error
    found = []
    for line, (text, weight) in rows:
        if not text:
            continue
        try:
            found.append((check_number(text), _parse_weight(weight)))
        except ValueError as error:
            raise ConfigError(f"{path}: line {line}: {error}") from None
    try:
        check_number_list([number for number, _ in found])
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None
    return found


def _parse_weight(text: str) -> float:
    """Return a weight; a ValueError unless it is above 0."""
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 0 < weight <= MAX_WEIGHT:
        raise ValueError(
            f"expected a weight above 0 and up to {MAX_WEIGHT:,.0f}, got {shorten(text)}; leave "
            "out the line of a number that is never to be shown"
        )
    return weight


def _read_columns(
    lines: Iterable[str], column: str, weight: str | None, path: Path
) -> list[tuple[int, tuple[str, str]]]:
    """Return the line number and the texts of each row of two CSV columns."""
    reader = csv.DictReader(lines)
    names = list(reader.fieldnames or ())
    for name in (column,) if weight is None else (column, weight):
        _check_header(names, name, path)
    rows = []
    for row in reader:
        check_row(f"{path}: line {reader.line_num}", row)
        text, share = row[column] or "", row[weight] or "" if weight else "1"
        rows.append((reader.line_num, (text.strip(), share)))
    return rows


def _check_header(names: Sequence[str], column: str, path: Path) -> None:
    if names.count(column) != 1:
        got = ", ".join(map(shorten, names[:MAX_NAMED])) or "an empty file"
        raise ConfigError(
            f"{path}: expected one column {shorten(column)}, got {got}"
            f"{', ...' if len(names) > MAX_NAMED else ''}{_suspect_delimiter(names, column)}"
        )


def _suspect_delimiter(names: Sequence[str], column: str) -> str:
    """Return what to do if a header is divided by something else than commas."""
    for delimiter, name in _OTHER_DELIMITERS.items():
        parts = [part.strip(" \"'") for text in names for part in text.split(delimiter)]
        if len(parts) > len(names) and (column in parts or len(names) == 1):
            return (
                f"; its columns are divided by {name}, and expected are commas: save it as CSV "
                "with commas"
            )
    return ""
