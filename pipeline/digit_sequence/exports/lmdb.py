"""LMDB, as deep-text-recognition-benchmark, parseq, PaddleOCR and MMOCR read it.

::

    SPLIT/data.mdb    num-samples: N in decimal
                      image-000000001: the encoded image; label-000000001: the number; ... to N

Counting begins at 1. LMDB takes one writer at a time, so a split is written by one task; it goes
on where a stopped one was, since a transaction is there whole or not at all.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from digit_sequence.base.errors import OutputError
from digit_sequence.exports.format import Format

if TYPE_CHECKING:
    from digit_sequence.read.dataset import Dataset
    from digit_sequence.read.split import Split

COMMIT_SAMPLES = 1000
_PAGE = 4096


def write_split(split: Split, folder: Path) -> None:
    """Write a split, or what is missing of it, as an LMDB.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    import lmdb  # noqa: PLC0415 - an extra

    path = folder / split.name
    path.mkdir(parents=True, exist_ok=True)
    try:
        with lmdb.open(str(path), map_size=bound_bytes(split)) as environment:
            for start in range(_count_written(environment), len(split), COMMIT_SAMPLES):
                stop = min(start + COMMIT_SAMPLES, len(split))
                write_samples(environment, split, range(start, stop))
            with environment.begin(write=True) as transaction:
                transaction.put(b"num-samples", str(len(split)).encode())
    except lmdb.Error as error:
        raise OutputError(f"{path}: cannot be written: {error}") from error


def bound_bytes(split: Split) -> int:
    """Return bytes that the LMDB of a split does not exceed: its map size.

    An image takes whole pages if it is larger than half of one; every record has keys and headers.
    """
    dataset = cast("Dataset", split.dataset)
    shard_bytes: int = dataset.manifest["splits"][split.name]["bytes"]
    return shard_bytes + len(split) * (_PAGE + 512) + 64 * _PAGE


def _count_written(environment: Any) -> int:
    """Return how many samples are there: the labels that follow each other from 1 on."""
    with environment.begin() as transaction:
        low, high = 0, int(environment.stat()["entries"])
        while low < high:  # the largest n whose label is there
            middle = (low + high + 1) // 2
            is_there = transaction.get(_label_key(middle)) is not None
            low, high = (middle, high) if is_there else (low, middle - 1)
    return low


def write_samples(environment: Any, split: Split, positions: range) -> None:
    """Write some samples in one transaction."""
    images = split.read_encoded(positions, check=True)
    numbers = split.read_labels(positions, ["number"])["number"].to_pylist()
    with environment.begin(write=True) as transaction:
        for position, image, number in zip(positions, images, numbers, strict=True):
            transaction.put(_image_key(position + 1), image)
            transaction.put(_label_key(position + 1), number.encode())


def _image_key(count: int) -> bytes:
    return f"image-{count:09d}".encode()


def _label_key(count: int) -> bytes:
    return f"label-{count:09d}".encode()


LMDB = Format(
    name="lmdb",
    readers="deep-text-recognition-benchmark, parseq, PaddleOCR, MMOCR",
    writes="`SPLIT/data.mdb`, counted from 1; needs the extra `lmdb`",
    write_split=write_split,
    package="lmdb",
    max_digits=25,
    note="Readers leave out labels of more than 25 characters unless they are told otherwise, and "
    "characters that they are not told of: --character, character_dict_path, charset_train. "
    "parseq leaves out spaces unless remove_whitespace is false.",
)
