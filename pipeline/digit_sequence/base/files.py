"""Files that appear whole or not at all, and what tells a local path from a store's.

A file is written under a temporary name, flushed to the disk and renamed. Whoever writes it holds a
lock on it, so that a temporary file without a lock is known to be left over by a process that was
killed.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import stat
import sys
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from digit_sequence.base.errors import OutputError
from digit_sequence.base.folders import Folder, open_folder
from digit_sequence.base.text import find_near

if sys.platform == "win32":
    fcntl = None
else:
    try:
        import fcntl
    except ImportError:  # a Python without it
        fcntl = None  # type: ignore[assignment]

_SEARCHED = 1000
"""Names of a folder that are looked at, at most, for one that was meant."""
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
def open_new(
    target: Path, folder: Path | None = None, root: Path | None = None
) -> Iterator[BinaryIO]:
    """Open a file that is `target` once the block has ended, and not if it raised.

    Parameters
    ----------
    target : Path
        Replaced if it is there; a link is replaced itself.
    folder : Path, optional
        For the temporary file, on the same disk; who gives it cleans it. By default that is
        beside the target, and those that others left over for this target are removed.
    root : Path, optional
        Above both; no link below it is followed.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    if folder is None:
        name = f".{target.name}.{uuid.uuid4().hex}.part"
    else:
        name = f"{target.name}.{uuid.uuid4().hex}"
    with (
        open_folder(folder or target.parent, root, create=True) as desk,
        open_folder(target.parent, root, create=True) as place,
    ):
        if folder is None:
            remove_orphans(target.parent.glob(f".{glob.escape(target.name)}.*.part"), root)
        try:
            with _open_locked(desk, name) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                if fcntl is not None:
                    desk.replace(name, place, target.name)
            if fcntl is None:  # Windows renames no file that is open
                desk.replace(name, place, target.name)
        finally:
            with contextlib.suppress(FileNotFoundError):
                desk.unlink(name)
        place.sync()


def _open_locked(folder: Folder, name: str) -> BinaryIO:
    while True:
        file = open(folder.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb")  # noqa: PTH123, SIM115
        if fcntl is None:
            return file
        with contextlib.suppress(OSError):  # a file system without locks: none is cleaned
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # `remove_orphans` came in between


def remove_orphans(paths: Iterable[Path], root: Path | None = None) -> int:
    """Remove those of some temporary files that no process is writing; return how many.

    Nothing that is reached by a link below `root` is touched, nor what is no file.
    """
    removed = 0
    for path in paths:
        with contextlib.suppress(OSError), open_folder(path.parent, root) as folder:
            if fcntl is None:  # Windows removes no file that is open: it refuses by itself
                folder.unlink(path.name)
                removed += 1
                continue
            flags = os.O_RDWR | getattr(os, "O_NONBLOCK", 0)  # a pipe would be waited for
            with open(folder.open(path.name, flags), "rb+", buffering=0) as file:  # noqa: PTH123
                if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused while it is written
                    folder.unlink(path.name)
                    removed += 1
    return removed


@contextmanager
def hold_file(path: Path) -> Iterator[None]:
    """Hold a lock on a file, which is made, while a block runs; wait for it.

    Where a system or a file system has no locks nobody waits.
    """
    with path.open("ab") as file:
        if fcntl is not None:
            with contextlib.suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def hold_folder(folder: Path) -> Iterator[bool]:
    """Hold a lock on a folder, which is made, while a block runs; tell whether it was free.

    Where a system or a file system has no locks of folders it always is.
    """
    with open_folder(folder, create=True) as opened:
        is_free = True
        if opened.handle is not None and fcntl is not None:
            try:
                fcntl.flock(opened.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                is_free = False
            except OSError:
                pass
        yield is_free


def suggest_path(path: Path) -> str:
    """Return the end of a message about a path that is not there: which was meant, perhaps.

    It is one that is there and has one name, a folder's or the last, written a little differently.
    """
    try:
        missing = next(it for it in (*reversed(path.parents), path) if not it.exists())
        names = [it.name for it in islice(missing.parent.iterdir(), _SEARCHED)]
        end = missing.suffix
        near = find_near(missing.stem, (it.removesuffix(end) for it in names if it.endswith(end)))
        meant = missing.with_name(f"{near}{end}") / path.relative_to(missing)
        return f"; did you mean {meant}?" if meant.exists() else ""
    except (OSError, ValueError, StopIteration):
        return ""


def write_file(path: Path, content: bytes) -> None:
    """Write a picture or a report, in a folder that is made if there is none.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
