"""Chunks of litData, as its `optimize` lays them out: written here, so that it is not needed.

::

    SPLIT/chunk-00000.bin    one for each shard of the dataset
    SPLIT/index.json

A chunk holds, little-endian: uint32 count n; uint32 x (n + 1) where each sample begins, and the
end; the samples. A sample holds the uint32 sizes of its four columns, then these: `image`, `key`,
`ordinal` as int64, and `text`. An image is what litData makes of one of Pillow: width, height and
length of the mode as uint32; the mode, which is L; the pixels. It takes no decoding, and is grey.

litData reads MDS as well, but only compressed, and has no decoder for PNG in it.
"""

from __future__ import annotations

import json
import struct
from itertools import accumulate
from typing import Any

from digit_sequence.base.errors import OutputError
from digit_sequence.exports.format import Format, Index, Piece, Row

_COLUMNS = ("image", "key", "ordinal", "text")
_LEAF: dict[str, Any] = {"type": None, "context": None, "children_spec": []}
_SPEC = {
    "type": "builtins.dict",
    "context": json.dumps(_COLUMNS),
    "children_spec": [_LEAF] * len(_COLUMNS),
}
"""A dict, as PyTorch's pytree writes it, version 1."""
_CONFIG: dict[str, Any] = {
    "chunk_bytes": None,
    "chunk_size": None,
    "compression": None,
    "data_format": ["pil", "str", "int", "str"],
    "data_spec": json.dumps([1, _SPEC]),
    "encryption": None,
    "item_loader": "PyTreeLoader",
}
_MODE = b"L"


def _find_ends(piece: Piece) -> list[int]:
    """Return where each sample begins, and the end."""
    head = 4 + 4 * (len(piece.rows) + 1)
    fixed = 4 * len(_COLUMNS) + 3 * 4 + len(_MODE) + 8
    sizes = (
        fixed + row["height"] * row["width"] + len(row["key"]) + len(row["number"].encode())
        for row in piece.rows
    )
    return list(accumulate(sizes, initial=head))


def _encode_sample(row: Row, image: bytes) -> bytes:
    from digit_sequence.codec.decoding import decode_image  # noqa: PLC0415 - -h needs none of it

    pixels = decode_image(image)
    height, width = pixels.shape
    head = struct.pack("<3I", width, height, len(_MODE))
    columns = (
        head + _MODE + pixels.tobytes(),
        row["key"].encode(),
        struct.pack("<q", row["ordinal"]),
        row["number"].encode(),
    )
    return struct.pack(f"<{len(columns)}I", *map(len, columns)) + b"".join(columns)


def encode_chunk(piece: Piece) -> bytes:
    """Return a chunk."""
    ends = _find_ends(piece)
    if ends[-1] >= 1 << 32:
        raise OutputError(
            f"{piece.name}: expected at most 4 GiB, which a chunk of litData can hold, got "
            f"{ends[-1]:,} bytes; build the dataset with a smaller output.shard_samples"
        )
    samples = map(_encode_sample, piece.rows, piece.images)
    return struct.pack(f"<{1 + len(ends)}I", len(piece.rows), *ends) + b"".join(samples)


def _name_chunk(piece: Piece) -> str:
    return f"chunk-{piece.index:05d}.bin"


def _make_files(piece: Piece) -> dict[str, bytes]:
    return {f"{piece.split}/{_name_chunk(piece)}": encode_chunk(piece)}


def _make_entry(piece: Piece) -> list[str]:
    entry = {
        "chunk_bytes": _find_ends(piece)[-1],
        "chunk_size": len(piece.rows),
        "dim": None,
        "filename": _name_chunk(piece),
    }
    return [json.dumps(entry)]


def _make_config(piece: Piece) -> list[str]:
    """Return what is said once: by the first shard."""
    return [json.dumps(_CONFIG)] if piece.index == 0 else []


LITDATA = Format(
    name="litdata",
    readers="litData",
    writes="`SPLIT/chunk-00000.bin`, `SPLIT/index.json`; images as pixels, four times as large",
    make_files=_make_files,
    indexes=(
        Index(
            "{split}/index.json",
            (_make_config, _make_entry),
            ('{"config": ', ',\n"chunks": [\n', "\n]}\n"),
            ",\n",
        ),
    ),
    columns=("key", "number", "ordinal", "height", "width"),
)
