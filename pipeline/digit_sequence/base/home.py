"""Paths that begin with ``~``, the home directory, wherever no shell has expanded them."""

from __future__ import annotations

import os
from pathlib import Path

from digit_sequence.base.errors import ConfigError


def expand_home(path: str, folder: Path | None = None) -> str:
    """Return a path with ``~`` or ``~user`` at its beginning replaced by the home directory.

    Parameters
    ----------
    path : str
    folder : Path, optional
        What the path is relative to. Default: the current folder.

    Raises
    ------
    ConfigError
        If there is no such home, nor anything of that name: to make it would be a mistake.
    """
    expanded = os.path.expanduser(path)  # noqa: PTH111 - which raises nothing
    if not expanded.startswith("~"):
        return expanded
    name = Path(path).parts[0]
    if os.path.lexists(name if folder is None else folder / name):
        return path
    raise ConfigError(f"{path}: expected a home directory {name}, got none; give the whole path")
