"""Exports of a dataset to the formats that trainers read.

A shard becomes files, and a part of each index file, in one task on any Dask scheduler; then the
parts are joined. Digits are never anything but characters, so leading zeros stay.
"""

from __future__ import annotations

from digit_sequence.exports.detection import DETECTION_FORMATS
from digit_sequence.exports.formats import Format
from digit_sequence.exports.lmdb_files import LMDB_FORMATS
from digit_sequence.exports.mds import MDS_FORMATS
from digit_sequence.exports.text import TEXT_FORMATS

FORMATS: dict[str, Format] = LMDB_FORMATS | TEXT_FORMATS | DETECTION_FORMATS | MDS_FORMATS
"""By the name on the command line."""
