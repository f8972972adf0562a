"""The folder of downloads and glyph banks, and writing into folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from digit_sequence.base.errors import SourceError

CACHE_VARIABLE = "DIGIT_SEQUENCE_CACHE"
"""Environment variable that names the cache folder."""


def cache_folder() -> Path:
    """Return the folder of downloads and glyph banks; it need not exist."""
    folder = os.environ.get(CACHE_VARIABLE)
    if not folder:
        import pooch

        folder = str(pooch.os_cache("digit-sequence"))
    return Path(folder).absolute()


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
