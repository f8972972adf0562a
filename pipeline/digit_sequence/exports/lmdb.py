"""LMDB, as deep-text-recognition-benchmark, parseq, PaddleOCR and MMOCR read it.

::

    SPLIT/data.mdb    num-samples: N in decimal
                      image-000000001: the encoded image; label-000000001: the number; ... to N

Counting begins at 1. LMDB takes one writer at a time, so shards are put in one after another, each
in one transaction, which is there whole or not at all.
"""

from __future__ import annotations

from pathlib import Path

from digit_sequence.base.errors import OutputError
from digit_sequence.exports.format import Format, Piece

_PAGE = 4096


def write_piece(piece: Piece, folder: Path) -> None:
    """Put a shard into the LMDB of its split, in place of what is there of it.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    import lmdb  # noqa: PLC0415 - an extra

    path = folder / "data.mdb"
    there = path.stat().st_size if path.exists() else 0
    try:
        with (
            lmdb.open(str(folder), map_size=there + bound_bytes(piece)) as environment,
            environment.begin(write=True) as transaction,
        ):
            for row, image in zip(piece.rows, piece.images, strict=True):
                transaction.put(_image_key(row["ordinal"] + 1), image)
                transaction.put(_label_key(row["ordinal"] + 1), row["number"].encode())
            records = transaction.stat(environment.open_db(txn=transaction))["entries"]
            n_samples = records // 2  # this count among them, or not yet
            transaction.put(b"num-samples", str(n_samples).encode())
    except lmdb.Error as error:
        raise OutputError(f"{folder}: cannot be written: {error}") from error


def bound_bytes(piece: Piece) -> int:
    """Return bytes by which a shard makes an LMDB larger, at most.

    An image takes whole pages if it is larger than half of one; every record has keys and headers.
    """
    return sum(map(len, piece.images)) + len(piece.rows) * (_PAGE + 512) + 64 * _PAGE


def _image_key(count: int) -> bytes:
    return f"image-{count:09d}".encode()


def _label_key(count: int) -> bytes:
    return f"label-{count:09d}".encode()


LMDB = Format(
    name="lmdb",
    readers="deep-text-recognition-benchmark, parseq, PaddleOCR, MMOCR",
    writes="`SPLIT/data.mdb`, counted from 1; needs the extra `lmdb`",
    write_piece=write_piece,
    package="lmdb",
    max_digits=25,
    note="Readers leave out labels of more than 25 characters unless they are told otherwise, and "
    "characters that they are not told of: --character, character_dict_path, charset_train. "
    "parseq leaves out spaces unless remove_whitespace is false.",
)
