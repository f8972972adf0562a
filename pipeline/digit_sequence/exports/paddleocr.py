"""The text lists of PaddleOCR's SimpleDataSet.

::

    images/SPLIT/KEY.png
    SPLIT.txt               images/SPLIT/KEY.png, a tab, the number
    digits.txt              the characters, one a line
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from digit_sequence.exports.format import Format, Index, Piece, Row, list_entries, put_images

if TYPE_CHECKING:
    from digit_sequence.read.dataset import Dataset


def _make_line(piece: Piece, row: Row) -> str:
    return f"images/{piece.split}/{piece.image_name(row)}\t{row['number']}\n"


def _make_extras(dataset: Dataset) -> dict[str, str]:
    return {"digits.txt": "".join(f"{character}\n" for character in dataset.alphabet)}


PADDLEOCR = Format(
    name="paddleocr",
    readers="PaddleOCR's SimpleDataSet",
    writes="`images/SPLIT/`, `SPLIT.txt`, `digits.txt`",
    make_files=put_images("images/{split}"),
    indexes=(Index("{split}.txt", (list_entries(_make_line),)),),
    make_extras=_make_extras,
    max_digits=25,
    note="data_dir is the folder of the export, label_file_list has its SPLIT.txt, and "
    "character_dict_path is digits.txt; max_text_length is 25 unless set.",
)
