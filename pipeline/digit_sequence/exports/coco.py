"""Boxes as pycocotools, torchvision, Detectron2 and FiftyOne read them; masks or polygons as well.

::

    SPLIT/KEY.png
    annotations/instances_SPLIT.json    boxes [left, top, width, height] in pixels

category_id = digit + 1, for 0 means background to many detectors; signs follow, 11 and up. Of
polygons and masks, polygons are taken, which more readers understand; they enclose the same pixels.
"""

from __future__ import annotations

import json
from typing import Any

from digit_sequence.exports.format import (
    BOX_COLUMNS,
    MASKS,
    POLYGONS,
    Format,
    Index,
    Piece,
    Row,
    list_entries,
    put_images,
)

_IDS_PER_IMAGE = 100
"""More than digits of a number: annotation ids are unique in a split and need no counting."""
_TEXTS = (
    '{"info": {}, "licenses": [], "categories": {classes},\n"images": [\n',
    '\n],\n"annotations": [\n',
    "\n]}\n",
)


def _list_classes(classes: str) -> str:
    return json.dumps([{"id": n, "name": name} for n, name in enumerate(classes, start=1)])


def _make_image(piece: Piece, row: Row) -> str:
    return json.dumps(
        {
            "id": row["ordinal"] + 1,
            "file_name": piece.image_name(row),
            "height": row["height"],
            "width": row["width"],
            "text": row["number"],
        }
    )


def _make_annotations(piece: Piece) -> list[str]:
    return [
        json.dumps(_make_box(piece, row["ordinal"] + 1, slot, box) | _make_shape(row, slot))
        for row in piece.rows
        for slot, box in enumerate(row["boxes"])
    ]


def _make_box(piece: Piece, image_id: int, slot: int, box: dict[str, int]) -> dict[str, Any]:
    width, height = box["right"] - box["left"], box["bottom"] - box["top"]
    return {
        "id": image_id * _IDS_PER_IMAGE + slot,
        "image_id": image_id,
        "category_id": piece.find_class(box) + 1,
        "bbox": [box["left"], box["top"], width, height],
        "area": width * height,
        "iscrowd": 0,
    }


def _make_shape(row: Row, slot: int) -> dict[str, Any]:
    """Return the segmentation of a digit and its area, where its row has any."""
    from digit_sequence.codec.polygons import find_area  # noqa: PLC0415 - -h needs none of it
    from digit_sequence.codec.run_lengths import decode_mask  # noqa: PLC0415

    if POLYGONS in row:
        polygons: list[list[int]] = row[POLYGONS][slot]
        return {"segmentation": polygons, "area": find_area(polygons)}
    if MASKS in row:
        text, shape = row[MASKS][slot], (row["height"], row["width"])
        area = int(decode_mask(text, *shape).sum())
        return {"segmentation": {"size": shape, "counts": text}, "area": area}
    return {}


COCO = Format(
    name="coco",
    readers="pycocotools, torchvision, Detectron2, FiftyOne",
    writes="`SPLIT/`, `annotations/instances_SPLIT.json`; category = digit + 1; masks or polygons "
    "where the dataset has them",
    make_files=put_images("{split}"),
    indexes=(
        Index(
            "annotations/instances_{split}.json",
            (list_entries(_make_image), _make_annotations),
            _TEXTS,
            ",\n",
            _list_classes,
        ),
    ),
    columns=BOX_COLUMNS,
    optional=(POLYGONS, MASKS),
)
