"""Exports of a dataset to the formats that trainers read, one file a format.

A shard becomes files, and a part of each index file, in one task on any Dask scheduler; then the
parts are joined. Digits are never anything but characters, so leading zeros stay. Imports `read`,
`run` and what is below them.
"""

from __future__ import annotations

from digit_sequence.base.registry import Registry
from digit_sequence.exports.coco import COCO
from digit_sequence.exports.doctr import DOCTR
from digit_sequence.exports.easyocr import EASYOCR
from digit_sequence.exports.format import Format
from digit_sequence.exports.imagefolder import IMAGEFOLDER
from digit_sequence.exports.litdata import LITDATA
from digit_sequence.exports.lmdb import LMDB
from digit_sequence.exports.mds import MDS
from digit_sequence.exports.mmocr import MMOCR
from digit_sequence.exports.paddleocr import PADDLEOCR
from digit_sequence.exports.tesstrain import TESSTRAIN
from digit_sequence.exports.tfrecord import TFRECORD
from digit_sequence.exports.yolo import YOLO
from digit_sequence.exports.yolo_seg import YOLO_SEG

EXPORTS: Registry[Format] = Registry(
    "--to",
    "digit_sequence.exports",
    *(LMDB, PADDLEOCR, DOCTR, MMOCR, IMAGEFOLDER, TESSTRAIN, EASYOCR, YOLO, YOLO_SEG, COCO, MDS),
    *(LITDATA, TFRECORD),
)
"""By the name on the command line."""
