"""MDS, the shards of mosaicml-streaming: written here, so that its package is not needed.

::

    SPLIT/shard.00000.mds    one for each shard of the dataset
    SPLIT/index.json

A shard holds, little-endian: uint32 count n; uint32 x (n + 1) where each sample begins, and the
end; a JSON object with names, encodings and sizes of the columns; the samples. A sample holds the
uint32 sizes of its columns of variable size, then all columns, in the order of their names.
"""

from __future__ import annotations

import json
import struct
from itertools import accumulate
from typing import Any

from digit_sequence.base.errors import OutputError
from digit_sequence.exports.format import Format, Index, Piece

_SIZES: dict[str, int | None] = {"image": None, "key": None, "ordinal": 8, "text": None}
"""Columns by name, sorted; bytes of those of fixed size."""
_SIZE_LIMIT = 1 << 26


def _describe_columns(piece: Piece) -> dict[str, Any]:
    image = "png" if piece.extension == ".png" else "jpeg"
    return {
        "column_encodings": [image, "str", "int", "str"],
        "column_names": list(_SIZES),
        "column_sizes": list(_SIZES.values()),
        "compression": None,
        "format": "mds",
        "hashes": [],
        "size_limit": _SIZE_LIMIT,
        "version": 2,
    }


def _encode_config(piece: Piece) -> bytes:
    return json.dumps(_describe_columns(piece), sort_keys=True).encode()


def _head_bytes(piece: Piece) -> int:
    """Return where the first sample begins."""
    return 4 + 4 * (len(piece.rows) + 1) + len(_encode_config(piece))


def _encode_samples(piece: Piece) -> list[bytes]:
    samples = []
    for row, image in zip(piece.rows, piece.images, strict=True):
        key, text = row["key"].encode(), row["number"].encode()
        sizes = struct.pack("<3I", len(image), len(key), len(text))
        ordinal = struct.pack("<q", row["ordinal"])
        samples.append(b"".join([sizes, image, key, ordinal, text]))
    return samples


def _shard_path(piece: Piece) -> str:
    return f"shard.{piece.index:05d}.mds"


def encode_shard(piece: Piece) -> bytes:
    """Return an MDS shard."""
    samples = _encode_samples(piece)
    ends = list(accumulate(map(len, samples), initial=_head_bytes(piece)))
    if ends[-1] >= 1 << 32:
        raise OutputError(
            f"{piece.name}: expected at most 4 GiB, which an MDS shard can hold, got "
            f"{ends[-1]:,} bytes; build the dataset with a smaller output.shard_samples"
        )
    head = struct.pack(f"<{1 + len(ends)}I", len(samples), *ends)
    return b"".join([head, _encode_config(piece), *samples])


def _make_files(piece: Piece) -> dict[str, bytes]:
    return {f"{piece.split}/{_shard_path(piece)}": encode_shard(piece)}


def _make_entry(piece: Piece) -> list[str]:
    n_bytes = _head_bytes(piece) + sum(
        12 + 8 + len(image) + len(row["key"]) + len(row["number"].encode())
        for row, image in zip(piece.rows, piece.images, strict=True)
    )
    entry = _describe_columns(piece) | {
        "raw_data": {"basename": _shard_path(piece), "bytes": n_bytes, "hashes": {}},
        "samples": len(piece.rows),
        "zip_data": None,
    }
    return [json.dumps(entry, sort_keys=True)]


MDS = Format(
    name="mds",
    readers="mosaicml-streaming",
    writes="`SPLIT/shard.00000.mds`, `SPLIT/index.json`",
    make_files=_make_files,
    indexes=(
        Index(
            "{split}/index.json",
            (_make_entry,),
            ('{"version": 2, "shards": [\n', "\n]}\n"),
            ",\n",
        ),
    ),
)
