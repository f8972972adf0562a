"""The label index: one Parquet file per shard, one row per sample, one schema a build.

`COLUMNS` come first, then those of the transforms that the config switches on, then `pixel_hash`.
The footer holds a JSON object under ``digit-sequence``: see `Commit`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, get_type_hints

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from digit_sequence.base.arrays import cut_text, make_array, repeat_text
from digit_sequence.base.characters import CHARACTERS, keep_digits
from digit_sequence.base.columns import MASKS, NUMBER_DIGITS, POLYGONS, Column
from digit_sequence.base.documents import parse_json
from digit_sequence.base.errors import ConfigError, OutputError
from digit_sequence.base.names import SCHEMA_VERSION, sample_key
from digit_sequence.codec.polygons import trace_polygons
from digit_sequence.codec.run_lengths import encode_masks
from digit_sequence.store.records import MAX_SHARD_SAMPLES

if TYPE_CHECKING:  # who only reads labels needs neither the config nor scikit-image
    from digit_sequence.plan.plan import Shard
    from digit_sequence.render.draw import Rendered

METADATA_KEY = b"digit-sequence"


BOX = pa.struct(
    [pa.field("digit", pa.int8(), nullable=False)]
    + [pa.field(edge, pa.int32(), nullable=False) for edge in ("top", "left", "bottom", "right")]
)
_POLYGON = pa.list_(pa.field("element", pa.int16(), nullable=False))
_OWN_KINDS = {"box": BOX, "polygons": pa.list_(pa.field("element", _POLYGON, nullable=False))}
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


_KINDS = {column.name: _make_field(column).type for column in (*COLUMNS, PIXEL_HASH)}
PLACE_COLUMNS = ("file", "offset", "size")
"""Columns that only packing a shard can tell."""
_NO_DICTIONARY = {"key", "sample_index", "ordinal", "row", "offset", "glyph_ids", "pixel_hash"}
"""Columns whose values hardly repeat."""


@dataclass(frozen=True)
class Commit:
    """What the footer of a label file says: its shard is complete."""

    fingerprint: str
    shard: str
    rows: int
    shard_bytes: int
    shard_sha256: str
    """Of its files, one after another."""
    labels_digest: str
    """XXH3-128 of the rows, apart from the file format around them."""
    scaled: int
    """Rows whose line was shrunk."""
    schema_version: int = SCHEMA_VERSION


_COMMIT_KINDS = get_type_hints(Commit)


def hash_pixels(image: NDArray[np.uint8]) -> int:
    """Return the XXH3-64 of an image's pixels, as a signed 64-bit integer."""
    from xxhash import xxh3_64_intdigest  # noqa: PLC0415 - who only reads labels does without it

    word = xxh3_64_intdigest(np.ascontiguousarray(image).data)
    return int(word - (word >> 63 << 64))


