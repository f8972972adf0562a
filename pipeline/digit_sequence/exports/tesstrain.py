"""The ground truth of tesstrain, which trains Tesseract.

::

    SPLIT-ground-truth/KEY.png
    SPLIT-ground-truth/KEY.gt.txt    the number, one line
"""

from __future__ import annotations

from digit_sequence.exports.format import Format, Piece


def _make_files(piece: Piece) -> dict[str, bytes]:
    files = {}
    for row, image in zip(piece.rows, piece.images, strict=True):
        base = f"{piece.split}-ground-truth/{row['key']}"
        files[f"{base}{piece.extension}"] = image
        files[f"{base}.gt.txt"] = f"{row['number']}\n".encode()
    return files


TESSTRAIN = Format(
    name="tesstrain",
    readers="Tesseract",
    writes="`SPLIT-ground-truth/KEY.png`, `KEY.gt.txt`",
    make_files=_make_files,
    images=("png",),
    note="MODEL_NAME is a split, and DATA_DIR the folder of the export.",
)
