"""The JSON lines of MMOCR's RecogTextDataset.

::

    images/SPLIT/KEY.png
    SPLIT.jsonl             {"filename": "images/SPLIT/KEY.png", "text": "007"}
"""

from __future__ import annotations

import json

from digit_sequence.exports.format import Format, Index, Piece, Row, list_entries, put_images


def _make_line(piece: Piece, row: Row) -> str:
    path = f"images/{piece.split}/{piece.image_name(row)}"
    return json.dumps({"filename": path, "text": row["number"]}) + "\n"


MMOCR = Format(
    name="mmocr",
    readers="MMOCR's RecogTextDataset",
    writes="`images/SPLIT/`, `SPLIT.jsonl`",
    make_files=put_images("images/{split}"),
    indexes=(Index("{split}.jsonl", (list_entries(_make_line),)),),
)
