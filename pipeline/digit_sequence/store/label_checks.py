"""Checks of label rows, whoever has written them."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from digit_sequence.base.characters import CHARACTERS
from digit_sequence.base.columns import MASKS, POLYGONS
from digit_sequence.store.label_schema import make_schema
from digit_sequence.store.records import MAX_SHARD_SAMPLES

_KINDS = {field.name: field.type for field in make_schema(())}
MAX_ROW_BYTES = 1 << 16
"""Of one label row, before compression; a build's take some hundred."""
_SHAPE_BYTES = 1 << 20
"""Likewise with masks or polygons, which grow with the image."""


def check_size(file: pq.ParquetFile, n_rows: int) -> None:
    """Raise a ValueError if a label file is not of some rows, or they would take much memory."""
    found = file.metadata
    if found.num_rows != n_rows or n_rows > MAX_SHARD_SAMPLES:
        raise ValueError(f"expected {n_rows:,} rows, got {found.num_rows:,}")
    groups = (found.row_group(index) for index in range(found.num_row_groups))
    has_shapes = bool({MASKS.name, POLYGONS.name} & {*file.schema_arrow.names})
    limit = (1 + n_rows) * (_SHAPE_BYTES if has_shapes else MAX_ROW_BYTES)
    n_bytes = sum(
        max(chunk.total_uncompressed_size, chunk.num_values)
        for group in groups
        for chunk in (group.column(index) for index in range(group.num_columns))
    )
    if n_bytes > limit:
        raise ValueError(f"expected rows of at most {limit:,} bytes, got {n_bytes:,}")


def check_rows(rows: pa.Table, extent: tuple[int, int] | None = None) -> None:
    """Check label rows, whoever has written them: types, no nulls, text, places, boxes.

    Parameters
    ----------
    rows : pyarrow.Table
        Any columns.
    extent : (int, int), optional
        Height and width of the canvas that boxes lie in.

    Raises
    ------
    ValueError
        That names the column.
    """
    for name, kind in _KINDS.items():
        if name not in rows.column_names:
            continue
        column = rows[name]
        # Not whether values of a list may be null: readers of other libraries write that anew.
        if not _is_same(column.type, kind):
            raise ValueError(f"column {name}: expected {kind}, got {column.type}")
        for chunk in column.chunks:
            try:
                chunk.validate(full=True)  # that text is UTF-8, and lists are within their values
            except pa.ArrowException as error:
                raise ValueError(f"column {name}: {error}") from None
            _refuse_nulls(name, chunk)
    _check_places(rows)
    if extent is not None and "boxes" in rows.column_names:
        _check_extents(rows, *extent)


def _is_same(found: pa.DataType, kind: pa.DataType) -> bool:
    if pa.types.is_list(kind):
        return pa.types.is_list(found) and _is_same(found.value_type, kind.value_type)
    if pa.types.is_struct(kind):
        return pa.types.is_struct(found) and [
            (found.field(index).name, found.field(index).type) for index in range(found.num_fields)
        ] == [(kind.field(index).name, kind.field(index).type) for index in range(kind.num_fields)]
    return bool(found == kind)


def _refuse_nulls(name: str, values: pa.Array) -> None:
    if values.null_count:
        raise ValueError(
            f"column {name}: expected a value in each row, got {values.null_count} nulls"
        )
    if pa.types.is_list(values.type):
        _refuse_nulls(name, values.flatten())
    elif pa.types.is_struct(values.type):
        for inner in values.flatten():
            _refuse_nulls(name, inner)


def _check_places(rows: pa.Table) -> None:
    """Check that files are in the dataset, and ranges of bytes are some."""
    for name in ("offset", "size"):
        if name in rows.column_names and len(rows):
            low, high = pc.min_max(rows[name]).as_py().values()
            if low < 0 or high >= 1 << 62:
                raise ValueError(f"column {name}: expected counts of bytes, got {low} to {high}")
    if "file" in rows.column_names:
        for path in pc.unique(rows["file"]).to_pylist():
            if not is_image_path(path):
                raise ValueError(f"column file: expected paths in images/, got {path[:200]!r}")


def is_image_path(path: str) -> bool:
    """Tell whether a path is one below ``images`` that leads nowhere else."""
    parts = path.split("/")
    return (
        parts[0] == "images"
        and len(parts) > 1
        and not {"", ".", ".."} & set(parts)
        and "\0" not in path
        and "\\" not in path
    )


def _check_extents(rows: pa.Table, height: int, width: int) -> None:
    for chunk in rows["boxes"].chunks:
        boxes = chunk.flatten()
        if not len(boxes):
            continue
        for name, limit in (
            ("digit", len(CHARACTERS) - 1),
            ("top", height),
            ("bottom", height),
            ("left", width),
            ("right", width),
        ):
            low, high = pc.min_max(pc.struct_field(boxes, name)).as_py().values()
            if low < 0 or high > limit:
                raise ValueError(
                    f"column boxes: {name}: expected 0 to {limit}, got {low} to {high}"
                )
