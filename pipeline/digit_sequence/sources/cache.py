"""The folder of downloads and glyph banks, and writing into folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from digit_sequence.base.current_folder import make_absolute
from digit_sequence.base.errors import SourceError

CACHE_VARIABLE = "DIGIT_SEQUENCE_CACHE"
"""Environment variable that names the cache folder."""


def cache_folder() -> Path:
    """Return the folder of downloads and glyph banks; it need not exist.

    Raises
    ------
    SourceError
        If nothing tells where it is: no variable, and no home directory.
    """
    folder = os.environ.get(CACHE_VARIABLE)
    if folder:
        return make_absolute(folder)
    import pooch

    try:
        folder = str(pooch.os_cache("digit-sequence"))
    except (RuntimeError, KeyError, OSError):  # what the standard library raises without a home
        folder = "~"
    if folder.startswith("~"):
        raise SourceError(
            "expected a home directory for the cache of digits, got none: HOME is not set, and "
            "this user has no entry in the list of users; set the environment variable "
            f"{CACHE_VARIABLE} to a folder"
        )
    return make_absolute(folder)


@contextmanager
def writing_into(folder: Path, remedy: str) -> Iterator[None]:
    """Turn an OSError into a SourceError that names the folder and what to do about it.

    Parameters
    ----------
    folder : Path
        Where the block writes.
    remedy : str
        What to do if it cannot: the end of the message.
    """
    try:
        yield
    except OSError as error:
        raise SourceError(
            f"{folder}: expected a folder to write into, got: {error.strerror or error}; {remedy}"
        ) from error
