"""Formats of object detection: a box for every digit.

====  ========================================================================================
yolo  images/SPLIT/KEY.png; labels/SPLIT/KEY.txt: class, centre column, centre row, width,
      height, in shares of the image, class 0 = digit 0; data.yaml
coco  SPLIT/KEY.png; annotations/instances_SPLIT.json: boxes [left, top, width, height] in
      pixels, category_id = digit + 1, for 0 means background to many detectors
====  ========================================================================================
"""

from __future__ import annotations

import json
from typing import Any

from digit_sequence.exports.formats import Format, Index, Piece
from digit_sequence.read.dataset import Dataset

_COLUMNS = ("key", "number", "ordinal", "height", "width", "boxes")
_IDS_PER_IMAGE = 100
"""More than digits of a number: annotation ids are unique in a split and need no counting."""


def _yolo_files(piece: Piece) -> dict[str, bytes]:
    files = {}
    for row, image in zip(piece.rows, piece.images, strict=True):
        lines = [_yolo_line(box, row["height"], row["width"]) for box in row["boxes"]]
        files[f"images/{piece.split}/{piece.image_name(row)}"] = image
        files[f"labels/{piece.split}/{row['key']}.txt"] = "".join(lines).encode()
    return files


def _yolo_line(box: dict[str, int], height: int, width: int) -> str:
    shares = (
        (box["left"] + box["right"]) / 2 / width,
        (box["top"] + box["bottom"]) / 2 / height,
        (box["right"] - box["left"]) / width,
        (box["bottom"] - box["top"]) / height,
    )
    return f"{box['digit']} {' '.join(f'{share:.8f}' for share in shares)}\n"


def _yolo_extras(dataset: Dataset) -> dict[str, str]:
    # Without `path`, Ultralytics looks beside the file itself.
    lines = [f"{split}: images/{split}\n" for split in dataset]
    names = [f'  {digit}: "{digit}"\n' for digit in range(10)]
    return {"data.yaml": "".join([*lines, "names:\n", *names])}


def _coco_images(piece: Piece) -> list[str]:
    return [
        json.dumps(
            {
                "id": row["ordinal"] + 1,
                "file_name": piece.image_name(row),
                "height": row["height"],
                "width": row["width"],
                "text": row["number"],
            }
        )
        for row in piece.rows
    ]


def _coco_annotations(piece: Piece) -> list[str]:
    return [
        json.dumps(_coco_box(row["ordinal"] + 1, slot, box))
        for row in piece.rows
        for slot, box in enumerate(row["boxes"])
    ]


def _coco_box(image_id: int, slot: int, box: dict[str, int]) -> dict[str, Any]:
    width, height = box["right"] - box["left"], box["bottom"] - box["top"]
    return {
        "id": image_id * _IDS_PER_IMAGE + slot,
        "image_id": image_id,
        "category_id": box["digit"] + 1,
        "bbox": [box["left"], box["top"], width, height],
        "area": width * height,
        "iscrowd": 0,
    }


def _coco_files(piece: Piece) -> dict[str, bytes]:
    names = [f"{piece.split}/{piece.image_name(row)}" for row in piece.rows]
    return dict(zip(names, piece.images, strict=True))


_CATEGORIES = [{"id": digit + 1, "name": str(digit)} for digit in range(10)]
_COCO_TEXTS = (
    f'{{"info": {{}}, "licenses": [], "categories": {json.dumps(_CATEGORIES)},\n"images": [\n',
    '\n],\n"annotations": [\n',
    "\n]}\n",
)

DETECTION_FORMATS = {
    "yolo": Format(
        make_files=_yolo_files,
        make_extras=_yolo_extras,
        columns=_COLUMNS,
    ),
    "coco": Format(
        make_files=_coco_files,
        indexes=(
            Index(
                "annotations/instances_{split}.json",
                (_coco_images, _coco_annotations),
                _COCO_TEXTS,
                ",\n",
            ),
        ),
        columns=_COLUMNS,
    ),
}
