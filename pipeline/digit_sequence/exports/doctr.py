"""The folders of docTR's RecognitionDataset.

::

    SPLIT/images/KEY.png
    SPLIT/labels.json       {"KEY.png": "007", ...}
"""

from __future__ import annotations

import json

from digit_sequence.base.characters import INKED
from digit_sequence.exports.format import Format, Index, Piece, Row, list_entries, put_images


def _make_entry(piece: Piece, row: Row) -> str:
    return f"{json.dumps(piece.image_name(row))}: {json.dumps(row['number'])}"


DOCTR = Format(
    name="doctr",
    readers="docTR's RecognitionDataset",
    writes="`SPLIT/images/`, `SPLIT/labels.json`",
    make_files=put_images("{split}/images"),
    indexes=(Index("{split}/labels.json", (list_entries(_make_entry),), ("{\n", "\n}\n"), ",\n"),),
    max_digits=32,
    takes=INKED,
    note="docTR's models cut labels at 32 characters unless set. Its training script takes the "
    "folders as train_path and val_path, with --vocab digits, or english if there are signs; no "
    "vocabulary of docTR has a space.",
)
