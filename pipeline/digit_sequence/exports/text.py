"""Formats of text recognition that keep an image file for each sample.

===========  =====================================================================================
paddleocr    images/SPLIT/KEY.png; SPLIT.txt: path, tab, number; digits.txt: the characters
doctr        SPLIT/images/KEY.png; SPLIT/labels.json: {"KEY.png": "007"}
mmocr        images/SPLIT/KEY.png; SPLIT.jsonl: {"filename": path, "text": "007"}
imagefolder  SPLIT/KEY.png; SPLIT/metadata.jsonl: {"file_name": "KEY.png", "text": "007"}
tesstrain    SPLIT-ground-truth/KEY.png and KEY.gt.txt
easyocr      SPLIT/KEY.png; SPLIT/labels.csv: filename,words
===========  =====================================================================================
"""

from __future__ import annotations

import json
from collections.abc import Callable

from digit_sequence.exports.formats import Format, Index, Piece, Row
from digit_sequence.read.dataset import Dataset


def _images_in(folder: str) -> Callable[[Piece], dict[str, bytes]]:
    """Return what puts the images of a shard into a folder."""

    def make_files(piece: Piece) -> dict[str, bytes]:
        root = folder.format(split=piece.split)
        names = [f"{root}/{piece.image_name(row)}" for row in piece.rows]
        return dict(zip(names, piece.images, strict=True))

    return make_files


def _lines(make_line: Callable[[Piece, Row], str]) -> Callable[[Piece], list[str]]:
    """Return what makes an entry of each sample."""
    return lambda piece: [make_line(piece, row) for row in piece.rows]


def _paddle_line(piece: Piece, row: Row) -> str:
    return f"images/{piece.split}/{piece.image_name(row)}\t{row['number']}\n"


def _doctr_entry(piece: Piece, row: Row) -> str:
    return f"{json.dumps(piece.image_name(row))}: {json.dumps(row['number'])}"


def _mmocr_line(piece: Piece, row: Row) -> str:
    path = f"images/{piece.split}/{piece.image_name(row)}"
    return json.dumps({"filename": path, "text": row["number"]}) + "\n"


def _imagefolder_line(piece: Piece, row: Row) -> str:
    return json.dumps({"file_name": piece.image_name(row), "text": row["number"]}) + "\n"


def _easyocr_line(piece: Piece, row: Row) -> str:
    return f"{piece.image_name(row)},{row['number']}\n"


def _tesstrain_files(piece: Piece) -> dict[str, bytes]:
    files = {}
    for row, image in zip(piece.rows, piece.images, strict=True):
        base = f"{piece.split}-ground-truth/{row['key']}"
        files[f"{base}{piece.extension}"] = image
        files[f"{base}.gt.txt"] = f"{row['number']}\n".encode()
    return files


def _paddle_extras(_dataset: Dataset) -> dict[str, str]:
    return {"digits.txt": "".join(f"{digit}\n" for digit in range(10))}


TEXT_FORMATS = {
    "paddleocr": Format(
        make_files=_images_in("images/{split}"),
        indexes=(Index("{split}.txt", (_lines(_paddle_line),)),),
        make_extras=_paddle_extras,
        max_digits=25,
        note="data_dir is the folder of the export, label_file_list has its SPLIT.txt, and "
        "character_dict_path is digits.txt; max_text_length is 25 unless set.",
    ),
    "doctr": Format(
        make_files=_images_in("{split}/images"),
        indexes=(Index("{split}/labels.json", (_lines(_doctr_entry),), ("{\n", "\n}\n"), ",\n"),),
        note="docTR's training script takes the folders as train_path and val_path, with "
        "--vocab digits.",
    ),
    "mmocr": Format(
        make_files=_images_in("images/{split}"),
        indexes=(Index("{split}.jsonl", (_lines(_mmocr_line),)),),
    ),
    "imagefolder": Format(
        make_files=_images_in("{split}"),
        indexes=(Index("{split}/metadata.jsonl", (_lines(_imagefolder_line),)),),
    ),
    "tesstrain": Format(
        make_files=_tesstrain_files,
        images=("png",),
        note="MODEL_NAME is a split, and DATA_DIR the folder of the export.",
    ),
    "easyocr": Format(
        make_files=_images_in("{split}"),
        indexes=(Index("{split}/labels.csv", (_lines(_easyocr_line),), ("filename,words\n", "")),),
        max_digits=34,
        note="EasyOCR's trainer reads labels.csv without types: pandas makes 712 of 00712, and the "
        "trainer stops at the first number (its issue 936). The file keeps the zeros; give "
        "pandas.read_csv in trainer/dataset.py the argument dtype=str, in both places.",
    ),
}
