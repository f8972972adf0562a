"""Numbers of a text file or of a column of a CSV file, which a plan holds in place of the file."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from digit_sequence.base.blocks import Block, InputPath
from digit_sequence.base.errors import ConfigError
from digit_sequence.numbers.checks import check_number, check_number_list
from digit_sequence.numbers.kind import NumberKind, NumberSource
from digit_sequence.numbers.values import Values


class FileSettings(Block):
    """Numbers from a text file (one a line) or a CSV file (one a row)."""

    path: InputPath
    """The file."""
    column: str | None = None
    """Header of the CSV column that holds the numbers; without it, the whole line is one."""


class File(NumberKind):
    """Numbers from a text file (one a line) or a CSV file (one a row)."""

    name = "file"
    Settings = FileSettings
    settings: FileSettings

    def inline(self) -> NumberKind:
        """Return the list of the numbers in the file."""
        return Values(tuple(read_numbers(self.settings)))

    def open(self, seed: int, split: str) -> NumberSource:
        """Return the numbers in the file."""
        return self.inline().open(seed, split)


def read_numbers(file: FileSettings) -> list[str]:
    """Read a text file of one number a line, or one column of a CSV file; blank lines are skipped.

    Raises
    ------
    ConfigError
        If the file cannot be read, lacks the column, or a line holds no number.
    """
    path = Path(file.path)
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"{path}: numbers cannot be read: expected a file")
        with path.open(encoding="utf-8-sig", newline="") as lines:
            if file.column is None:
                rows = [(n, line.strip()) for n, line in enumerate(lines, start=1)]
            else:
                rows = _read_column(lines, file.column, path)
    except ConfigError:
        raise
    except OSError as error:
        raise ConfigError(f"{path}: numbers cannot be read: {error.strerror}") from error
    except (ValueError, csv.Error) as error:  # not UTF-8, or a NUL in the path
        raise ConfigError(f"{path}: numbers cannot be read: {error}") from error
    values = []
    for line, text in rows:
        if not text:
            continue
        try:
            values.append(check_number(text))
        except ValueError as error:
            raise ConfigError(f"{path}: line {line}: {error}") from None
    try:
        check_number_list(values)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None
    return values


def _read_column(lines: Iterable[str], column: str, path: Path) -> list[tuple[int, str]]:
    """Return the line number and the text of each row of a CSV column."""
    reader = csv.DictReader(lines)
    names = list(reader.fieldnames or ())
    if names.count(column) != 1:
        raise ConfigError(
            f"{path}: expected one column {column!r}, got "
            f"{', '.join(map(repr, names)) or 'an empty file'}"
        )
    return [(reader.line_num, (row[column] or "").strip()) for row in reader]
