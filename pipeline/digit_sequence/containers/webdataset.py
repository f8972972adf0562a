"""One tar file for each shard: ``images/SPLIT/SHARD.tar``, as webdataset and HF datasets read it.

Uncompressed USTAR (POSIX.1-1988); for each sample KEY.png (or .jpg), then its sidecar, KEY.json or
KEY.txt. Of a header, one block, these fields are not the same for all members:

========  ========  =================================================================
bytes     field     value
========  ========  =================================================================
0-99      name      KEY and extension, zeros behind it
124-134   size      octal digits
148-155   checksum  sum of all bytes, these counted as blanks: octal digits, zero, blank
========  ========  =================================================================
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from tarfile import BLOCKSIZE

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from digit_sequence.containers.container import (
    Batch,
    Container,
    Packed,
    Row,
    SampleFiles,
    Target,
    place_rows,
    set_offsets,
)
from digit_sequence.containers.sidecars import SIDECARS

_NAME_BYTES = 100
_SIZE, _CHECKSUM = slice(124, 135), slice(148, 154)
_BLANK = np.frombuffer(tarfile.TarInfo().tobuf(tarfile.USTAR_FORMAT), np.uint8).copy()
_BLANK[_SIZE] = 0
_BLANK[148:156] = ord(" ")
"""A header without name and size, blanks for its checksum."""
_PADDING = [bytes(-size % BLOCKSIZE) for size in range(BLOCKSIZE)]
"""What fills a block, by the size of what is in it."""
_JOINED_MEMBERS = 512
"""So many are joined at a time: what that takes stays in the processor's cache."""


class Webdataset(Container):
    """A tar of images and sidecars."""

    name = "webdataset"
    suffix = "tar"
    sidecars = SIDECARS
    sample_files = SampleFiles(
        includes="*{}",
        fields={
            # To join, mlcroissant puts keys in place of the names, and seeks a key in each again.
            "key": {"extract": {"fileProperty": "filename"}, "transform": {"regex": "([^.]+)"}},
            "split": {
                "extract": {"fileProperty": "fullpath"},
                "transform": {"regex": r"([a-z]+)-.+\{}"},
            },
            "image": {"extract": {"fileProperty": "content"}},
        },
        archive_type="application/x-tar",
        joined="key",
    )

    def pack(self, target: Target, batches: Iterable[Batch]) -> Packed:
        """Pack a shard as one tar file."""
        (path,) = self.paths(target, ())
        content = Buffer(target.n_samples)
        placed = [_append_members(target, path, content, *batch) for batch in batches]
        # The end is marked by two blocks of zeros, and files are multiples of a record.
        end = 2 * BLOCKSIZE
        content.append(bytes(end + -(content.size + end) % tarfile.RECORDSIZE), target.n_samples)
        return Packed({path: content.view()}, pa.concat_tables(placed).combine_chunks())

    def walk(
        self, target: Target, rows: Sequence[Row], files: Mapping[str, bytes]
    ) -> Iterator[str]:
        """Compare names, places and sidecars with the members of the tar."""
        (content,) = files.values()
        sidecar = SIDECARS[target.sidecar]
        extensions = (target.extension, sidecar.extension)
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            members = tar.getmembers()
        expected = [f"{row['key']}{extension}" for row in rows for extension in extensions]
        if [member.name for member in members] != expected:
            yield "members are not those of the rows"
            return
        for row, image, label in zip(rows, members[::2], members[1::2], strict=True):
            if (image.offset_data, image.size) != (row["offset"], row["size"]):
                yield f"{row['key']}: offset and size are not those of the member"
            if not sidecar.is_of(content[label.offset_data :][: label.size], row):
                yield f"{row['key']}: {sidecar.fault}"


class Buffer:
    """Bytes of a shard, which grow at their end.

    An array of NumPy's, whose memory is in huge pages where there are such: touching a new one of
    4 kB at a time takes longer than filling it. Memory that is never touched is none: there is room
    for twice what the first samples let expect.
    """

    def __init__(self, n_samples: int) -> None:
        self.size = 0
        self._n_samples = n_samples
        self._array = np.empty(0, np.uint8)

    def append(self, content: bytes, n_samples: int) -> None:
        """Add what belongs to some samples to the end."""
        end = self.size + len(content)
        if end > len(self._array):
            whole = 2 * len(content) * self._n_samples // n_samples
            larger = np.empty(max(whole, 2 * len(self._array), end), np.uint8)
            larger[: self.size] = self._array[: self.size]
            self._array = larger
        self._array[self.size : end] = np.frombuffer(content, np.uint8)
        self.size = end

    def view(self) -> memoryview:
        """Return all bytes."""
        return self._array[: self.size].data


def _append_members(
    target: Target, path: str, content: Buffer, rows: pa.Table, images: list[bytes]
) -> pa.Table:
    """Append images and their sidecars as members of a tar file; return the rows with places."""
    sidecar = SIDECARS[target.sidecar]
    extensions = (target.extension, sidecar.extension)
    names = [f"{key}{extension}" for key in rows["key"].to_pylist() for extension in extensions]
    rows = place_rows(rows, path, [0] * len(images), images)
    bodies: list[bytes] = []
    offsets = []
    position = content.size
    for image, unplaced in zip(images, sidecar.encode(rows), strict=True):
        offsets.append(position + BLOCKSIZE)
        text = sidecar.place(unplaced, offsets[-1])
        bodies += (image, text)
        position += (2 - -len(image) // BLOCKSIZE - -len(text) // BLOCKSIZE) * BLOCKSIZE
    for start in range(0, len(bodies), _JOINED_MEMBERS):
        some = slice(start, start + _JOINED_MEMBERS)
        content.append(_join_members(names[some], bodies[some]), len(bodies[some]) // 2)
    return set_offsets(rows, offsets)


def _join_members(names: Sequence[str], bodies: Sequence[bytes]) -> bytes:
    """Return members of a tar file, one after another."""
    headers = make_headers(names, np.array(list(map(len, bodies))))
    paddings = [_PADDING[len(body) % BLOCKSIZE] for body in bodies]
    return b"".join(chain.from_iterable(zip(headers, bodies, paddings, strict=True)))


def make_headers(names: Sequence[str], sizes: NDArray[np.int64]) -> list[bytes]:
    """Return the headers of members, as tarfile makes them one by one.

    Parameters
    ----------
    names : sequence of str
        At most 100 ASCII characters each.
    sizes : ndarray of int64, shape (N,)
        Bytes of each member.
    """
    texts = np.array(names, "S")
    texts = texts.view(np.uint8).reshape(len(names), texts.itemsize)
    assert texts.shape[1] <= _NAME_BYTES
    digits = _to_octal(sizes, 11)
    headers = np.tile(_BLANK, (len(names), 1))
    headers[:, : texts.shape[1]] = texts
    headers[:, _SIZE] = digits
    sums = sum(part.sum(axis=1, dtype=np.int64) for part in (_BLANK[None], texts, digits))
    headers[:, _CHECKSUM] = _to_octal(sums, 6)
    headers[:, _CHECKSUM.stop] = 0
    rows: list[bytes] = headers.view(f"V{BLOCKSIZE}").ravel().tolist()
    return rows


def _to_octal(values: NDArray[np.int64], n_digits: int) -> NDArray[np.uint8]:
    """Return the ASCII codes of octal digits, zeros on the left: shape (N, n_digits)."""
    places = 3 * np.arange(n_digits)[::-1]
    return (values[:, None] >> places & 7).astype(np.uint8) + np.uint8(ord("0"))
