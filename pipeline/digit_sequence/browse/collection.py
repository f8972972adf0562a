"""What is browsed: a dataset that was built, a config that is drawn live, or a folder of crops."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, groupby
from pathlib import Path
from shlex import quote
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from digit_sequence.base.characters import INKED
from digit_sequence.base.columns import MASKS, POLYGONS
from digit_sequence.base.errors import ConfigError, OutputError, PipelineError
from digit_sequence.base.names import label_file, parse_key, sample_key, shard_name
from digit_sequence.building.sampler import Sampler
from digit_sequence.match.crops import Crop, read_crops
from digit_sequence.report.columns import check_types
from digit_sequence.report.subject import BuiltSubject, LiveSubject, Picture
from digit_sequence.store.filesystems import open_filesystem
from digit_sequence.store.storage import ATTEMPTS, Storage

REAL = "real"
"""What crops have in place of a split."""
_THREADS = 8
"""That look at label files."""
_SUMMED_ROWS = 20_000


class Collection(ABC):
    """Samples by key, and their label rows."""

    name: str
    """Its path."""
    kind: str
    """In a word or two."""
    samples: Mapping[str, int]
    """Of each split."""
    faults: list[str]
    """What is missing or damaged; grows while it is read."""

    @property
    @abstractmethod
    def schema(self) -> pa.Schema:
        """Names and types of the label columns."""

    @abstractmethod
    def open_rows(self, is_thorough: bool = False) -> Any:
        """Return all label rows, as DuckDB takes them.

        Parameters
        ----------
        is_thorough : bool
            Look for what is damaged within files, and leave it out.
        """

    @abstractmethod
    def read_some(self) -> pa.Table:
        """Return label rows that show what values are like."""

    @abstractmethod
    def read_row(self, key: str) -> dict[str, Any]:
        """Return the label row of a sample."""

    @abstractmethod
    def load(self, keys: Sequence[str], with_masks: bool) -> list[Picture | str]:
        """Return the images of some samples, or what is wrong with them."""

    def list_keys(self, split: str, start: int, stop: int) -> list[str]:
        """Return the keys at some positions of a split, or of all of them if it has no name."""
        keys: list[str] = []
        for name, count in self.samples.items():
            if split in ("", name):
                places = range(max(start, 0), min(stop, count))
                keys += [self.name_sample(name, self.find_ordinal(name, it)) for it in places]
                start, stop = start - count, stop - count
        return keys

    def find_ordinal(self, split: str, position: int) -> int:  # noqa: ARG002 - nothing is missing
        """Return the ordinal of the sample at a position of what is there of a split."""
        return position

    def name_sample(self, split: str, ordinal: int) -> str:
        """Return the key of a sample."""
        return sample_key(split, ordinal)

    def find_key(self, key: str) -> tuple[str, int]:
        """Return the split and the ordinal of a key."""
        return parse_key(key, self.samples, self.name)

    def write_command(
        self,
        origin: str,
        key: str,
        settings: Mapping[str, Any] = MappingProxyType({}),  # noqa: ARG002 - of a config alone
    ) -> str:
        """Return the command that draws a sample again.

        Parameters
        ----------
        origin : str
            What the user has named it by.
        key : str
        settings : mapping of str to Any
            Keys of the config that are to be other than they are.
        """
        return f"digit-sequence sample {quote(key)} --from {quote(origin)} -o {quote(key)}.png"

    @property
    def sampler(self) -> Sampler:
        """What draws its samples anew.

        Raises
        ------
        PipelineError
            If nothing can.
        """
        raise ConfigError(f"{self.name}: expected what was drawn, to draw it anew, got images")


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


class LiveCollection(Collection):
    """A config, of which some samples of each split are drawn.

    Parameters
    ----------
    name : str
        Path of the config.
    sampler : Sampler
    count : int
        Samples of each split, at most.
    on_progress : callable
        Called with the samples that were drawn, and True.
    """

    kind = "config, drawn live"

    def __init__(
        self,
        name: str,
        sampler: Sampler,
        count: int,
        on_progress: Callable[[int, bool], None] = lambda _samples, _is_new: None,
    ) -> None:
        self._subject = LiveSubject(name, sampler, count)
        self._sampler = sampler
        self.name, self.faults = name, []
        self.samples = self._subject.planned
        tables = []
        for batch in self._subject.read_batches():
            tables.append(batch.rows)
            on_progress(len(batch), True)
        self._rows = pa.concat_tables(tables)

    @property
    def schema(self) -> pa.Schema:
        """Names and types of the label columns."""
        return self._rows.schema

    def open_rows(self, is_thorough: bool = False) -> pa.Table:  # noqa: ARG002 - all is sound
        """Return the label rows that were drawn."""
        return self._rows

    def read_some(self) -> pa.Table:
        """Return them."""
        return self._rows

    def read_row(self, key: str) -> dict[str, Any]:
        """Return the label row of a sample."""
        split, ordinal = self.find_key(key)
        names = list(self.samples)
        before = sum(self.samples[name] for name in names[: names.index(split)])
        (row,) = self._rows.slice(before + ordinal, 1).to_pylist()
        return dict(row)

    def load(self, keys: Sequence[str], with_masks: bool) -> list[Picture | str]:
        """Draw some samples."""
        places = {key: self.find_key(key) for key in keys}
        found: dict[tuple[str, int], Picture | str] = {}
        for split, group in groupby(sorted(set(places.values())), lambda place: place[0]):
            own = [ordinal for _, ordinal in group]
            pictures = self._subject.load(split, own, with_masks)
            found |= {(it.split, it.ordinal): it for it in pictures}
        return [found[places[key]] for key in keys]

    def write_command(
        self, origin: str, key: str, settings: Mapping[str, Any] = MappingProxyType({})
    ) -> str:
        """Return the command that draws a sample again, or some by other settings."""
        if not settings:
            return super().write_command(origin, key)
        words = (f"{path}={json.dumps(value)}" for path, value in settings.items())
        changes = " ".join(f"--set {quote(it)}" for it in words)
        return f"digit-sequence preview {quote(origin)} {changes}"

    @property
    def sampler(self) -> Sampler:
        """What draws its samples anew."""
        return self._sampler


class CropCollection(Collection):
    """A folder of real crops.

    Parameters
    ----------
    folder : Path
    labels : str or None
        As of `match.crops.read_crops`.
    """

    kind = "real crops"

    def __init__(self, folder: Path, labels: str | None) -> None:
        crops, notes = read_crops(folder, labels)
        self.name, self.faults = str(folder), notes
        self.samples = {REAL: len(crops)}
        self._crops = {crop.name: crop for crop in crops}
        self._names = list(self._crops)
        self._rows = pa.table(
            {
                "key": self._names,
                "split": [REAL] * len(crops),
                "ordinal": range(len(crops)),
                "number": pa.array([crop.number for crop in crops], pa.string()),
                "n_digits": pa.array(
                    [crop.number and len(crop.number) for crop in crops], pa.int16()
                ),
                "height": [crop.image.shape[0] for crop in crops],
                "width": [crop.image.shape[1] for crop in crops],
                "grey": [round(float(crop.image.mean()), 1) for crop in crops],
            }
        )

    @property
    def schema(self) -> pa.Schema:
        """Names and types of what is known of each crop."""
        return self._rows.schema

    def open_rows(self, is_thorough: bool = False) -> pa.Table:  # noqa: ARG002 - all is sound
        """Return what is known of each crop."""
        return self._rows

    def read_some(self) -> pa.Table:
        """Return that."""
        return self._rows

    def read_row(self, key: str) -> dict[str, Any]:
        """Return what is known of a crop."""
        _, place = self.find_key(key)
        (row,) = self._rows.slice(place, 1).to_pylist()
        return dict(row)

    def name_sample(self, split: str, ordinal: int) -> str:  # noqa: ARG002 - there is one
        """Return the name of a file."""
        return self._names[ordinal]

    def find_key(self, key: str) -> tuple[str, int]:
        """Return the position of a file."""
        if key not in self._crops:
            raise ConfigError(f"{self.name}: expected the name of an image in it, got {key!r}")
        return REAL, self._names.index(key)

    def write_command(self, *_: Any) -> str:
        """Return nothing: no command draws them."""
        return ""

    def load(self, keys: Sequence[str], with_masks: bool) -> list[Picture | str]:  # noqa: ARG002
        """Return some crops."""
        return [_make_picture(self._crops[key], *self.find_key(key)) for key in keys]


def _make_picture(crop: Crop, split: str, ordinal: int) -> Picture:
    number = crop.number or ""
    boxes = np.empty((0, 5), np.int64)
    if crop.boxes is not None:
        codes = [INKED.index(digit) for digit in number]
        boxes = np.column_stack([codes, crop.boxes.round().astype(np.int64)])
    image = crop.image.round().clip(0, 255).astype(np.uint8)
    return Picture(split, ordinal, number, image, boxes, [], "")
