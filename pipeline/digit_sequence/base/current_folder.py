"""The current folder, which must not disturb a build or the processes that it starts.

Python looks for their modules there first, so a file of the user's called ``numbers.py`` would take
the place of the standard library's. And they go there, which they cannot if the folder was deleted,
or if they may not enter it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from digit_sequence.base.errors import OutputError
from digit_sequence.base.home import expand_home

_SAFE_PATH = "PYTHONSAFEPATH"
"""Variable that tells a Python process to look for no modules in the current folder."""


def is_current_folder_lost() -> bool:
    """Return whether processes that are started could not go to it."""
    try:
        os.chdir(Path.cwd())
    except OSError:
        return True
    return False


def leave_lost_folder() -> None:
    """Go to the root if the current folder is lost; paths are made absolute before."""
    if is_current_folder_lost():
        os.chdir("/")


@contextmanager
def leave_current_folder_out() -> Iterator[None]:
    """Keep the current folder's modules from processes that are started meanwhile.

    A lost folder is left for good, as by `leave_lost_folder`.
    """
    leave_lost_folder()
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        del os.environ[_SAFE_PATH]
        if before is not None:
            os.environ[_SAFE_PATH] = before


def make_absolute(path: str | Path) -> Path:
    """Return a path from the root; one that begins with ``~`` is in the home directory.

    Raises
    ------
    OutputError
        If it is relative to a folder that was deleted.
    ConfigError
        If it is in a home directory that there is none of.
    """
    try:
        return Path(expand_home(str(path))).absolute()
    except FileNotFoundError as error:
        raise OutputError(
            f"{path}: the current folder was deleted; go to another, or give the whole path"
        ) from error
