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

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.engines import Engine
from pipeline.labels import add_places
from pipeline.plan import Shard
from pipeline.storage import Content

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
    content = bytearray()
    placed = []
    for rows, images in batches:
        place = Place(path, len(content))
        members, offsets = _WRITERS[engine](rows, images, extension, place)
        content += members
        placed.append(add_places(rows, path, offsets, list(map(len, images))))
    # The end is marked by two blocks of zeros, and files are multiples of a record.
    content += bytes(2 * tarfile.BLOCKSIZE)
    content += bytes(-len(content) % tarfile.RECORDSIZE)
    return Packed({path: content}, pa.concat_tables(placed).combine_chunks())


@dataclass(frozen=True)
class Place:
    """Where members are written."""

    path: str
    """Of the tar file in the dataset."""
    position: int
    """Bytes of the file before them."""


def _write_members(
    rows: pa.Table, images: list[bytes], extension: str, place: Place
) -> tuple[bytes, list[int]]:
    """Return images and their rows as members of a tar file, and the offsets of the images."""
    parts: list[bytes] = []
    offsets = []
    position = place.position
    for row, image in zip(rows.to_pylist(), images, strict=True):
        offsets.append(position + tarfile.BLOCKSIZE)
        row |= {"file": place.path, "offset": offsets[-1], "size": len(image)}
        text = json.dumps(row, separators=(",", ":")).encode()
        for name, content in ((row["key"] + extension, image), (row["key"] + ".json", text)):
            member = tarfile.TarInfo(name)  # mtime, uid and gid 0
            member.size = len(content)
            padding = -len(content) % tarfile.BLOCKSIZE
            parts += (member.tobuf(tarfile.USTAR_FORMAT), content, bytes(padding))
            position += tarfile.BLOCKSIZE + len(content) + padding
    return b"".join(parts), offsets


def _write_members_compiled(
    rows: pa.Table, images: list[bytes], extension: str, place: Place
) -> tuple[memoryview, list[int]]:
    from pipeline.members import write_members  # noqa: PLC0415 - numba is optional

    return write_members(rows, images, extension, place)


_WRITERS: dict[Engine, Callable[..., tuple[bytes | memoryview, list[int]]]] = {
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
