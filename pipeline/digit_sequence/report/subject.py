"""What a report is of: a dataset that was built, whole or not, or a config that is drawn live."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from digit_sequence.base.columns import MASKS, POLYGONS
from digit_sequence.base.errors import ConfigError, OutputError, PipelineError
from digit_sequence.base.names import label_file, shard_name
from digit_sequence.base.text import count_things
from digit_sequence.building.sampler import Sampler, open_output
from digit_sequence.codec.run_lengths import decode_mask
from digit_sequence.look.preview import make_layout
from digit_sequence.plan.plan import Shard
from digit_sequence.read.dataset import open_dataset
from digit_sequence.read.files import DatasetFiles
from digit_sequence.read.shard_labels import ShardLabels
from digit_sequence.report.batch import Batch
from digit_sequence.report.columns import check_types
from digit_sequence.store.label_rows import make_rows
from digit_sequence.store.label_schema import PIXEL_HASH, make_schema
from digit_sequence.store.plan_file import load_plan
from digit_sequence.store.storage import Storage

BATCH_ROWS = 1 << 14
_DRAWN_TOGETHER = 256
_NEAR = 8
"""Ordinals so far apart are drawn together, with those between."""
_UNREAD = {"key", "split", "shard", "row", "file", "offset", MASKS.name, POLYGONS.name}
"""Label columns that no panel counts."""
_NEEDED = ("number", "ordinal", "width", "scaled", "boxes", "glyph_ids", PIXEL_HASH.name)
_MOST_FAULTS = 20
"""Told one by one."""


@dataclass(frozen=True)
class Picture:
    """One image and its label."""

    split: str
    ordinal: int
    number: str
    image: NDArray[np.uint8]
    """(H, W)"""
    boxes: NDArray[np.int64]
    """(D, 5) digit, top, left, bottom, right."""
    masks: list[NDArray[np.bool_]]
    """(H, W) for each digit; none if nobody knows."""
    look: str
    """Empty if there are none."""

    @property
    def is_sound(self) -> bool:
        """Whether there are boxes, and each holds a pixel: the labels may be anybody's."""
        extents = self.boxes[:, 3:] - self.boxes[:, 1:3]
        return len(extents) > 0 and bool((extents > 0).all())


class Subject(ABC):
    """Label rows, batch by batch, and images, of some splits."""

    name: str
    """Path of the dataset or of the config."""
    image_shape: tuple[int, int]
    """(H, W) of the widest image."""
    planned: Mapping[str, int]
    """Samples that each split is to have."""
    faults: list[str]
    """What is missing or damaged; grows while it is read."""

    @abstractmethod
    def read_batches(self) -> Iterator[Batch]:
        """Yield label rows of all splits, in order; what cannot be read becomes a fault."""

    @abstractmethod
    def load(self, split: str, ordinals: Sequence[int], with_masks: bool = False) -> list[Picture]:
        """Return the images at some ordinals, ascending, that are there."""


class BuiltSubject(Subject):
    """A dataset directory.

    Parameters
    ----------
    storage : Storage

    Raises
    ------
    OutputError
        If it holds no dataset, none that can be read, or no shard yet.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.name = storage.uri
        self.faults = []
        self.files = self._open()
        """Its label files and images."""
        layout = self.files.layout
        self.image_shape = layout.height, layout.width
        self.planned = dict(layout.samples)
        self.there = self._list_shards()
        """Shards that have a label file, by split and index, but for those found damaged."""
        if not self.there:
            raise OutputError(f"{storage.uri}: no shard is built yet; run the build")

    def _open(self) -> DatasetFiles:
        """Open the files by the manifest; of a dataset that is not complete, by the plan."""
        try:
            return open_dataset(self.storage.uri).store()
        except OutputError as error:
            try:
                plan = load_plan(self.storage, any_versions=True)
            except PipelineError:
                raise error from None
            self.faults.append(str(error))
            return DatasetFiles(make_layout(self.storage, plan))

    def _list_shards(self) -> list[tuple[str, int]]:
        labelled = self.storage.list("labels")
        found = []
        for split, n_samples in self.planned.items():
            n_shards = -(-n_samples // self.files.layout.shard_samples)
            own = [
                (split, index)
                for index in range(n_shards)
                if label_file(split, shard_name(split, index)) in labelled
            ]
            if len(own) < n_shards:
                missing = f"{n_shards - len(own):,} of {count_things(n_shards, 'shard')}"
                self.faults.append(f"{split}: {missing} lack a label file")
            found += own
        return found

    def read_batches(self) -> Iterator[Batch]:
        """Yield the label rows of the shards that are there and sound."""
        sound = []
        first_fault = ""
        for split, index in self.there:
            labels = self.files.labels(split, index, keep=False)
            try:
                check_types(labels.schema())
                others = [name for name in labels.schema().names if name not in _UNREAD]
                rows = labels.read(list(dict.fromkeys((*_NEEDED, *others))))
            except (OutputError, ConfigError) as error:
                self._add_fault(str(error))
                first_fault = first_fault or str(error)
                continue
            sound.append((split, index))
            for start in range(0, len(rows), BATCH_ROWS):
                yield Batch(split, rows.slice(start, BATCH_ROWS))
        self.there = sound
        if not sound:
            raise OutputError(f"{self.name}: no label file can be read: {first_fault}")

    def _add_fault(self, text: str) -> None:
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(text)

    def load(self, split: str, ordinals: Sequence[int], with_masks: bool = False) -> list[Picture]:
        """Return the images of the shards that are there; what is damaged becomes a fault."""
        size = self.files.layout.shard_samples
        there = set(self.there)
        pictures = []
        for index, own in groupby(ordinals, lambda ordinal: ordinal // size):
            if (split, index) in there:
                labels = self.files.labels(split, index)
                rows = [ordinal - index * size for ordinal in own]
                try:
                    pictures += self.load_rows(labels, rows, with_masks)
                except (OutputError, ConfigError) as error:
                    self._add_fault(str(error))
                    there.discard((split, index))
        self.there = [it for it in self.there if it in there]
        return pictures

    def load_rows(self, labels: ShardLabels, rows: list[int], with_masks: bool) -> list[Picture]:
        """Return the images of some rows of a shard.

        Raises
        ------
        OutputError
            If one is damaged.
        """
        wanted = ["ordinal", "number", "boxes", "look", *((MASKS.name,) if with_masks else ())]
        table = labels.read([name for name in wanted if name in labels.schema().names])
        (encoded,) = self.files.read_encoded([(labels, rows)])
        images = [
            self.files.decode(labels, row, content)
            for row, content in zip(rows, encoded, strict=True)
        ]
        try:
            pictures = make_pictures(labels.split, table.take(rows), images)
        except ValueError as error:
            raise OutputError(f"{labels.path}: column {MASKS.name}: {error}") from error
        if with_masks and MASKS.name not in table.column_names:
            return self._add_masks(labels.split, pictures)
        return pictures

    def _add_masks(self, split: str, pictures: list[Picture]) -> list[Picture]:
        """Draw the samples again for their masks, where this process has the plan's versions."""
        if self._again is None:
            return pictures
        drawn = self._again.load(split, [picture.ordinal for picture in pictures], True)
        return [
            replace(picture, masks=other.masks) if other.number == picture.number else picture
            for picture, other in zip(pictures, drawn, strict=True)
        ]

    @cached_property
    def _again(self) -> LiveSubject | None:
        try:
            return LiveSubject(self.name, self.sampler, max(self.planned.values()))
        except PipelineError:
            return None

    @cached_property
    def sampler(self) -> Sampler:
        """What draws its samples again.

        Raises
        ------
        OutputError
            If this process has other versions than the plan, or the digits are gone.
        """
        return open_output(self.storage)


