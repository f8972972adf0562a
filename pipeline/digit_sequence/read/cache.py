"""A cache on a disk for datasets elsewhere: whole shards, shared by processes, bounded.

::

    DIR/
      cache.json            of which dataset; a folder holds those of one
      shards/train-00000    the bytes of a shard; of single images, one after another
      shards/train-00000.parquet        its label file
      locks/                held by who fetches, and by who makes room
      tmp/                  what is being written

A file is fetched by one process while others wait for it, checked against the digest that the build
wrote, and renamed to its name when all of it is on the disk. It is checked again whenever a process
opens it: what is damaged is fetched anew. Those that were opened longest ago make room.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from digit_sequence.base.current_folder import make_absolute
from digit_sequence.base.documents import parse_json, take
from digit_sequence.base.errors import ConfigError, OutputError
from digit_sequence.base.files import hold_file, open_new, remove_orphans
from digit_sequence.base.home import expand_home
from digit_sequence.store.storage import RangeFile, Storage

RECORD = "cache.json"
_SHARDS, _LOCKS, _TEMPORARY = "shards", "locks", "tmp"
_N_LOCKS = 64
_ROOM = "room"


@dataclass(frozen=True)
class Cache:
    """A folder of shards of one dataset.

    Any number of threads and processes may use one together.
    """

    folder: Path
    max_bytes: int | None
    """Of all files; None: as many as there are."""

    def read(
        self, name: str, is_sound: Callable[[bytes], bool], fetch: Callable[[], bytes]
    ) -> bytes:
        """Return the bytes of a file, fetched if they are not there.

        Parameters
        ----------
        name : str
        is_sound : callable
            Tells whether bytes are those of the file.
        fetch : callable
            Returns the bytes from where the dataset is; what it raises is raised here.

        Raises
        ------
        OSError
            If what is fetched is not sound.
        OutputError
            If the folder cannot be written, or has no room.
        """
        content = self._find(name, is_sound)
        if content is not None:
            return content
        with self._hold(f"{zlib.crc32(name.encode()) % _N_LOCKS}"):
            content = self._find(name, is_sound)  # fetched by another meanwhile
            if content is None:
                content = fetch()
                if not is_sound(content):
                    raise OSError(f"{len(content):,} bytes that are not those of the build")
                self._write(name, content)
        return content

    def open(
        self, name: str, is_sound: Callable[[bytes], bool], fetch: Callable[[], bytes]
    ) -> RangeFile:
        """Open a file, fetched if it is not there; it stays readable if it makes room."""
        content = self.read(name, is_sound, fetch)
        storage, path = Storage(str(self.folder)), f"{_SHARDS}/{name}"
        try:
            return storage.open_ranges(path)
        except FileNotFoundError:  # it made room at once
            return RangeFile(storage, path, pa.BufferReader(content))

    def _find(self, name: str, is_sound: Callable[[bytes], bool]) -> bytes | None:
        """Return the bytes of a file if it is there and sound; note that it was used."""
        path = self.folder / _SHARDS / name
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OutputError(f"{path}: cannot be read: {error.strerror}") from error
        if not is_sound(content):
            return None
        with suppress(OSError):  # a folder that may only be read
            os.utime(path)
        return content

    @contextmanager
    def _hold(self, name: str) -> Iterator[None]:
        with self._writing():
            lock = hold_file(self.folder / _LOCKS / name)
            lock.__enter__()
        try:
            yield
        finally:
            lock.__exit__(None, None, None)

    def _write(self, name: str, content: bytes) -> None:
        """Write a file, after room was made; one process at a time, so the bound holds."""
        if self.max_bytes is not None and len(content) > self.max_bytes:
            raise ConfigError(
                f"cache_bytes: expected at least {len(content):,} bytes, those of {name}, got "
                f"{self.max_bytes:,}"
            )
        with self._hold(_ROOM), self._writing():
            self._make_room(name, len(content))
            target = self.folder / _SHARDS / name
            with open_new(target, self.folder / _TEMPORARY, self.folder) as file:
                file.write(content)

    def _make_room(self, name: str, n_bytes: int) -> None:
        """Remove the files that were used longest ago until there is room for another."""
        if self.max_bytes is None:
            return
        with os.scandir(self.folder / _SHARDS) as entries:
            found = [(entry, entry.stat()) for entry in entries if entry.name != name]
        total = sum(status.st_size for _, status in found)
        for entry, status in sorted(found, key=lambda pair: pair[1].st_mtime_ns):
            if total + n_bytes <= self.max_bytes:
                return
            with suppress(PermissionError):  # Windows removes no file that is open
                Path(entry.path).unlink(missing_ok=True)
                total -= status.st_size

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _cannot_write(self.folder, error) from error


def _cannot_write(folder: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{folder}: the cache cannot be written: {error.strerror or error}; choose another folder, "
        "make room, or set less cache_bytes than there is room"
    )


def open_cache(
    folder: str | os.PathLike[str], max_bytes: int | None, uri: str, digest: str
) -> Cache:
    """Open a folder as the cache of a dataset, or make it one.

    Parameters
    ----------
    folder : path
    max_bytes : int, optional
    uri, digest : str
        Of the dataset.

    Raises
    ------
    ConfigError
        If `max_bytes` is not at least 1.
    OutputError
        If the folder holds anything else, or cannot be written.
    """
    if max_bytes is not None and max_bytes < 1:
        raise ConfigError(f"cache_bytes: expected at least 1, got {max_bytes}")
    path = make_absolute(expand_home(os.fspath(folder)))
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not (path / RECORD).exists():
            _begin(path, json.dumps({"dataset": digest, "uri": uri}).encode())
        found = _read_record(path)
        remove_orphans((path / _TEMPORARY).iterdir())
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise _cannot_write(path, error) from error
    if found["dataset"] != digest:
        raise OutputError(
            f"{path}: expected the cache of {uri} as it is now, dataset {digest[:16]}, got that of "
            f"{found['uri']}, dataset {found['dataset'][:16]}; remove the folder, or choose another"
        )
    return Cache(path, max_bytes)


def _begin(path: Path, record: bytes) -> None:
    """Make an empty folder a cache, if nobody else is about to."""
    own = (_LOCKS, _SHARDS, _TEMPORARY)
    names = sorted(it.name for it in path.iterdir() if RECORD not in it.name)
    if strangers := [name for name in names if name not in own]:
        raise OutputError(
            f"{path}: expected an empty folder, or a cache of this program, got one that holds "
            f"{strangers[0]}; choose another folder for the cache"
        )
    for name in own:
        (path / name).mkdir(exist_ok=True)
    with hold_file(path / _LOCKS / _ROOM):
        if not (path / RECORD).exists():
            with open_new(path / RECORD, path / _TEMPORARY, path) as file:
                file.write(record)


def _read_record(path: Path) -> dict[str, str]:
    try:
        document = parse_json((path / RECORD).read_bytes())
        return {name: take(document, name, str) for name in ("dataset", "uri")}
    except ValueError as error:
        raise OutputError(
            f"{path / RECORD}: expected what a cache says of its dataset: {error}; remove the "
            "folder"
        ) from error
