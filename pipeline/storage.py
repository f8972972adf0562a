"""A directory to write a dataset to: local, or in an object store that pyarrow.fs opens.

A file appears whole or not at all. Locally it is written under a temporary name in
``.build/tmp``, flushed to the disk and renamed; in an object store one PUT does the same.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
from pyarrow import fs

from pipeline.errors import OutputError
from pipeline.names import BUILD_FOLDER


class Storage:
    """The files of one directory, by their paths relative to it.

    Parameters
    ----------
    uri : str
        A local path, or a URI such as ``s3://bucket/folder``.

    Raises
    ------
    OutputError
        If the URI is not one that pyarrow.fs opens.
    """

    def __init__(self, uri: str) -> None:
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
        temporary = Path(self._root, BUILD_FOLDER, "tmp", f"{target.name}.{uuid.uuid4().hex}")
        temporary.parent.mkdir(parents=True, exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)

    def delete(self, path: str) -> None:
        """Remove a file if it is there."""
        try:
            self._files.delete_file(self.locate(path))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise OutputError(f"{self.uri}: {path}: cannot be removed: {error}") from error
