"""The schema of label rows: `COLUMNS`, those of what the config switches on, then `PIXEL_HASH`."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from digit_sequence.base.columns import Column
from digit_sequence.base.errors import ConfigError

BOX = pa.struct(
    [pa.field("digit", pa.int8(), nullable=False)]
    + [pa.field(edge, pa.int32(), nullable=False) for edge in ("top", "left", "bottom", "right")]
)
POLYGON = pa.list_(pa.field("element", pa.int16(), nullable=False))
POLYGON_LIST = pa.list_(pa.field("element", POLYGON, nullable=False))
_OWN_KINDS = {"box": BOX, "polygons": POLYGON_LIST}
"""Types of columns that are none of Arrow."""
COLUMNS = (
    Column("key", "string", "name of the sample, unique in the dataset: train-000000042"),
    Column("split", "string", "train, val or test"),
    Column("number", "string", "as it is written; zeros are kept"),
    Column("n_digits", "int16", "how many digits, signs and letters, which have a box each"),
    Column("sample_index", "int64", "counts the samples of a number"),
    Column("ordinal", "int64", "position in the split"),
    Column("shard", "string", "name of the shard"),
    Column("row", "int32", "position in the shard"),
    Column("file", "string", "file of the image, a path in the dataset"),
    Column("offset", "int64", "where in the file the encoded image begins"),
    Column("size", "int64", "bytes of the encoded image"),
    Column("height", "int32", "of the image, pixels"),
    Column("width", "int32", "of the image, pixels"),
    Column("scaled", "bool", "the line was wider than the canvas and was shrunk to fit"),
    Column(
        "boxes",
        "box",
        "the digit (of signs a code), and the extent of its ink: half-open pixels",
        "digit",
    ),
    Column("glyph_ids", "int32", "row of the glyph in its source", "digit"),
)
"""Columns of every build."""
PIXEL_HASH = Column("pixel_hash", "int64", "XXH3-64 of the pixels before encoding")
PLACE_COLUMNS = ("file", "offset", "size")
"""Columns that only packing a shard can tell."""


def make_schema(columns: Iterable[Column]) -> pa.Schema:
    """Return the schema of label files.

    Parameters
    ----------
    columns : iterable of Column
        Of the transforms that are on.

    Raises
    ------
    ConfigError
        If two have one name.
    """
    fields = [_make_field(column) for column in (*COLUMNS, *columns, PIXEL_HASH)]
    names = [field.name for field in fields]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(
            f"label columns: expected each of one transform, got {', '.join(twice)} of two; rename "
            "that of the package which adds it"
        )
    return pa.schema(fields)


def _make_field(column: Column) -> pa.Field:
    kind = _OWN_KINDS.get(column.type) or pa.type_for_alias(column.type)
    if column.per == "digit":
        kind = pa.list_(pa.field("element", kind, nullable=False))
    return pa.field(column.name, kind, nullable=False)
