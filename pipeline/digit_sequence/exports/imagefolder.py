"""The folders with metadata of Hugging Face's ImageFolder, which TrOCR's examples train on.

::

    SPLIT/KEY.png
    SPLIT/metadata.jsonl    {"file_name": "KEY.png", "text": "007"}
"""

from __future__ import annotations

import json

from digit_sequence.exports.format import Format, Index, Piece, Row, list_entries, put_images


def _make_line(piece: Piece, row: Row) -> str:
    return json.dumps({"file_name": piece.image_name(row), "text": row["number"]}) + "\n"


IMAGEFOLDER = Format(
    name="imagefolder",
    readers="Hugging Face datasets, TrOCR",
    writes="`SPLIT/`, `SPLIT/metadata.jsonl`",
    make_files=put_images("{split}"),
    indexes=(Index("{split}/metadata.jsonl", (list_entries(_make_line),)),),
)
