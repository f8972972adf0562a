"""Boxes as Ultralytics reads them, class 0 = digit 0; signs follow, class 10 and up.

::

    images/SPLIT/KEY.png
    labels/SPLIT/KEY.txt    class, centre column, centre row, width, height, in shares of the image
    data.yaml               the folder of each split, the names of the classes
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from digit_sequence.exports.format import BOX_COLUMNS, Format, Piece, Row

if TYPE_CHECKING:
    from digit_sequence.read.dataset import Dataset


def put_labels(
    make_lines: Callable[[Piece, Row], list[str]],
) -> Callable[[Piece], dict[str, bytes]]:
    """Return what puts the images of a shard, and a file of lines for each, into their folders."""

    def make_files(piece: Piece) -> dict[str, bytes]:
        files = {}
        for row, image in zip(piece.rows, piece.images, strict=True):
            files[f"images/{piece.split}/{piece.image_name(row)}"] = image
            files[f"labels/{piece.split}/{row['key']}.txt"] = "".join(
                make_lines(piece, row)
            ).encode()
        return files

    return make_files


def _make_lines(piece: Piece, row: Row) -> list[str]:
    return [
        f"{piece.find_class(box)} {_make_shares(box, row['height'], row['width'])}\n"
        for box in row["boxes"]
    ]


def _make_shares(box: dict[str, int], height: int, width: int) -> str:
    shares = (
        (box["left"] + box["right"]) / 2 / width,
        (box["top"] + box["bottom"]) / 2 / height,
        (box["right"] - box["left"]) / width,
        (box["bottom"] - box["top"]) / height,
    )
    return " ".join(f"{share:.8f}" for share in shares)


def make_extras(dataset: Dataset) -> dict[str, str]:
    """Return data.yaml."""
    # Without `path`, Ultralytics looks beside the file itself.
    lines = [f"{split}: images/{split}\n" for split in dataset]
    names = [f'  {n}: "{name}"\n' for n, name in enumerate(dataset.classes)]
    return {"data.yaml": "".join([*lines, "names:\n", *names])}


YOLO = Format(
    name="yolo",
    readers="Ultralytics",
    writes="`images/SPLIT/`, `labels/SPLIT/`, `data.yaml`; class = digit",
    make_files=put_labels(_make_lines),
    make_extras=make_extras,
    columns=BOX_COLUMNS,
)
