"""A directory to write a dataset to: local, or in an object store that pyarrow.fs opens.

A file appears whole or not at all. Locally `base.files` sees to that, with temporary files in
``.build/tmp``; in an object store one PUT does the same, or above 10 MB an upload in parts.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
from pyarrow import fs

from digit_sequence.base.current_folder import make_absolute
from digit_sequence.base.errors import OutputError
from digit_sequence.base.files import is_remote, open_new, remove_orphans
from digit_sequence.base.folders import Folder, is_link, link_error, open_folder
from digit_sequence.base.names import BUILD_FOLDER, TOP_NAMES
from digit_sequence.store.filesystems import has_bucket, open_filesystem

TEMPORARY_FOLDER = f"{BUILD_FOLDER}/tmp"  # noqa: S108 - in the dataset
ATTEMPTS = 10
"""How often a request to an object store is tried: for some 13 s if it is refused at once."""
FIRST_ATTEMPTS = 2
"""How often the first one is."""
Content = bytes | memoryview
"""What a file gets."""


class Storage:
    """The files of one directory, by their paths relative to it.

    Parameters
    ----------
    uri : str
        A local path, or a URI such as ``s3://bucket/folder``.

    Raises
    ------
    OutputError
        If the URI is not one that pyarrow.fs opens, or holds credentials.
    """

    def __init__(self, uri: str) -> None:
        # A worker of a cluster gets it, and may run in another directory.
        self.uri = uri if is_remote(uri) else str(make_absolute(uri))
        self._files, self._root = open_filesystem(self.uri, ATTEMPTS, os.getpid())
        self.is_local = isinstance(self._files, fs.LocalFileSystem)
        self._remedy = (
            "make room or choose another output"
            if self.is_local
            else "see to the network, the endpoint and the credentials"
        )

    def check(self) -> None:
        """Find out quickly whether an object store can be reached; other calls are more patient.

        Raises
        ------
        OutputError
            If it does not answer, refuses the credentials, or has no such bucket.
        """
        if self.is_local:
            return
        files, root = open_filesystem(self.uri, FIRST_ATTEMPTS, os.getpid())
        bucket = root.partition("/")[0]
        try:
            found = files.get_file_info(fs.FileSelector(root, allow_not_found=True))
        except OSError as error:
            raise OutputError(f"{self.uri}: cannot be listed: {error}; {self._remedy}") from error
        if not found and not has_bucket(files, bucket):
            raise OutputError(f"{self.uri}: there is no bucket {bucket!r}; make it first")

    def locate(self, path: str) -> str:
        """Return the full path of a file.

        Raises
        ------
        ValueError
            If `path` leads out of the directory.
        """
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts or "\0" in path:
            raise ValueError(f"expected a path inside the dataset, got {path!r}")
        return f"{self._root}/{path}"

    def read(self, path: str) -> bytes:
        """Return the bytes of a file; FileNotFoundError if there is none."""
        with self.reading(path), self._open(path) as file:
            content: bytes = file.read()
        return content

    def open(self, path: str) -> Any:
        """Open a file for random reads; FileNotFoundError if there is none."""
        with self.reading(path):
            file = self._open(path)
        return file if self.is_local else pa.PythonFile(_StoreFile(self, path, file), "r")

    def open_ranges(self, path: str) -> RangeFile:
        """Open a file to read ranges of it, from any thread; FileNotFoundError if there is none."""
        with self.reading(path):
            return RangeFile(self, path, self._open(path))

    def _open(self, path: str) -> Any:
        if self.is_irregular(path):  # a pipe would be waited for
            raise OutputError(f"{self.uri}: {path}: expected a file, got a directory or a device")
        return self._files.open_input_file(self.locate(path))

    def is_irregular(self, path: str) -> bool:
        """Tell whether something else, such as a directory, stands where a file is to be."""
        if not self.is_local:
            return False
        try:
            return not stat.S_ISREG(Path(self.locate(path)).stat().st_mode)
        except OSError:
            return False

    @contextmanager
    def reading(self, path: str) -> Iterator[None]:
        """Turn an OSError, but for a file that is not there, into an OutputError."""
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else error  # pyarrow's is long
            raise OutputError(
                f"{self.uri}: {path or 'the directory'}: cannot be read: {reason}; "
                + (
                    "choose a directory that can be read and written"
                    if self.is_local
                    else self._remedy
                )
            ) from error

    def size(self, path: str) -> int | None:
        """Return the bytes of a file, or None if there is none."""
        with self.reading(path):
            size: int | None = self._files.get_file_info(self.locate(path)).size
        return size

    def list(self, folder: str = "") -> dict[str, int]:
        """Return the size of every file below a folder, by path relative to the dataset."""
        return dict(self.walk(folder))

    def walk(self, folder: str = "") -> Iterator[tuple[str, int]]:
        """Yield path and size of every file below a folder, in any order.

        Raises
        ------
        OutputError
            If there is a link, or the folder cannot be listed.
        """
        if self.is_local:
            for path, size in self._measure(folder):
                if size is None:
                    raise OutputError(f"{self.uri}: {link_error(path).strerror}")
                yield path, size
            return
        base = self.locate(folder) if folder else self._root
        selector = fs.FileSelector(base, allow_not_found=True, recursive=True)
        with self.reading(folder):
            found = self._files.get_file_info(selector)
        skip = len(self._root) + 1
        for info in found:
            if info.type == fs.FileType.File:
                yield info.path[skip:], info.size

    def list_with_links(self) -> tuple[dict[str, int], Sequence[str]]:
        """Return what `list` does of the whole directory, and the paths of its links."""
        if not self.is_local:
            return self.list(), []
        found = dict(self._measure(""))
        links = [path for path, size in found.items() if size is None]
        return {path: size for path, size in found.items() if size is not None}, links

    def _measure(self, folder: str) -> Iterator[tuple[str, int | None]]:
        """Yield the sizes of the files below a folder, None of a link; none is followed."""
        if folder and (link := self._find_link(folder)):
            yield link, None
            return
        folders = [folder]
        while folders:
            name = folders.pop()
            try:
                with self.reading(name), os.scandir(f"{self._root}/{name}") as entries:
                    for entry in entries:
                        path = f"{name}/{entry.name}" if name else entry.name
                        status = entry.stat(follow_symlinks=False)
                        if is_link(status):
                            yield path, None
                        elif stat.S_ISREG(status.st_mode):
                            yield path, status.st_size
                        elif stat.S_ISDIR(status.st_mode):
                            folders.append(path)
            except FileNotFoundError:
                continue  # nor was it there, or it has gone meanwhile
            except OutputError as error:
                if not (folder and isinstance(error.__cause__, NotADirectoryError)):
                    raise

    def check_links(self) -> None:
        """Refuse a directory in which a link stands where a build works.

        Links below ``images`` and ``labels`` are found when these are listed.

        Raises
        ------
        OutputError
            That names the link.
        """
        if not self.is_local:
            return
        names = [*TOP_NAMES]
        with contextlib.suppress(OSError):  # what is done in it tells why
            inner = Path(self.locate(BUILD_FOLDER)).iterdir()
            names += [f"{BUILD_FOLDER}/{path.name}" for path in inner]
        link = next(filter(self._find_link, names), None)
        if link is not None:
            raise OutputError(f"{self.uri}: {link_error(link).strerror}")

    def _find_link(self, path: str) -> str | None:
        """Return what part of a path is a link, itself perhaps."""
        parts = PurePosixPath(path).parts
        for count in range(1, len(parts) + 1):
            part = "/".join(parts[:count])
            with contextlib.suppress(OSError):
                if is_link(Path(self.locate(part)).lstat()):
                    return part
        return None

    def write(self, path: str, content: Content) -> None:
        """Publish a file: it has all of `content`, or it is as it was.

        Raises
        ------
        OutputError
            If it cannot be written: no permission, no room.
        """
        try:
            if self.is_local:
                self._write_local(Path(self.locate(path)), content)
            else:
                self._put(path, content)
        except OSError as error:
            is_barred = self.is_local and error.errno in (errno.EROFS, errno.EACCES, errno.EPERM)
            remedy = "choose another output, one that can be written" if is_barred else self._remedy
            raise OutputError(
                f"{self.uri}: {path}: {len(content):,} bytes cannot be written: "
                f"{error.strerror or error}; finished shards are kept: {remedy}, and run the "
                "same command again"
            ) from error

    def _write_local(self, target: Path, content: Content) -> None:
        root = Path(self._root)
        with open_new(target, root / TEMPORARY_FOLDER, root) as file:
            file.write(content)

    def _put(self, path: str, content: Content) -> None:
        """Put an object.

        Closing its stream publishes what was written so far, so an interrupt in this thread must
        not close it: another thread does all of it, which is waited for whatever happens.
        """

        def put() -> None:
            with self._files.open_output_stream(self.locate(path)) as file:
                file.write(content)

        with ThreadPoolExecutor(1) as thread:
            thread.submit(put).result()

    def clean(self) -> int:
        """Remove temporary files that no process is writing; return how many.

        Raises
        ------
        OutputError
            If their folder cannot be listed, or is a link.
        """
        if not self.is_local or Path(self._root, TEMPORARY_FOLDER).is_file():
            return 0
        root = Path(self._root)
        names = [path for path, _ in self._measure(TEMPORARY_FOLDER)]
        return remove_orphans((root / name for name in names), root)

    @contextmanager
    def _folder_of(self, path: str, create: bool = False) -> Iterator[tuple[Folder, str]]:
        """Open the folder of a local file; no link is followed to it."""
        target = Path(self.locate(path))
        with open_folder(target.parent, Path(self._root), create) as folder:
            yield folder, target.name

    def move(self, path: str, target: str) -> None:
        """Move a file within the directory; a link is moved itself."""
        try:
            if not self.is_local:
                self._files.move(self.locate(path), self.locate(target))
                return
            with (
                self._folder_of(path) as (folder, name),
                self._folder_of(target, create=True) as (new_folder, new_name),
            ):
                folder.replace(name, new_folder, new_name)
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(f"{self.uri}: {path}: cannot be moved: {reason}") from error

    def append(self, path: str, line: bytes) -> bool:
        """Append to a file and return true, or return false where files cannot be appended to."""
        if not self.is_local:
            return False
        try:
            with self._folder_of(path, create=True) as (folder, name):
                descriptor = folder.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
                with open(descriptor, "ab") as file:  # noqa: PTH123
                    file.write(line)
        except OSError as error:
            raise OutputError(f"{self.uri}: {path}: cannot be written: {error.strerror}") from error
        return True

    def delete(self, path: str) -> None:
        """Remove a file if it is there; a link is removed itself."""
        try:
            if not self.is_local:
                self._files.delete_file(self.locate(path))
                return
            with self._folder_of(path) as (folder, name):
                folder.unlink(name)
        except FileNotFoundError:
            pass
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(f"{self.uri}: {path}: cannot be removed: {reason}") from error


class RangeFile:
    """An open file whose ranges any thread can read; failures are OutputErrors."""

    def __init__(self, storage: Storage, path: str, file: Any) -> None:
        self._storage = storage
        self._path = path
        self._file = file

    def size(self) -> int:
        """Return its bytes."""
        with self._storage.reading(self._path):
            size: int = self._file.size()
        return size

    def read_at(self, n_bytes: int, offset: int) -> bytes:
        """Read bytes from an offset; fewer at the end of the file."""
        with self._storage.reading(self._path):
            content: bytes = self._file.read_at(n_bytes, offset)
        return content


class _StoreFile:
    """A file of an object store, for `pyarrow.PythonFile`; failures to read it are OutputErrors."""

    def __init__(self, storage: Storage, path: str, file: Any) -> None:
        self._storage = storage
        self._path = path
        self._file = file

    def read(self, n_bytes: int | None = None) -> bytes:
        """Read on from the position."""
        with self._storage.reading(self._path):
            content: bytes = self._file.read(n_bytes)
        return content

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        """Set the position."""
        place: int = self._file.seek(position, whence)
        return place

    def tell(self) -> int:
        """Return the position."""
        place: int = self._file.tell()
        return place

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        is_closed: bool = self._file.closed
        return is_closed

    def close(self) -> None:
        """Close it."""
        self._file.close()
