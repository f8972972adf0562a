"""Containers: how the encoded images of a shard become files.

===========  =====================================================================================
webdataset   images/SPLIT/SHARD.tar: uncompressed USTAR; for each sample KEY.png (or .jpg), then
             KEY.json, its label row; mtime, uid and gid are 0
parquet      images/SPLIT/SHARD.parquet: image struct<bytes, path>, text; not compressed, so that
             an image can be read at its offset
files        images/SPLIT/NUMBER/NUMBER_INDEX.png (or .jpg): a folder for each number
===========  =====================================================================================
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from digit_sequence.base.engines import Engine
from digit_sequence.plan.plan import Shard
from digit_sequence.store.labels import add_places
from digit_sequence.store.storage import Content

_HF_FEATURES = {
    "info": {
        "features": {"image": {"_type": "Image"}, "text": {"dtype": "string", "_type": "Value"}}
    }
}
"""For the footer, as HF datasets writes it: without it, or if a column may not be null, HF reads an
image as a dict."""


@dataclass(frozen=True)
class Packed:
    """A shard ready to be written."""

    files: Mapping[str, Content]
    """By path in the dataset."""
    rows: pa.Table
    """Label rows, places filled in."""

    @property
    def n_bytes(self) -> int:
        """Bytes of all its files."""
        return sum(map(len, self.files.values()))

    @property
    def sha256(self) -> str:
        """Digest of its files, one after another."""
        digest = hashlib.sha256()
        for content in self.files.values():
            digest.update(content)
        return digest.hexdigest()


Batch = tuple[pa.Table, list[bytes]]
"""Label rows, all columns but those of their place, and the encoded images."""


def pack_webdataset(
    shard: Shard, batches: Iterable[Batch], extension: str, engine: Engine
) -> Packed:
    """Pack a shard as one tar file."""
    path = f"images/{shard.split}/{shard.name}.tar"
    content = Buffer(shard.n_samples)
    placed = []
    for rows, images in batches:
        offsets = _WRITERS[engine](rows, images, extension, path, content)
        placed.append(add_places(rows, path, offsets, list(map(len, images))))
    # The end is marked by two blocks of zeros, and files are multiples of a record.
    end = 2 * tarfile.BLOCKSIZE
    content.append(bytes(end + -(content.size + end) % tarfile.RECORDSIZE), shard.n_samples)
    return Packed({path: content.view()}, pa.concat_tables(placed).combine_chunks())


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

    def reserve(self, room: int, n_samples: int) -> NDArray[np.uint8]:
        """Return `room` bytes after the end for some samples; raise `size` by what is used."""
        if self.size + room > len(self._array):
            whole = 2 * room * self._n_samples // n_samples
            larger = np.empty(max(whole, 2 * len(self._array), self.size + room), np.uint8)
            larger[: self.size] = self._array[: self.size]
            self._array = larger
        return self._array[self.size :]

    def append(self, content: bytes, n_samples: int) -> None:
        """Add what belongs to some samples to the end."""
        free = self.reserve(len(content), n_samples)
        free[: len(content)] = np.frombuffer(content, np.uint8)
        self.size += len(content)

    def view(self) -> memoryview:
        """Return all bytes."""
        return self._array[: self.size].data


def _write_members(
    rows: pa.Table, images: list[bytes], extension: str, path: str, target: Buffer
) -> list[int]:
    """Append images and their rows as members of a tar file; return the offsets of the images."""
    parts: list[bytes] = []
    offsets = []
    position = target.size
    for row, image in zip(rows.to_pylist(), images, strict=True):
        offsets.append(position + tarfile.BLOCKSIZE)
        row |= {"file": path, "offset": offsets[-1], "size": len(image)}
        text = json.dumps(row, separators=(",", ":")).encode()
        for name, content in ((row["key"] + extension, image), (row["key"] + ".json", text)):
            member = tarfile.TarInfo(name)  # mtime, uid and gid 0
            member.size = len(content)
            padding = -len(content) % tarfile.BLOCKSIZE
            parts += (member.tobuf(tarfile.USTAR_FORMAT), content, bytes(padding))
            position += tarfile.BLOCKSIZE + len(content) + padding
    target.append(b"".join(parts), len(images))
    return offsets


def _write_members_compiled(
    rows: pa.Table, images: list[bytes], extension: str, path: str, target: Buffer
) -> list[int]:
    from digit_sequence.store.members import write_members  # noqa: PLC0415 - numba is optional

    return write_members(rows, images, extension, path, target)


_WRITERS: dict[Engine, Callable[..., list[int]]] = {
    "skimage": _write_members,
    "numba": _write_members_compiled,
}


def pack_parquet(shard: Shard, batches: Iterable[Batch], extension: str, _engine: Engine) -> Packed:
    """Pack a shard as one Parquet file, in the form that HF datasets takes for images."""
    rows, images = _join_batches(batches)
    path = f"images/{shard.split}/{shard.name}.parquet"
    names = [f"{key}{extension}" for key in rows["key"].to_pylist()]
    fields = [pa.field("bytes", pa.binary()), pa.field("path", pa.string())]
    table = pa.table(
        [
            pa.StructArray.from_arrays([pa.array(images), pa.array(names)], fields=fields),
            rows["number"],
        ],
        schema=pa.schema(
            [pa.field("image", pa.struct(fields)), pa.field("text", pa.string())],
            metadata={"huggingface": json.dumps(_HF_FEATURES)},
        ),
    )
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="none", use_dictionary=False, write_statistics=False)
    content: bytes = sink.getvalue().to_pybytes()
    offsets, position = [], 0
    for image in images:  # plain encoding keeps them whole and in order
        position = content.index(image, position)
        offsets.append(position)
        position += len(image)
    placed = add_places(rows, path, offsets, list(map(len, images)))
    return Packed({path: content}, placed)


def pack_files(shard: Shard, batches: Iterable[Batch], extension: str, _engine: Engine) -> Packed:
    """Pack a shard as one file per image."""
    return pack_folders(f"images/{shard.split}/", batches, extension)


def pack_folders(root: str, batches: Iterable[Batch], extension: str) -> Packed:
    """Pack samples as one file per image, in a folder for each number under `root`."""
    rows, images = _join_batches(batches)
    identities = zip(rows["number"].to_pylist(), rows["sample_index"].to_pylist(), strict=True)
    paths = [f"{root}{number}/{number}_{index}{extension}" for number, index in identities]
    placed = add_places(rows, paths, [0] * len(images), list(map(len, images)))
    return Packed(dict(zip(paths, images, strict=True)), placed)


def _join_batches(batches: Iterable[Batch]) -> Batch:
    tables, images = zip(*batches, strict=True)
    return pa.concat_tables(tables).combine_chunks(), list(chain(*images))


Pack = Callable[[Shard, Iterable[Batch], str, Engine], Packed]
CONTAINERS: dict[str, Pack] = {
    "webdataset": pack_webdataset,
    "parquet": pack_parquet,
    "files": pack_files,
}
"""By the name in the config."""