class LiveSubject(Subject):
    """A config, of which some samples of each split are drawn.

    Parameters
    ----------
    name : str
        Path of the config.
    sampler : Sampler
    count : int
        Samples of each split, at most.
    """

    def __init__(self, name: str, sampler: Sampler, count: int) -> None:
        self.name = name
        self.faults = []
        canvas = sampler.plan.config.canvas
        self.image_shape = canvas.height, canvas.widest
        self.planned = {
            split: min(count, plan.n_samples) for split, plan in sampler.plan.splits.items()
        }
        self._sampler = sampler
        columns = [it for it in sampler.plan.config.columns if it not in (MASKS, POLYGONS)]
        self._schema = make_schema(columns)
        self._shapes = make_schema([*columns, MASKS])

    def read_batches(self) -> Iterator[Batch]:
        """Draw the samples, and yield their label rows."""
        for split, n_samples in self.planned.items():
            for start in range(0, n_samples, _DRAWN_TOGETHER):
                stop = min(start + _DRAWN_TOGETHER, n_samples)
                rows, _ = self._draw(split, start, stop, self._schema)
                yield Batch(split, rows)

    def _draw(
        self, split: Any, start: int, stop: int, schema: pa.Schema
    ) -> tuple[pa.Table, list[NDArray[np.uint8]]]:
        rendered = self._sampler.draw(split, start, stop)
        rows = make_rows(Shard(split, 0, start, stop), 0, rendered, schema)
        return rows, list(rendered.cut())

    def load(self, split: str, ordinals: Sequence[int], with_masks: bool = False) -> list[Picture]:
        """Draw the samples at some ordinals."""
        schema = self._shapes if with_masks else self._schema
        pictures = []
        for run in _find_runs(ordinals):
            rows, images = self._draw(split, run[0], run[-1] + 1, schema)
            places = [ordinal - run[0] for ordinal in run]
            pictures += make_pictures(split, rows.take(places), [images[it] for it in places])
        return pictures


def _find_runs(ordinals: Sequence[int]) -> list[list[int]]:
    """Return ordinals in groups of those that are worth to be drawn together."""
    runs: list[list[int]] = []
    for ordinal in ordinals:
        if runs and ordinal - runs[-1][-1] <= _NEAR and ordinal - runs[-1][0] < _DRAWN_TOGETHER:
            runs[-1].append(ordinal)
        else:
            runs.append([ordinal])
    return runs


def make_pictures(split: str, rows: pa.Table, images: Sequence[NDArray[np.uint8]]) -> list[Picture]:
    """Return images with what their label rows say."""
    return [
        Picture(
            split=split,
            ordinal=row["ordinal"],
            number=row["number"],
            image=image,
            boxes=np.array([list(box.values()) for box in row["boxes"]], np.int64).reshape(-1, 5),
            masks=[decode_mask(text, *image.shape) for text in row.get(MASKS.name, ())],
            look=row.get("look", ""),
        )
        for row, image in zip(rows.to_pylist(), images, strict=True)
    ]
