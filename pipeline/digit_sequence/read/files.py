"""The files of a dataset as one process reads them: label rows, and image bytes by their place.

Bounded: `MAX_OPEN_FILES` image files stay open and some `MAX_LABEL_ROWS` label rows stay in memory,
those used last; of label rows, only the columns that were asked for. From an object store, where a
request takes its time, `MAX_REQUESTS` are made at a time. Every fault names the file, the row and
how to repair it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from digit_sequence.base.digests import hash_contents, hash_pixels
from digit_sequence.base.errors import OutputError
from digit_sequence.codec.decoding import decode_image
from digit_sequence.read.cache import Cache
from digit_sequence.read.shard_labels import DatasetLayout, ShardLabels
from digit_sequence.store.label_schema import PLACE_COLUMNS
from digit_sequence.store.storage import RangeFile, Storage

MAX_OPEN_FILES = 32
"""Shards that one process keeps open for one dataset. One that is dropped is closed by whoever uses
it last, for another thread may be reading."""
MAX_LABEL_ROWS = 1 << 18
"""Label rows that one process keeps in memory for one dataset; what a training job reads of each
takes some hundred bytes."""
MIN_LABEL_SHARDS = 32
"""Shards whose label rows are kept in any case."""
MAX_REQUESTS = 16
"""Requests to an object store at a time."""
MERGE_GAP_BYTES = 1 << 16
"""Images of one shard that are no farther apart are read in one go: on an object store a request
costs more than these bytes."""
MERGE_MAX_BYTES = 1 << 23

Argument = TypeVar("Argument")
Value = TypeVar("Value")


class DatasetFiles:
    """The files of a dataset as one process has them open."""

    def __init__(self, layout: DatasetLayout) -> None:
        self.layout = layout
        self.pid = os.getpid()
        self._storage = Storage(layout.uri)
        n_tables = max(MIN_LABEL_SHARDS, MAX_LABEL_ROWS // layout.shard_samples)
        self._make_labels = partial(ShardLabels, layout, self._storage)
        self._keep_labels = lru_cache(n_tables)(self._make_labels)
        self._open = lru_cache(MAX_OPEN_FILES)(partial(_open_shard, self._storage))
        self._open_cached = lru_cache(MAX_OPEN_FILES)(partial(_open_cached, self._storage))
        self._threads: ThreadPoolExecutor | None = None

    @property
    def is_local(self) -> bool:
        """Whether files are read from a disk, where requests take no time."""
        return self._storage.is_local

    def labels(self, split: str, index: int, keep: bool = True) -> ShardLabels:
        """Return the labels of a shard; what is read of them is kept if it will be read again."""
        make = self._keep_labels if keep else self._make_labels
        return make(split, index)

    def load_labels(self, shards: Sequence[ShardLabels], columns: Sequence[str]) -> None:
        """Read some columns of the label rows of some shards, if they are not there."""
        self._map(lambda labels: labels.read(columns), shards)

    def read_encoded(
        self, wanted: Sequence[tuple[ShardLabels, Sequence[int]]]
    ) -> list[list[bytes]]:
        """Return the encoded images of some rows of some shards, for each shard a list."""
        encoded = [[b""] * len(rows) for _, rows in wanted]
        reads = [
            (found, members, read)
            for found, (labels, rows) in zip(encoded, wanted, strict=True)
            for members, read in self._list_reads(labels, rows)
        ]
        contents = self._map(lambda read: read[2](), reads)
        for (found, members, _), images in zip(reads, contents, strict=True):
            for member, image in zip(members, images, strict=True):
                found[member] = image
        return encoded

    def _map(self, call: Callable[[Argument], Value], arguments: Sequence[Argument]) -> list[Value]:
        """Apply a function to some arguments, many at a time if each is a request."""
        if self.is_local or len(arguments) < 2:
            return list(map(call, arguments))
        if self._threads is None:
            self._threads = ThreadPoolExecutor(MAX_REQUESTS)
        return list(self._threads.map(call, arguments))

    def _list_reads(
        self, labels: ShardLabels, rows: Sequence[int]
    ) -> Iterator[tuple[list[int], Callable[[], list[bytes]]]]:
        """Yield positions in `rows`, and what reads the encoded images of these rows in one go."""
        places = labels.read(PLACE_COLUMNS)
        path = places["file"][0].as_py()
        # A shard is one file with all images, or as many files as it has images.
        is_one = places["file"][-1].as_py() == path
        if not is_one and self.layout.cache is None:
            for member, row in enumerate(rows):
                yield [member], partial(self._read_alone, labels, places, row)
            return
        sizes = places["size"].to_numpy()
        # In a cache single images stand one after another.
        offsets = places["offset"].to_numpy() if is_one else np.cumsum(sizes) - sizes
        offsets, sizes = offsets[rows], sizes[rows]
        for members in merge_ranges(offsets, sizes):
            ranges = [(int(offsets[member]), int(sizes[member])) for member in members]
            yield members, partial(self._read_ranges, labels, rows[0], path, ranges)

    def _read_ranges(
        self, labels: ShardLabels, row: int, path: str, ranges: Sequence[tuple[int, int]]
    ) -> list[bytes]:
        """Read ranges (offset, size) that are near to each other; `row` is one to name."""
        start = ranges[0][0]
        stop = max(offset + size for offset, size in ranges)
        try:
            if self.layout.cache is None:
                file = self._open(path, labels.shard_bytes)
            else:
                file = self._open_cached(self.layout.cache, labels)
        except OSError as error:
            raise self._file_fault(labels, row, error) from error
        content = file.read_at(stop - start, start)
        return [content[offset - start : offset - start + size] for offset, size in ranges]

    def decode(self, labels: ShardLabels, row: int, encoded: bytes) -> NDArray[np.uint8]:
        """Decode the image of a row, and check that it is the one that was built."""
        layout = self.layout
        try:
            image = decode_image(encoded)
        except Exception as error:  # broken bytes make Pillow raise a dozen kinds
            raise self._fault(labels, row, f"no image: {error}") from error
        width = layout.width
        if layout.min_width < width:
            width = labels.read(["width"])["width"][row].as_py()
        if image.shape != (layout.height, width):
            raise self._fault(labels, row, f"an image of shape {image.shape}")
        if layout.check_pixels:
            expected = labels.read(["pixel_hash"])["pixel_hash"][row].as_py()
            if hash_pixels(image) != expected:
                raise self._fault(labels, row, "an image with other pixels")
        return image

    def _read_alone(self, labels: ShardLabels, places: pa.Table, row: int) -> list[bytes]:
        path, size = places["file"][row].as_py(), places["size"][row].as_py()
        try:
            file = self._storage.open_ranges(path)
            found = file.size()
            content = file.read_at(size, 0) if found == size else b""
        except OSError as error:
            raise self._file_fault(labels, row, error) from error
        if found != size:
            raise self._fault(labels, row, f"a file of {found:,} bytes instead of {size:,}")
        return [content]

    def _file_fault(self, labels: ShardLabels, row: int, error: OSError) -> OutputError:
        """Return the error for a row whose image file cannot be opened or read."""
        is_missing = isinstance(error, FileNotFoundError)
        return self._fault(labels, row, "no such file" if is_missing else str(error))

    def _fault(self, labels: ShardLabels, row: int, found: str) -> OutputError:
        place = {
            name: value[row].as_py() for name, value in _columns(labels, [*PLACE_COLUMNS, "width"])
        }
        return self.layout.fault(
            place["file"],
            f"row {row} of shard {labels.name}: expected {place['size']:,} bytes of an image of "
            f"{self.layout.height} x {place['width']} pixels at offset {place['offset']:,}, "
            f"got {found}",
        )


def _open_shard(storage: Storage, path: str, n_bytes: int) -> RangeFile:
    """Open an image file that is to have some bytes."""
    file = storage.open_ranges(path)
    if file.size() != n_bytes:
        raise OSError(f"a file of {file.size():,} bytes instead of {n_bytes:,}")
    return file


def _open_cached(storage: Storage, cache: Cache, labels: ShardLabels) -> RangeFile:
    """Open a shard in a cache, where its images are one file in any case."""
    paths = labels.read(["file"])["file"].unique().to_pylist()

    def fetch() -> bytes:
        with ThreadPoolExecutor(MAX_REQUESTS) as threads:
            return b"".join(threads.map(storage.read, paths))

    def is_sound(content: bytes) -> bool:
        return hash_contents([content]) == labels.shard_sha256

    return cache.open(labels.name, is_sound, fetch)


def _columns(labels: ShardLabels, names: Sequence[str]) -> Iterator[tuple[str, pa.ChunkedArray]]:
    table = labels.read(names)
    return ((name, table[name]) for name in names)


def merge_ranges(offsets: NDArray[np.int64], sizes: NDArray[np.int64]) -> list[list[int]]:
    """Group byte ranges that are so near to each other that one read is best for them.

    Parameters
    ----------
    offsets, sizes : ndarray of int64, shape (N,)

    Returns
    -------
    list of list of int
        Positions in `offsets`, ascending by offset within a group.

    Examples
    --------
    >>> merge_ranges(np.array([900_000, 0, 600]), np.array([10, 500, 10]))
    [[1, 2], [0]]
    """
    groups: list[list[int]] = []
    begin = end = 0
    for position in np.argsort(offsets, kind="stable").tolist():
        offset, stop = int(offsets[position]), int(offsets[position] + sizes[position])
        is_near = offset - end <= MERGE_GAP_BYTES and stop - begin <= MERGE_MAX_BYTES
        if groups and is_near:
            groups[-1].append(position)
            end = max(end, stop)
        else:
            groups.append([position])
            begin, end = offset, stop
    return groups
