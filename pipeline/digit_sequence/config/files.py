"""YAML files as trees, in bounded memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from digit_sequence.base.blocks import shorten
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.files import suggest_path
from digit_sequence.base.yaml import parse_yaml

MAX_CONFIG_BYTES = 16_000_000


def describe_tree(tree: object) -> str:
    """Return what a YAML file holds in place of keys."""
    return "nothing: the file is empty" if tree is None else shorten(tree)


def read_yaml(path: Path) -> Any:
    """Read a YAML file.

    Raises
    ------
    ConfigError
        If it cannot be read, is too long, or is not YAML; names the file.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_CONFIG_BYTES + 1)
        if len(raw) > MAX_CONFIG_BYTES:
            raise ConfigError(
                f"{path}: expected at most {MAX_CONFIG_BYTES:,} bytes, got more; put long lists of "
                "numbers into a file (numbers.file)"
            )
        text = raw.decode()
    except OSError as error:
        near = suggest_path(path)
        raise ConfigError(f"{path}: cannot be read: {error.strerror}{near}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected UTF-8 text, got byte {error.start}") from error
    except ValueError as error:  # a path with a zero byte
        raise ConfigError(f"{str(path)!r}: cannot be read: {error}") from error
    return parse_yaml(text, str(path))
