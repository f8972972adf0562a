"""Files that appear whole or not at all, and what tells a local path from a store's.

A file is written under a temporary name, flushed to the disk and renamed. Whoever writes it holds a
lock on it, so that a temporary file without a lock is known to be left over by a process that was
killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_FOLDED_SCHEME = re.compile("[A-Za-z][A-Za-z0-9+.-]+:/")


def is_remote(place: str | Path) -> bool:
    """Tell whether a place is the URI of a store; else it is a local path.

    >>> is_remote("s3://bucket/folder"), is_remote("data/default")
    (True, False)
    >>> is_remote(Path("s3://bucket/folder"))  # which has one slash less
    True
    """
    if isinstance(place, Path):
        return _FOLDED_SCHEME.match(str(place)) is not None
    return "://" in place


@contextmanager
def open_new(target: Path, folder: Path | None = None) -> Iterator[BinaryIO]:
    """Open a file that is `target` once the block has ended, and not if it raised.

    Parameters
    ----------
    target : Path
        Replaced if it is there.
    folder : Path, optional
        For the temporary file, on the same disk; who gives it cleans it. By default that is
        beside the target, and those that others left over for this target are removed.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    if folder is None:
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_orphans(target.parent.glob(f".{target.name}.*.part"))
        temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    else:
        for parent in (folder, target.parent):
            parent.mkdir(parents=True, exist_ok=True)
        temporary = folder / f"{target.name}.{uuid.uuid4().hex}"
    try:
        with _open_locked(temporary) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(target.parent)


def _open_locked(path: Path) -> BinaryIO:
    while True:
        file = path.open("xb")
        with contextlib.suppress(OSError):  # a file system without locks: none is cleaned
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # `remove_orphans` came in between


def remove_orphans(paths: Iterable[Path]) -> int:
    """Remove those of some temporary files that no process is writing; return how many."""
    removed = 0
    for path in paths:
        with contextlib.suppress(OSError), path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused while it is written
            path.unlink()
            removed += 1
    return removed


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
