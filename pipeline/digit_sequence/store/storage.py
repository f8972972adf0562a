"""A directory to write a dataset to: local, or in an object store that pyarrow.fs opens.

A file appears whole or not at all. Locally it is written under a temporary name in
``.build/tmp``, flushed to the disk and renamed; in an object store one PUT does the same, or
above 10 MB an upload in parts. Whoever writes a temporary file holds a lock on it, so that one
without a lock is known to be left over.

An object store's credentials come from the environment or the usual chain of its kind, never from
the URI, which is written down. An endpoint of one's own is named in the URI
(``s3://bucket/folder?endpoint_override=HOST:PORT&scheme=http``) or by ``AWS_ENDPOINT_URL``. A
request that fails on its way, or that the store is too busy for, is repeated with growing pauses,
a bounded number of times.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import pyarrow as pa
from pyarrow import fs

from digit_sequence.base.current_folder import make_absolute
from digit_sequence.base.errors import OutputError
from digit_sequence.base.names import BUILD_FOLDER

TEMPORARY_FOLDER = f"{BUILD_FOLDER}/tmp"  # noqa: S108 - in the dataset
_ATTEMPTS = 10
"""How often a request to an object store is tried: for some 13 s if it is refused at once."""
_FIRST_ATTEMPTS = 2
"""How often the first one is."""
_CONNECT_SECONDS, _SILENT_SECONDS = 5.0, 20.0
"""How long a store may take to connect, and to send the next byte."""
_S3_OPTIONS = ("region", "scheme", "endpoint_override", "tls_ca_file_path")
"""What the query of an s3:// URI may say."""
_SECRET = re.compile("key|secret|token|password|credential|sig", re.IGNORECASE)
"""Names in the query of a URI that would be written down with it."""


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
        self.uri = uri if "://" in uri else str(make_absolute(uri))
        self._files, self._root = _open_filesystem(self.uri, _ATTEMPTS, os.getpid())
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
        files, root = _open_filesystem(self.uri, _FIRST_ATTEMPTS, os.getpid())
        bucket = root.partition("/")[0]
        try:
            found = files.get_file_info(fs.FileSelector(root, allow_not_found=True))
        except OSError as error:
            raise OutputError(f"{self.uri}: cannot be listed: {error}; {self._remedy}") from error
        if not found and not _has_bucket(files, bucket):
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
        base = self.locate(folder) if folder else self._root
        selector = fs.FileSelector(base, allow_not_found=True, recursive=True)
        with self.reading(folder):
            try:
                found = self._files.get_file_info(selector)
            except NotADirectoryError:
                if not folder:
                    raise
                return {}
        skip = len(self._root) + 1
        return {info.path[skip:]: info.size for info in found if info.type == fs.FileType.File}

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
            raise OutputError(
                f"{self.uri}: {path}: {len(content):,} bytes cannot be written: "
                f"{error.strerror or error}; finished shards are kept: {self._remedy}, and run the "
                "same command again"
            ) from error

    def _write_local(self, target: Path, content: Content) -> None:
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
        """Remove temporary files that no process is writing; return how many."""
        removed = 0
        folder = Path(self._root, TEMPORARY_FOLDER)
        for path in folder.iterdir() if self.is_local and folder.is_dir() else ():
            with contextlib.suppress(OSError), path.open("r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused while it is written
                path.unlink()
                removed += 1
        return removed

    def move(self, path: str, target: str) -> None:
        """Move a file within the directory."""
        try:
            if self.is_local:
                Path(self.locate(target)).parent.mkdir(parents=True, exist_ok=True)
            self._files.move(self.locate(path), self.locate(target))
        except OSError as error:
            raise OutputError(f"{self.uri}: {path}: cannot be moved: {error}") from error

    def append(self, path: str, line: bytes) -> bool:
        """Append to a file and return true, or return false where files cannot be appended to."""
        if not self.is_local:
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


@lru_cache(maxsize=16)
def _open_filesystem(uri: str, attempts: int, _process: int) -> tuple[Any, str]:
    """Open what a local path or a URI names; return it, and the path in it.

    Each process opens its own: after a fork, two would read each other's answers from a connection.
    """
    if "://" not in uri:
        return fs.LocalFileSystem(), uri
    parts = urlsplit(uri)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    is_s3 = parts.scheme == "s3"
    if parts.password is not None or (is_s3 and parts.username) or any(map(_SECRET.search, query)):
        raise OutputError(
            f"{place}: expected no credentials in the URI; set them in the environment, such as "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    try:
        if is_s3:
            return _open_s3(parts, query, attempts), (parts.netloc + unquote(parts.path)).strip("/")
        if parts.scheme in ("gs", "gcs") and "retry_limit_seconds" not in query:
            seconds = 5 * attempts  # Google's client repeats requests for a quarter of an hour
            uri += f"{'&' if parts.query else '?'}retry_limit_seconds={seconds}"
        filesystem, root = fs.FileSystem.from_uri(uri)
    except (pa.ArrowException, OSError, TypeError, ValueError) as error:
        raise OutputError(f"{place}: not a directory that can be opened: {error}") from error
    return filesystem, root.rstrip("/")


def _open_s3(parts: SplitResult, query: dict[str, str], attempts: int) -> fs.S3FileSystem:
    """Open S3, or what speaks its protocol."""
    unknown = query.keys() - set(_S3_OPTIONS)
    if unknown or not parts.netloc:
        got = f"the option {min(unknown)}" if unknown else "no bucket"
        raise ValueError(f"expected s3://BUCKET/FOLDER?{'&'.join(_S3_OPTIONS)}, got {got}")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint and "endpoint_override" not in query:
        scheme, _, host = endpoint.rpartition("://")
        query = {"scheme": scheme or "https", "endpoint_override": host.rstrip("/"), **query}
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if "region" not in query and not region and "endpoint_override" not in query:
        query["region"] = fs.resolve_s3_region(parts.netloc)
    return fs.S3FileSystem(
        **query,
        connect_timeout=_CONNECT_SECONDS,
        request_timeout=_SILENT_SECONDS,
        # Without the quota of the standard one, which a faulty network may use up for all threads.
        retry_strategy=fs.AwsDefaultS3RetryStrategy(max_attempts=attempts - 1),
        allow_delayed_open=True,  # one PUT up to 10 MB: parts of an upload that never ends stay
    )


def _has_bucket(files: Any, bucket: str) -> bool:
    """Return whether there is a bucket, or it must not be asked for."""
    try:
        is_there: bool = files.get_file_info(bucket).type != fs.FileType.NotFound
    except OSError:
        return True
    return is_there


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
