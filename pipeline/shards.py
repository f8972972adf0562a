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
import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.labels import add_places
from pipeline.plan import Shard

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
    buffer = io.BytesIO()
    offsets = []
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for row, image in zip(rows.to_pylist(), images, strict=True):
            offset = tar.offset + tarfile.BLOCKSIZE
            _add_member(tar, f"{row['key']}{extension}", image)
            row |= {"file": path, "offset": offset, "size": len(image)}
            _add_member(tar, f"{row['key']}.json", json.dumps(row, separators=(",", ":")).encode())
            offsets.append(offset)
    placed = add_places(rows, [path] * len(images), offsets, list(map(len, images)))
    return Packed({path: buffer.getvalue()}, placed)


def _add_member(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)  # mtime, uid, gid 0 and no names
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def pack_parquet(shard: Shard, rows: pa.Table, images: list[bytes], extension: str) -> Packed:
    """Pack a shard as one Parquet file, in the form that HF datasets takes for images."""
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
