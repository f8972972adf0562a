"""TFRecord, the shards of tf.data: written here, so that TensorFlow is not needed.

::

    SPLIT/SPLIT-00000.tfrecord    one for each shard of the dataset

A record holds, little-endian: uint64 length; its checksum; the data; their checksum. Checksums are
masked CRC32C. The data are a ``tf.train.Example`` with ``image/encoded``, ``image/format``,
``image/height``, ``image/width``, ``key``, ``text`` and, for each digit, ``digit`` and
``bbox/ymin``, ``bbox/xmin``, ``bbox/ymax``, ``bbox/xmax`` as shares of height and width. Of signs
``digit`` is 10 and up, in the order of the dataset's alphabet.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from digit_sequence.exports.format import BOX_COLUMNS, Format, Piece, Row

_POLYNOMIAL = 0x82F63B78
_MASK_DELTA = 0xA282EAD8
Value = bytes | int | Sequence[int] | Sequence[float]


def _make_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        word = byte
        for _ in range(8):
            word = word >> 1 ^ _POLYNOMIAL * (word & 1)
        table.append(word)
    return tuple(table)


_TABLE = _make_table()


def checksum(data: bytes) -> int:
    """Return the CRC32C of some bytes.

    >>> hex(checksum(b"123456789"))
    '0xe3069283'
    """
    word = 0xFFFFFFFF
    for byte in data:
        word = word >> 8 ^ _TABLE[(word ^ byte) & 0xFF]
    return word ^ 0xFFFFFFFF


def _encode_checksum(data: bytes) -> bytes:
    word = checksum(data)
    return struct.pack("<I", ((word >> 15 | word << 17) + _MASK_DELTA) & 0xFFFFFFFF)


def encode_record(data: bytes) -> bytes:
    """Return a record of a TFRecord file."""
    length = struct.pack("<Q", len(data))
    return b"".join([length, _encode_checksum(length), data, _encode_checksum(data)])


def encode_example(features: dict[str, Value]) -> bytes:
    """Return a ``tf.train.Example``, features sorted by name."""
    entries = [
        _field(1, _field(1, name.encode()) + _field(2, _encode_feature(features[name])))
        for name in sorted(features)
    ]
    return _field(1, b"".join(entries))


def _encode_feature(value: Value) -> bytes:
    if isinstance(value, bytes):
        return _field(1, _field(1, value))
    values = [value] if isinstance(value, int) else value
    if any(isinstance(item, float) for item in values):
        return _field(2, _field(1, struct.pack(f"<{len(values)}f", *values)))
    return _field(3, _field(1, b"".join(_encode_integer(int(item)) for item in values)))


def _field(number: int, content: bytes) -> bytes:
    """Return a field of a protocol buffer that has a length."""
    return _encode_integer(number << 3 | 2) + _encode_integer(len(content)) + content


def _encode_integer(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _list_features(piece: Piece, row: Row, image: bytes) -> dict[str, Value]:
    height, width = row["height"], row["width"]
    boxes = row["boxes"]
    sides = (
        *(("ymin", "top", height), ("xmin", "left", width)),
        *(("ymax", "bottom", height), ("xmax", "right", width)),
    )
    features: dict[str, Value] = {
        "image/encoded": image,
        "image/format": b"png" if piece.extension == ".png" else b"jpeg",
        "image/height": height,
        "image/width": width,
        "key": row["key"].encode(),
        "text": row["number"].encode(),
        "digit": [piece.find_class(box) for box in boxes],
    }
    return features | {
        f"bbox/{name}": [box[side] / size for box in boxes] for name, side, size in sides
    }


def _make_files(piece: Piece) -> dict[str, bytes]:
    records = (
        encode_record(encode_example(_list_features(piece, row, image)))
        for row, image in zip(piece.rows, piece.images, strict=True)
    )
    name = f"{piece.split}/{piece.split}-{piece.index:05d}.tfrecord"
    return {name: b"".join(records)}


TFRECORD = Format(
    name="tfrecord",
    readers="TensorFlow's tf.data, Keras",
    writes="`SPLIT/SPLIT-00000.tfrecord`: tf.train.Example with `image/encoded`, `text`, boxes",
    make_files=_make_files,
    columns=BOX_COLUMNS,
)
