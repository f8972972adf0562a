"""A dataset that was built, whole or not, to be browsed."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, groupby
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from digit_sequence.base.columns import MASKS, POLYGONS
from digit_sequence.base.errors import OutputError, PipelineError
from digit_sequence.base.names import label_file, parse_key, shard_name
from digit_sequence.browse.collection import Collection
from digit_sequence.building.sampler import Sampler
from digit_sequence.report.columns import check_types
from digit_sequence.report.subject import BuiltSubject, Picture
from digit_sequence.store.filesystems import open_filesystem
from digit_sequence.store.storage import ATTEMPTS, Storage

_THREADS = 8
"""That look at label files."""
_SUMMED_ROWS = 20_000


class BuiltCollection(Collection):
    """A dataset directory, whole or not.

    Parameters
    ----------
    storage : Storage

    Raises
    ------
    OutputError
        If it holds no dataset, or none of its label files can be read.
    """

    kind = "dataset"

    def __init__(self, storage: Storage) -> None:
        self._subject = BuiltSubject(storage)
        self.name = storage.uri
        self.faults = self._subject.faults
        self._size = self._subject.files.layout.shard_samples
        self._schema = self._find_schema()
        self._take_shards(self._subject.there)

    def _take_shards(self, shards: list[tuple[str, int]]) -> None:
        """Take those shards for all that there are."""
        layout = self._subject.files.layout
        self._shards = {
            name: [i for split, i in shards if split == name] for name in layout.samples
        }
        counts = {
            name: [layout.n_rows(name, index) for index in own]
            for name, own in self._shards.items()
        }
        self._ends = {name: list(accumulate(own)) for name, own in counts.items()}
        self.samples = {name: sum(own) for name, own in counts.items() if own}

    def _find_schema(self) -> pa.Schema:
        """Return the columns of the first label file that is sound."""
        first = ""
        for split, index in self._subject.there:
            try:
                return self._check(split, index)
            except PipelineError as error:
                first = first or str(error)
        raise OutputError(f"{self.name}: no label file can be read: {first}")

    def _check(self, split: str, index: int, is_thorough: bool = False) -> pa.Schema:
        """Return the columns of a label file; an error if it is not sound."""
        labels = self._subject.files.labels(split, index, keep=False)
        schema: pa.Schema = labels.schema()
        check_types(schema)
        if is_thorough:
            labels.read(schema.names)
        return schema

    @property
    def schema(self) -> pa.Schema:
        """Names and types of the label columns."""
        return self._schema

    def open_rows(self, is_thorough: bool = False) -> ds.Dataset:
        """Return the label files that are sound, as a dataset of Arrow."""

        def find_fault(shard: tuple[str, int]) -> str | None:
            try:
                if self._check(*shard, is_thorough).equals(self._schema):
                    return None
                return (
                    f"{label_file(shard[0], shard_name(*shard))}: has other columns than the first"
                )
            except PipelineError as error:
                return str(error)

        shards = [(split, index) for split, own in self._shards.items() for index in own]
        with ThreadPoolExecutor(_THREADS) as pool:
            found = list(pool.map(find_fault, shards))
        self.faults += [fault for fault in found if fault and fault not in self.faults]
        sound = [it for it, fault in zip(shards, found, strict=True) if fault is None]
        self._take_shards(sound)
        filesystem, root = open_filesystem(self.name, ATTEMPTS, os.getpid())
        paths = [f"{root}/{label_file(split, shard_name(split, index))}" for split, index in sound]
        return ds.FileSystemDataset.from_paths(
            paths, schema=self._schema, format=ds.ParquetFileFormat(), filesystem=filesystem
        )

    def read_some(self) -> pa.Table:
        """Return the label rows of the first shard of each split."""
        names = [name for name in self._schema.names if name not in (MASKS.name, POLYGONS.name)]
        tables = [self._schema.empty_table().select(names)]
        for split, own in self._shards.items():
            for index in own[:1]:
                try:
                    rows = self._subject.files.labels(split, index).read(names)
                    tables.append(rows.slice(0, _SUMMED_ROWS).cast(tables[0].schema))
                except (PipelineError, pa.ArrowException) as error:
                    self._add_fault(str(error))
        return pa.concat_tables(tables)

    def _add_fault(self, fault: str) -> None:
        if fault not in self.faults:
            self.faults.append(fault)

    def read_row(self, key: str) -> dict[str, Any]:
        """Return the label row of a sample."""
        split, ordinal = self.find_key(key)
        index, row = divmod(ordinal, self._size)
        labels = self._subject.files.labels(split, index)
        (found,) = labels.read(labels.schema().names).slice(row, 1).to_pylist()
        return dict(found)

    def find_ordinal(self, split: str, position: int) -> int:
        """Return the ordinal of the sample at a position of what is there of a split."""
        place = bisect_right(self._ends[split], position)
        before = self._ends[split][place - 1] if place else 0
        return self._shards[split][place] * self._size + position - before

    def find_key(self, key: str) -> tuple[str, int]:
        """Return the split and the ordinal of a key."""
        return parse_key(key, self._subject.planned, self.name)

    def load(self, keys: Sequence[str], with_masks: bool) -> list[Picture | str]:
        """Return the images of some samples, or what is wrong with them."""
        found: dict[str, Picture | str] = {}

        def find_shard(key: str) -> tuple[str, int]:
            split, ordinal = self.find_key(key)
            return split, ordinal // self._size

        known = sorted({key for key in keys if self._note_unknown(key, found)}, key=self.find_key)
        for shard, group in groupby(known, find_shard):
            own = list(group)
            try:
                found |= self._load_shard(shard, own, with_masks)
            except PipelineError:  # one image of them: then each by itself
                for key in own:
                    try:
                        found |= self._load_shard(shard, [key], with_masks)
                    except PipelineError as error:
                        found[key] = str(error)
        return [found[key] for key in keys]

    def _note_unknown(self, key: str, found: dict[str, Picture | str]) -> bool:
        """Return whether a key is one of the dataset: label rows may hold any."""
        try:
            self.find_key(key)
        except PipelineError as error:
            found[key] = str(error)
            return False
        return True

    def _load_shard(
        self, shard: tuple[str, int], keys: Sequence[str], with_masks: bool
    ) -> dict[str, Picture | str]:
        labels = self._subject.files.labels(*shard)
        rows = [self.find_key(key)[1] % self._size for key in keys]
        return dict(zip(keys, self._subject.load_rows(labels, rows, with_masks), strict=True))

    @property
    def sampler(self) -> Sampler:
        """What draws its samples anew."""
        return self._subject.sampler