def hash_images(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return `hash_pixels` of each of a stack of images (N, H, W), in half the time."""
    from xxhash import xxh3_64_intdigest  # noqa: PLC0415 - as above

    size = images.shape[1] * images.shape[2]
    pixels = np.ascontiguousarray(images).reshape(-1).data
    words = [xxh3_64_intdigest(pixels[i : i + size]) for i in range(0, len(pixels), size)]
    return np.array(words, np.uint64).view(np.int64)


_TRACED_AT_ONCE = 512
"""Digits whose polygons are lists of Python together, which take much memory."""


def make_rows(shard: Shard, first_row: int, rendered: Rendered, schema: pa.Schema) -> pa.Table:
    """Return the label rows of rendered samples, all columns but those of their place.

    Parameters
    ----------
    shard : Shard
    first_row : int
        Row of the first sample in its shard.
    rendered : Rendered
    schema : pyarrow.Schema
        As of `make_schema`.
    """
    n_samples = len(rendered.images)
    rows = np.arange(first_row, first_row + n_samples)
    places = {
        "key": make_keys(shard.split, shard.start + rows),
        "split": repeat_text(shard.split, n_samples),
        "shard": repeat_text(shard.name, n_samples),
        "ordinal": shard.start + rows,
        "row": rows,
    }
    fields = [field for field in schema if field.name not in PLACE_COLUMNS]
    return make_columns(places, rendered, pa.schema(fields))


def make_columns(places: Mapping[str, Any], rendered: Rendered, schema: pa.Schema) -> pa.Table:
    """Return some label columns of rendered samples.

    Parameters
    ----------
    places : mapping of str to array
        Columns that say which samples these are.
    rendered : Rendered
    schema : pyarrow.Schema
        The columns that are wanted.
    """
    recipes = rendered.recipes
    n_samples, height, _ = rendered.images.shape
    columns = {
        **recipes.drawn,
        "number": recipes.numbers,
        "n_digits": np.diff(recipes.starts),
        "sample_index": recipes.sample_indices,
        "height": np.full(n_samples, height),
        "width": rendered.widths,
        "scaled": rendered.scaled,
        "glyph_ids": recipes.glyph_ids,
        **places,
    }
    if NUMBER_DIGITS.name in schema.names:
        columns[NUMBER_DIGITS.name] = list(map(keep_digits, recipes.numbers))
    starts = make_array(recipes.starts, pa.int32())

    def make_column(field: pa.Field) -> pa.Array:
        if field.name == PIXEL_HASH.name:
            return make_array(_hash_rendered(rendered), field.type)
        if not pa.types.is_list(field.type):
            column = columns[field.name]
            return column if isinstance(column, pa.Array) else make_array(column, field.type)
        if field.name == "boxes":
            values = _make_boxes(recipes.digits, rendered.boxes)
        elif field.name == MASKS.name:
            values = make_array(_encode_masks(rendered), pa.string())
        elif field.name == POLYGONS.name:
            values = _make_polygons(rendered)
        else:
            values = make_array(columns[field.name], field.type.value_type)
        return pa.ListArray.from_arrays(starts, values, type=field.type)

    return pa.Table.from_arrays(list(map(make_column, schema)), schema=schema)


def _hash_rendered(rendered: Rendered) -> NDArray[np.int64]:
    if bool((rendered.widths == rendered.images.shape[2]).all()):
        return hash_images(rendered.images)
    return np.array([hash_pixels(image) for image in rendered.cut()], np.int64)


def make_keys(split: str, ordinals: NDArray[np.int64]) -> pa.Array:
    """Return the keys of samples, as `sample_key` makes them, most often all of one length."""
    last = sample_key(split, int(ordinals.max(initial=0)))
    if len(last) != len(sample_key(split, 0)):  # beyond 10^9
        return make_array(
            [sample_key(split, ordinal) for ordinal in ordinals.tolist()], pa.string()
        )
    text = np.empty((len(ordinals), len(last)), np.uint8)
    text[:] = np.frombuffer(last.encode(), np.uint8)
    rest = ordinals.copy()
    for column in range(len(last) - 1, len(split), -1):
        rest, digits = np.divmod(rest, 10)
        text[:, column] = digits + ord("0")
    return cut_text(text.reshape(-1), len(last), len(ordinals))


def _make_boxes(digits: NDArray[np.int64], boxes: NDArray[np.int32]) -> pa.StructArray:
    values = [digits, *boxes.T]
    arrays = [make_array(value, field.type) for value, field in zip(values, BOX, strict=True)]
    return pa.StructArray.from_arrays(arrays, fields=list(BOX))


def _encode_masks(rendered: Rendered) -> list[str]:
    """Return the run lengths of each layer on its image."""
    layers = rendered.layers
    widths = rendered.widths[layers.samples]
    shapes = np.stack([np.full_like(widths, rendered.images.shape[1]), widths], axis=-1)
    return encode_masks(layers.stack() > 0, layers.places[:, :2], shapes)


def _make_polygons(rendered: Rendered) -> pa.ListArray:
    """Return the polygons of each layer."""
    layers = rendered.layers
    masks, corners = layers.stack() > 0, layers.places[:, :2]
    per_digit, per_polygon, numbers = [0], [0], []
    for start in range(0, len(masks), _TRACED_AT_ONCE):
        part = slice(start, start + _TRACED_AT_ONCE)
        found = trace_polygons(masks[part], corners[part])
        polygons = [polygon for own in found for polygon in own]
        per_digit += map(len, found)
        per_polygon += map(len, polygons)
        numbers.append(np.concatenate(polygons).astype(np.int16))
    inner, outer = (make_array(np.cumsum(it), pa.int32()) for it in (per_polygon, per_digit))
    coordinates = make_array(np.concatenate(numbers), pa.int16())
    kind = _OWN_KINDS[POLYGONS.type]
    rings = pa.ListArray.from_arrays(inner, coordinates, type=kind.value_type)
    return pa.ListArray.from_arrays(outer, rings, type=kind)


class _Digest(io.RawIOBase):
    """A file that keeps nothing but the digest of what is written to it."""

    def __init__(self) -> None:
        from xxhash import xxh3_128  # noqa: PLC0415 - who only reads labels does without it

        self._digest = xxh3_128()

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self._digest.update(content)
        return len(content)

    def hexdigest(self) -> str:
        """Return the XXH3-128."""
        return self._digest.hexdigest()


def hash_rows(rows: pa.Table) -> str:
    """Return the XXH3-128 of label rows, whatever file they are or were in."""
    order = make_array(np.arange(len(rows)), pa.int64())
    # Taking copies the rows: bits beyond the end of a slice would be hashed with it.
    table = rows.replace_schema_metadata(None).take(order).combine_chunks()
    digest = _Digest()
    with pa.PythonFile(digest, "w") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    return digest.hexdigest()


def encode_labels(rows: pa.Table, commit: Commit) -> bytes:
    """Return the label file of a shard."""
    table = rows.replace_schema_metadata({METADATA_KEY: json.dumps(asdict(commit)).encode()})
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        row_group_size=len(table),
        write_page_index=True,
        use_dictionary=_dictionary_columns(rows.schema.remove_metadata()),
    )
    encoded: bytes = sink.getvalue().to_pybytes()
    return encoded


@lru_cache(maxsize=16)
def _dictionary_columns(schema: pa.Schema) -> list[str]:
    """Return the Parquet paths of the columns worth a dictionary."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_batches([], schema), sink)
    leaves = pq.ParquetFile(pa.BufferReader(sink.getvalue())).schema
    return [leaf.path for leaf in leaves if leaf.path.partition(".")[0] not in _NO_DICTIONARY]


MAX_ROW_BYTES = 1 << 16
"""Of one label row, before compression; a build's take some hundred."""
_SHAPE_BYTES = 1 << 20
"""Likewise with masks or polygons, which grow with the image."""


def read_labels(file: Any, columns: list[str] | None = None, n_rows: int | None = None) -> pa.Table:
    """Read the rows of a label file, all columns or some, checked by `check_rows`.

    Parameters
    ----------
    file : path or file
    columns : list of str, optional
    n_rows : int, optional
        How many it is to have.

    Raises
    ------
    ValueError
        If it has another count of rows, or says that they take more than `MAX_ROW_BYTES` each.
        This, and pyarrow's own errors, for a file that is damaged otherwise.
    """
    opened = pq.ParquetFile(file, pre_buffer=False)
    check_size(opened, opened.metadata.num_rows if n_rows is None else n_rows)
    rows = opened.read(columns=columns)
    check_rows(rows)
    return rows


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


def read_commit(file: Any) -> Commit | None:
    """Return what the footer of a label file says, or None if it is not a label file of ours."""
    try:
        return parse_commit(pq.read_schema(file).metadata)
    except (pa.ArrowException, ValueError):
        return None
    except OSError as error:
        if error.errno is not None or isinstance(error, OutputError):
            raise  # the storage's; without a number it is pyarrow's, about what the file holds
        return None


def parse_commit(metadata: Mapping[bytes, bytes] | None) -> Commit | None:
    """Return what the metadata of a label file says, or None if it is not a label file of ours."""
    try:
        record = parse_json((metadata or {})[METADATA_KEY])
        kinds = {name: type(value) for name, value in record.items()}
        return Commit(**record) if kinds == _COMMIT_KINDS else None
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return None
