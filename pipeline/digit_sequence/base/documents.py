"""JSON and labels from files that anybody may have written, in bounded memory.

Whatever is wrong with JSON is a ValueError, which the reader of a file turns into an error that
names it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from digit_sequence.base.errors import ConfigError

MAX_DEPTH = 64
"""Of nesting: far more than any file of a dataset has, far less than a recursion could not take."""
MAX_BYTES = 1 << 30
"""Of one file."""
MAX_TEXT_BYTES = 1 << 28
"""Of one file of labels."""


def parse_json(content: bytes | str) -> Any:
    """Parse JSON.

    Raises
    ------
    ValueError
        If it is none, is nested deeper than `MAX_DEPTH`, or has text that is no Unicode.
    """
    if len(content) > MAX_BYTES:
        raise ValueError(f"expected at most {MAX_BYTES:,} bytes, got {len(content):,}")
    try:
        document = json.loads(content, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError(f"expected at most {MAX_DEPTH} levels") from None
    _check_values(document)
    return document


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"expected a number, got {name}")


def _check_values(document: Any) -> None:
    level, depth = [document], 0
    while level:
        if depth > MAX_DEPTH:
            raise ValueError(f"expected at most {MAX_DEPTH} levels")
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += value.values()
                below += value
            elif isinstance(value, list):
                below += value
            elif isinstance(value, str):
                value.encode()  # half a surrogate pair is no text
        level, depth = below, depth + 1


def take(document: Any, key: str, kind: type, place: str = "") -> Any:
    """Return what a JSON object has under a key, if it is of a type.

    Raises
    ------
    ValueError
        If it is no object, or has nothing of that type there.
    """
    name = f"{place}.{key}" if place else key
    if not isinstance(document, Mapping):
        raise ValueError(f"{place or 'it'}: expected an object, got {_describe(document)}")
    if key not in document:
        raise ValueError(f"{name}: expected {kind.__name__}, got nothing")
    value = document[key]
    if type(value) is not kind:
        raise ValueError(f"{name}: expected {kind.__name__}, got {_describe(value)}")
    return value


def take_count(document: Any, key: str, low: int, high: int, place: str = "") -> int:
    """Return a whole number of an object that is to be from `low` to `high`."""
    value: int = take(document, key, int, place)
    if not low <= value <= high:
        name = f"{place}.{key}" if place else key
        raise ValueError(f"{name}: expected {low} to {high:,}, got {_describe(value)}")
    return value


def _describe(value: Any) -> str:
    if isinstance(value, Mapping | list):
        return type(value).__name__
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def read_text(path: Path) -> str:
    """Return the text of a file of labels.

    Raises
    ------
    ConfigError
        If it is no file, cannot be read, is too long or is not UTF-8; names it.
    """
    try:
        is_file = path.is_file() or not path.exists()
        content = b""
        if is_file:  # a pipe would be waited for, and a device may have no end
            with path.open("rb") as file:
                content = file.read(MAX_TEXT_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:  # a path with a zero byte
        raise ConfigError(f"{str(path)!r}: cannot be read: {error}") from error
    if not is_file:
        raise ConfigError(f"{path}: expected a file of labels, got what is no file")
    if len(content) > MAX_TEXT_BYTES:
        raise ConfigError(f"{path}: expected at most {MAX_TEXT_BYTES:,} bytes, got more")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: expected a file of labels in UTF-8, got byte {error.start}: {error.reason}"
        ) from error


def check_row(where: str, row: Mapping[Any, Any]) -> None:
    """Refuse a row of a `csv.DictReader` with more values than columns: its number may be cut.

    Raises
    ------
    ConfigError
        If there are such values.
    """
    if rest := [value for value in row.get(None, ()) if value]:
        raise ConfigError(
            f"{where}: expected no more values than columns, got {_describe(rest[0])} behind them; "
            "put a number that has commas in quotes"
        )
