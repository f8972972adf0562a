"""The label index: one Parquet file per shard, one row per sample, one schema a build.

The footer holds a JSON object under ``digit-sequence``: see `Commit`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, get_type_hints

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from digit_sequence.base.arrays import make_array
from digit_sequence.base.documents import parse_json
from digit_sequence.base.errors import OutputError
from digit_sequence.base.names import SCHEMA_VERSION
from digit_sequence.store.label_checks import check_rows, check_size

METADATA_KEY = b"digit-sequence"
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
