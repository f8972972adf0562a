"""The label rows of one shard, as one process reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from digit_sequence.base.errors import OutputError, PipelineError
from digit_sequence.base.names import label_file, shard_name
from digit_sequence.read.cache import Cache
from digit_sequence.read.where import find_columns
from digit_sequence.store.label_checks import check_rows, check_size
from digit_sequence.store.label_schema import PLACE_COLUMNS
from digit_sequence.store.labels import hash_rows, parse_commit
from digit_sequence.store.storage import Storage


@dataclass(frozen=True)
class DatasetLayout:
    """What the manifest says about where samples are."""

    uri: str
    fingerprint: str
    height: int
    width: int
    """Of the widest image."""
    min_width: int
    """Of the narrowest image."""
    shard_samples: int
    samples: Mapping[str, int]
    check_pixels: bool
    cache: Cache | None = None
    """Where shards are kept once they were read."""

    def n_rows(self, split: str, index: int) -> int:
        """Return how many samples a shard holds."""
        return min(self.shard_samples, self.samples[split] - index * self.shard_samples)

    def fault(self, path: str, problem: str) -> OutputError:
        """Return the error for a file that is not as it was built."""
        return OutputError(
            f"{self.uri}: {path}: {problem}; find and rebuild what is damaged: "
            f"digit-sequence verify {self.uri} --repair"
        )


class ShardLabels:
    """The label rows of one shard; a column is read from the file when it is first asked for."""

    def __init__(self, layout: DatasetLayout, storage: Storage, split: str, index: int) -> None:
        self._layout, self._storage = layout, storage
        self.split, self.index = split, index
        self.name = shard_name(split, index)
        self.path = label_file(split, self.name)
        self._columns: dict[str, pa.Array] = {}
        self._schema: pa.Schema | None = None
        self.shard_bytes, self.shard_sha256 = 0, ""

    def schema(self) -> pa.Schema:
        """Return the columns of the file."""
        if self._schema is None:
            self.read([])
        return self._schema

    def read(self, columns: Sequence[str]) -> pa.Table:
        """Return some columns of all rows."""
        missing = [column for column in columns if column not in self._columns]
        if missing or self._schema is None:
            self._load(missing)
        return pa.table({column: self._columns[column] for column in columns})

    def _load(self, columns: Sequence[str]) -> None:
        layout = self._layout
        try:
            # No pre-buffering: it would start threads of Arrow, which a fork must not inherit.
            with self._open() as source:
                file = pq.ParquetFile(source, pre_buffer=False)
                self._check(file)
                names = find_columns(columns, file.schema_arrow)
                table = file.read(columns=names, use_threads=False)
                check_rows(table, (layout.height, layout.width))
                self._check_places(table)
        except FileNotFoundError:
            raise layout.fault(self.path, "the label file is missing") from None
        except (pa.ArrowException, OSError, ValueError) as error:
            if isinstance(error, PipelineError):
                raise
            raise layout.fault(self.path, f"the label file cannot be read: {error}") from error
        self._columns |= {name: table[name].combine_chunks() for name in names}
        self._schema = file.schema_arrow.remove_metadata()

    def _open(self) -> Any:
        """Open the label file; from an object store it is read as a whole, in one request."""
        fetch, cache = partial(self._storage.read, self.path), self._layout.cache
        if cache is not None:
            # A file that was found sound is not hashed again for each column.
            is_sound = _are_labels if self._schema is None else bool
            return pa.BufferReader(cache.read(f"{self.name}.parquet", is_sound, fetch))
        return self._storage.open(self.path) if self._storage.is_local else pa.BufferReader(fetch())

    def _check(self, file: pq.ParquetFile) -> None:
        """Check that the label file is the one of this shard and of this build."""
        layout = self._layout
        commit = parse_commit(file.schema_arrow.metadata)
        rows = layout.n_rows(self.split, self.index)
        expected = (layout.fingerprint, self.name, rows, rows)
        found = commit and (commit.fingerprint, commit.shard, commit.rows, file.metadata.num_rows)
        if commit is None or found != expected:
            raise layout.fault(
                self.path,
                f"expected (fingerprint, shard, rows) {expected[:3]}, got "
                f"{found[:3] if found else 'no label file of this program'}",
            )
        check_size(file, rows)
        self.shard_bytes, self.shard_sha256 = commit.shard_bytes, commit.shard_sha256

    def _check_places(self, table: pa.Table) -> None:
        """Check that images are within their shard, which is one file or has a file for each."""
        if not set(PLACE_COLUMNS) <= set(table.column_names):
            return
        files = pc.count_distinct(table["file"]).as_py()
        if files not in (1, len(table)):
            raise ValueError(f"column file: expected one, or one for each row, got {files:,}")
        ends = pc.add(table["offset"], table["size"])
        limit = self.shard_bytes
        if (end := pc.max(ends).as_py()) > limit:
            raise ValueError(
                f"expected images within {limit:,} bytes, got one that ends at {end:,}"
            )


def _are_labels(content: bytes) -> bool:
    """Tell whether bytes are a label file whose rows are those that its footer tells of."""
    try:
        file = pq.ParquetFile(pa.BufferReader(content), pre_buffer=False)
        commit = parse_commit(file.schema_arrow.metadata)
        if commit is None:
            return False
        check_size(file, commit.rows)
        return hash_rows(file.read(use_threads=False)) == commit.labels_digest
    except (pa.ArrowException, OSError, ValueError):
        return False
