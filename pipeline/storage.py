"""A directory to write a dataset to: local, or in an object store that pyarrow.fs opens.

A file appears whole or not at all. Locally it is written under a temporary name in
``.build/tmp``, flushed to the disk and renamed; in an object store one PUT does the same. Whoever
writes a temporary file holds a lock on it, so that one without a lock is known to be left over.

An object store's credentials come from the environment or the usual chain of its kind, never from
the URI, which is written down. An endpoint of one's own is named in the URI
(``s3://bucket/folder?endpoint_override=HOST:PORT&scheme=http``) or by ``AWS_ENDPOINT_URL``.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs

from pipeline.errors import OutputError

BUILD_FOLDER = ".build"
"""What loaders must not see: the plan, events, temporary files."""
TEMPORARY_FOLDER = f"{BUILD_FOLDER}/tmp"  # noqa: S108 - in the dataset


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
        if "://" in uri and "@" in urlsplit(uri).netloc:
            raise OutputError(
                f"{urlsplit(uri).scheme}://...: expected no credentials in the URI; set them in "
                "the environment, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
        # A worker of a cluster gets it, and may run in another directory.
        self.uri = uri if "://" in uri else str(Path(uri).absolute())
        try:
            filesystem, root = (
                fs.FileSystem.from_uri(uri) if "://" in uri else (fs.LocalFileSystem(), self.uri)
            )
        except (pa.ArrowInvalid, OSError) as error:
            raise OutputError(f"{uri}: not a directory that can be opened: {error}") from error
        self._files: Any = filesystem
        self._root = root
        self._is_local = isinstance(filesystem, fs.LocalFileSystem)

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
        with self._reading(path), self._files.open_input_file(self.locate(path)) as file:
            content: bytes = file.read()
        return content

    def open(self, path: str) -> Any:
        """Open a file for random reads; FileNotFoundError if there is none."""
        with self._reading(path):
            return self._files.open_input_file(self.locate(path))

    @contextmanager
    def _reading(self, path: str) -> Iterator[None]:
        """Turn an OSError, but for a file that is not there, into an OutputError."""
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else error  # pyarrow's is long
            raise OutputError(
                f"{self.uri}: {path or 'the directory'}: cannot be read: {reason}; "
                "choose a directory that can be read and written"
            ) from error

    def size(self, path: str) -> int | None:
        """Return the bytes of a file, or None if there is none."""
        with self._reading(path):
            size: int | None = self._files.get_file_info(self.locate(path)).size
        return size

    def list(self, folder: str = "") -> dict[str, int]:
        """Return the size of every file below a folder, by path relative to the dataset."""
        base = self.locate(folder) if folder else self._root
        selector = fs.FileSelector(base, allow_not_found=True, recursive=True)
        with self._reading(folder):
            found = self._files.get_file_info(selector)
        skip = len(self._root) + 1
        return {info.path[skip:]: info.size for info in found if info.type == fs.FileType.File}

    def write(self, path: str, content: bytes) -> None:
        """Publish a file: it has all of `content`, or it is as it was.

        Raises
        ------
        OutputError
            If it cannot be written: no permission, no room.
        """
        try:
            if self._is_local:
                self._write_local(Path(self.locate(path)), content)
            else:
                with self._files.open_output_stream(self.locate(path)) as file:
                    file.write(content)
        except OSError as error:
            raise OutputError(
                f"{self.uri}: {path}: {len(content):,} bytes cannot be written: "
                f"{error.strerror or error}; finished shards are kept: make room or choose another "
                "output, and run the same command again"
            ) from error

    def _write_local(self, target: Path, content: bytes) -> None:
        temporary = Path(self._root, TEMPORARY_FOLDER, f"{target.name}.{uuid.uuid4().hex}")
        temporary.parent.mkdir(parents=True, exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                with contextlib.suppress(OSError):  # a file system without locks: none is cleaned
                    fcntl.flock(file, fcntl.LOCK_EX)
                if not os.fstat(file.fileno()).st_nlink:  # `clean` came in between
                    return self._write_local(target, content)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        return _sync_folder(target.parent)

    def clean(self) -> int:
        """Remove temporary files that no process is writing; return how many."""
        removed = 0
        folder = Path(self._root, TEMPORARY_FOLDER)
        for path in folder.iterdir() if self._is_local and folder.is_dir() else ():
            with contextlib.suppress(OSError), path.open("r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused while it is written
                path.unlink()
                removed += 1
        return removed

    def move(self, path: str, target: str) -> None:
        """Move a file within the directory."""
        try:
            if self._is_local:
                Path(self.locate(target)).parent.mkdir(parents=True, exist_ok=True)
            self._files.move(self.locate(path), self.locate(target))
        except OSError as error:
            raise OutputError(f"{self.uri}: {path}: cannot be moved: {error}") from error

    def append(self, path: str, line: bytes) -> bool:
        """Append to a file and return true, or return false where files cannot be appended to."""
        if not self._is_local:
            return False
        target = Path(self.locate(path))
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("ab") as file:
                file.write(line)
        except OSError as error:
            raise OutputError(f"{self.uri}: {path}: cannot be written: {error.strerror}") from error
        return True

    def delete(self, path: str) -> None:
        """Remove a file if it is there."""
        try:
            self._files.delete_file(self.locate(path))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise OutputError(f"{self.uri}: {path}: cannot be removed: {error}") from error


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
