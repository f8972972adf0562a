"""The folders of EasyOCR's trainer.

::

    SPLIT/KEY.png
    SPLIT/labels.csv        filename,words; the number is all behind the first comma, as EasyOCR
                            takes it, without quotes
"""

from __future__ import annotations

from digit_sequence.exports.format import Format, Index, Piece, Row, list_entries, put_images


def _make_line(piece: Piece, row: Row) -> str:
    return f"{piece.image_name(row)},{row['number']}\n"


EASYOCR = Format(
    name="easyocr",
    readers="EasyOCR's trainer",
    writes="`SPLIT/`, `SPLIT/labels.csv`",
    make_files=put_images("{split}"),
    indexes=(Index("{split}/labels.csv", (list_entries(_make_line),), ("filename,words\n", "")),),
    max_digits=34,
    note="EasyOCR's trainer reads labels.csv without types: pandas makes 712 of 00712, and the "
    "trainer stops at the first number (its issue 936). The file keeps the zeros; give "
    "pandas.read_csv in trainer/dataset.py the argument dtype=str, in both places.",
)
