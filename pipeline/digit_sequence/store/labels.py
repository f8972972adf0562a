"""The label index: one Parquet file per shard, one row per sample, one schema a build.

`COLUMNS` come first, then those of the transforms that the config switches on, then `pixel_hash`.
The footer holds a JSON object under ``digit-sequence``: see `Commit`.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, get_type_hints

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from digit_sequence.base.arrays import cut_text, make_array, repeat_text
from digit_sequence.base.columns import Column
from digit_sequence.base.errors import OutputError
from digit_sequence.base.names import SCHEMA_VERSION, sample_key

if TYPE_CHECKING:  # who only reads labels needs neither the config nor scikit-image
    from digit_sequence.plan.plan import Shard
    from digit_sequence.render.draw import Rendered

METADATA_KEY = b"digit-sequence"


BOX = pa.struct(
    [pa.field("digit", pa.int8(), nullable=False)]
    + [pa.field(edge, pa.int32(), nullable=False) for edge in ("top", "left", "bottom", "right")]
)
_BOX = "box"
"""As the type of a column: a `BOX`."""
COLUMNS = (
    Column("key", "string", "name of the sample, unique in the dataset: train-000000042"),
    Column("split", "string", "train, val or test"),
    Column("number", "string", "the digits; zeros are kept"),
    Column("n_digits", "int16", "how many"),
    Column("sample_index", "int64", "counts the samples of a number"),
    Column("ordinal", "int64", "position in the split"),
    Column("shard", "string", "name of the shard"),
    Column("row", "int32", "position in the shard"),
    Column("file", "string", "file of the image, a path in the dataset"),
    Column("offset", "int64", "where in the file the encoded image begins"),
    Column("size", "int64", "bytes of the encoded image"),
    Column("height", "int32", "of the canvas, pixels"),
    Column("width", "int32", "of the canvas, pixels"),
    Column("scaled", "bool", "the line was wider than the canvas and was shrunk to fit"),
    Column("boxes", _BOX, "the digit, and the extent of its ink: half-open pixels", "digit"),
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
    """
    return pa.schema([_make_field(column) for column in (*COLUMNS, *columns, PIXEL_HASH)])


def _make_field(column: Column) -> pa.Field:
    kind = BOX if column.type == _BOX else pa.type_for_alias(column.type)
    if column.per == "digit":
        kind = pa.list_(pa.field("element", kind, nullable=False))
    return pa.field(column.name, kind, nullable=False)


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
    labels_sha256: str
    """Of the rows, apart from the file format around them."""
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
    recipes = rendered.recipes
    n_samples, height, width = rendered.images.shape
    rows = np.arange(first_row, first_row + n_samples)
    ordinals = shard.start + rows
    columns = {
        **recipes.drawn,
        "number": recipes.numbers,
        "n_digits": np.diff(recipes.starts),
        "sample_index": recipes.sample_indices,
        "ordinal": ordinals,
        "row": rows,
        "height": np.full(n_samples, height),
        "width": np.full(n_samples, width),
        "scaled": rendered.scaled,
        "glyph_ids": recipes.glyph_ids,
        "pixel_hash": hash_images(rendered.images),
    }
    text = {
        "key": _make_keys(shard.split, ordinals),
        "split": repeat_text(shard.split, n_samples),
        "shard": repeat_text(shard.name, n_samples),
    }
    starts = make_array(recipes.starts, pa.int32())

    def make_column(field: pa.Field) -> pa.Array:
        if field.name in text:
            return text[field.name]
        if not pa.types.is_list(field.type):
            return make_array(columns[field.name], field.type)
        if field.name == "boxes":
            values = _make_boxes(recipes.digits, rendered.boxes)
        else:
            values = make_array(columns[field.name], field.type.value_type)
        return pa.ListArray.from_arrays(starts, values, type=field.type)

    fields = [field for field in schema if field.name not in PLACE_COLUMNS]
    return pa.Table.from_arrays(list(map(make_column, fields)), schema=pa.schema(fields))


def _make_keys(split: str, ordinals: NDArray[np.int64]) -> pa.Array:
    """Return the keys of samples, as `sample_key` makes them, all of one length."""
    last = sample_key(split, int(ordinals[-1]))
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


class _Digest(io.RawIOBase):
    """A file that keeps nothing but the SHA-256 of what is written to it."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self.sha256.update(content)
        return len(content)


def hash_rows(rows: pa.Table) -> str:
    """Return the SHA-256 of label rows, whatever file they are or were in."""
    order = make_array(np.arange(len(rows)), pa.int64())
    # Taking copies the rows: bits beyond the end of a slice would be hashed with it.
    table = rows.replace_schema_metadata(None).take(order).combine_chunks()
    digest = _Digest()
    with pa.PythonFile(digest, "w") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    return digest.sha256.hexdigest()


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


def read_labels(file: Any, columns: list[str] | None = None) -> pa.Table:
    """Read the rows of a label file, all columns or some."""
    return pq.read_table(file, columns=columns)


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
        record = json.loads((metadata or {})[METADATA_KEY])
        kinds = {name: type(value) for name, value in record.items()}
        return Commit(**record) if kinds == _COMMIT_KINDS else None
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return None
