"""Outlines as Ultralytics reads them to segment, class 0 = digit 0; signs follow, class 10 and up.

::

    images/SPLIT/KEY.png
    labels/SPLIT/KEY.txt    class, then column and row of each corner, in shares of the image
    data.yaml               the folder of each split, the names of the classes

A line is one polygon: those of a digit in several parts are joined by cuts without width.
"""

from __future__ import annotations

from digit_sequence.exports.format import BOX_COLUMNS, POLYGONS, Format, Piece, Row
from digit_sequence.exports.yolo import make_extras, put_labels


def _make_lines(piece: Piece, row: Row) -> list[str]:
    from digit_sequence.codec.polygons import join_polygons  # noqa: PLC0415 - -h needs none

    lines = []
    for box, polygons in zip(row["boxes"], row[POLYGONS], strict=True):
        corners = join_polygons(polygons)
        sides = [row["width"], row["height"]] * (len(corners) // 2)
        shares = (corner / side for corner, side in zip(corners, sides, strict=True))
        lines.append(f"{piece.find_class(box)} {' '.join(f'{share:.6f}' for share in shares)}\n")
    return lines


YOLO_SEG = Format(
    name="yolo-seg",
    readers="Ultralytics, to segment",
    writes="`images/SPLIT/`, `labels/SPLIT/`, `data.yaml`; class = digit; needs `labels.polygons`",
    make_files=put_labels(_make_lines),
    make_extras=make_extras,
    columns=(*BOX_COLUMNS, POLYGONS),
)
