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
import tarfile
from collections.abc import Callable
from dataclasses import dataclass

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.labels import add_places
from pipeline.plan import Shard


@dataclass(frozen=True)
class Packed:
    """A shard ready to be written."""

    files: dict[str, bytes]
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


def pack_webdataset(shard: Shard, rows: pa.Table, images: list[bytes], extension: str) -> Packed:
    """Pack a shard as one tar file."""
    path = f"images/{shard.split}/{shard.name}.tar"
    parts: list[bytes] = []
    offsets = []
    position = 0
    for row, image in zip(rows.to_pylist(), images, strict=True):
        key = row["key"].encode()
        row["file"], row["offset"], row["size"] = path, position + tarfile.BLOCKSIZE, len(image)
        offsets.append(row["offset"])
        for name, content in (
            (key + extension.encode(), image),
            (key + b".json", orjson.dumps(row)),
        ):
            padding = -len(content) % tarfile.BLOCKSIZE
            parts += (make_header(name, len(content)), content, bytes(padding))
            position += tarfile.BLOCKSIZE + len(content) + padding
    # The end of an archive is two blocks of zeros, and files are multiples of a record.
    end = 2 * tarfile.BLOCKSIZE
    parts.append(bytes(end + -(position + end) % tarfile.RECORDSIZE))
    placed = add_places(rows, [path] * len(images), offsets, list(map(len, images)))
    return Packed({path: b"".join(parts)}, placed)


_BLANK = tarfile.TarInfo().tobuf(tarfile.USTAR_FORMAT)  # mtime, uid, gid 0 and no names
_BLANK_SUM = sum(_BLANK[:124] + _BLANK[136:148] + b" " * 8 + _BLANK[156:])


def make_header(name: bytes, size: int) -> bytes:
    """Return the USTAR header of a member; `tarfile` takes twenty times as long to make it.

    Parameters
    ----------
    name : bytes
        At most 100.
    size : int
        Bytes of the member.

    Notes
    -----
    Offsets of fields: name 0, size 124, time 136, checksum 148, type 156 (POSIX.1-1988). The
    checksum is the sum of all bytes, its own field taken as blanks.
    """
    digits = b"%011o\0" % size
    checksum = b"%06o\0 " % (_BLANK_SUM + sum(name) + sum(digits))
    return b"".join(
        (name.ljust(100, b"\0"), _BLANK[100:124], digits, _BLANK[136:148], checksum, _BLANK[156:])
    )


def pack_parquet(shard: Shard, rows: pa.Table, images: list[bytes], extension: str) -> Packed:
    """Pack a shard as one Parquet file, in the form that HF datasets takes for images."""
    path = f"images/{shard.split}/{shard.name}.parquet"
    names = [f"{key}{extension}" for key in rows["key"].to_pylist()]
    fields = [
        pa.field("bytes", pa.binary(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
    ]
    table = pa.table(
        [
            pa.StructArray.from_arrays([pa.array(images), pa.array(names)], fields=fields),
            rows["number"],
        ],
        schema=pa.schema(
            [
                pa.field("image", pa.struct(fields), nullable=False),
                pa.field("text", pa.string(), nullable=False),
            ]
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
    placed = add_places(rows, [path] * len(images), offsets, list(map(len, images)))
    return Packed({path: content}, placed)


def pack_files(shard: Shard, rows: pa.Table, images: list[bytes], extension: str) -> Packed:
    """Pack a shard as one file per image."""
    return pack_folders(f"images/{shard.split}/", rows, images, extension)


def pack_folders(root: str, rows: pa.Table, images: list[bytes], extension: str) -> Packed:
    """Pack samples as one file per image, in a folder for each number under `root`."""
    identities = zip(rows["number"].to_pylist(), rows["sample_index"].to_pylist(), strict=True)
    paths = [f"{root}{number}/{number}_{index}{extension}" for number, index in identities]
    placed = add_places(rows, paths, [0] * len(images), list(map(len, images)))
    return Packed(dict(zip(paths, images, strict=True)), placed)


Pack = Callable[[Shard, pa.Table, list[bytes], str], Packed]
CONTAINERS: dict[str, Pack] = {
    "webdataset": pack_webdataset,
    "parquet": pack_parquet,
    "files": pack_files,
}
"""By the name in the config."""
