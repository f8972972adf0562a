"""Reading a dataset back: any sample by its ordinal or its key, for training jobs.

::

    dataset = open_dataset("data/default")      # or s3://bucket/folder
    train = dataset["train"]                    # a sequence of samples
    train[42].image, train[42].number           # (H, W) uint8, "007"
    train.by_key("train-000000042")
    long = train.where(n_digits=range(5, 7), digit=0)
    for batch in long.batches(256):
        batch.images, batch.numbers             # (B, H, W) uint8, list of str

Opening reads ``dataset.json`` and nothing else: sample ``i`` is in row ``i % shard_samples`` of
shard ``i // shard_samples``, whose label file says at which bytes its image is. Files are opened
when they are needed, a bounded number at a time, and anew in every process, so a dataset can be
pickled and forked. Only NumPy, pyarrow and the Pillow that imageio brings are imported.
"""

from __future__ import annotations

import operator
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, NamedTuple, TypeVar, cast, overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from digit_sequence.base.characters import DIGITS, SPACE
from digit_sequence.base.errors import ConfigError, OutputError
from digit_sequence.base.images import cut_images
from digit_sequence.base.names import (
    MANIFEST_PATH,
    PLAN_PATH,
    label_file,
    parse_key,
    parse_shard,
    sample_key,
    shard_name,
)
from digit_sequence.codec.run_lengths import decode_mask
from digit_sequence.codec.sheet import SHOWN, write_sheet
from digit_sequence.read.files import DatasetFiles, DatasetLayout, LabelRow, ShardLabels
from digit_sequence.read.where import find_columns, match_expression, match_rows, prepare_conditions
from digit_sequence.store.labels import PLACE_COLUMNS
from digit_sequence.store.records import load_manifest, make_outline, parse_plan
from digit_sequence.store.storage import Storage

BATCH_COLUMNS = ("key", "number")
"""Label columns of a batch unless others are asked for."""
FETCH_SAMPLES = 8192
"""Images that are read ahead from an object store, encoded."""
Positions = range | Sequence[int] | NDArray[np.int64]
"""Of samples in a split."""
_WINDOW_SAMPLES = 1 << 16
_SCAN_THREADS, _STORE_THREADS = 4, 32
"""That read label files of a disk, of an object store."""

Argument = TypeVar("Argument")
Value = TypeVar("Value")


# -- what is read ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """One image and its label row."""

    image: NDArray[np.uint8]
    """(H, W)"""
    label: Mapping[str, Any]
    """The label row by column; a column is read when it is first asked for."""

    @property
    def key(self) -> str:
        """Name of the sample, unique in the dataset."""
        key: str = self.label["key"]
        return key

    @property
    def number(self) -> str:
        """As it is written, zeros kept."""
        number: str = self.label["number"]
        return number

    @property
    def characters(self) -> str:
        """The characters of the number that have ink and a box each: all but spaces."""
        return self.number.replace(SPACE, "")

    @property
    def boxes(self) -> NDArray[np.int32]:
        """Per digit (digit, top, left, bottom, right), half-open pixels, shape (D, 5).

        Signs have codes from 10 on in place of a digit: `characters` has them.
        """
        return _to_boxes(self.label["boxes"])

    @property
    def masks(self) -> NDArray[np.bool_]:
        """Per digit where its ink is, shape (D, H, W); of a dataset built with `labels.masks`."""
        return np.stack([decode_mask(text, *self.image.shape) for text in self.label["masks"]])


@dataclass(frozen=True)
class Batch:
    """B images and their label rows."""

    images: NDArray[np.uint8]
    """(B, H, W); an image that is narrower than the widest of the batch has 0 right of it."""
    widths: NDArray[np.int64]
    """(B,) columns of each image."""
    labels: pa.Table
    """B rows with the columns that were asked for."""

    def cut(self) -> Iterator[NDArray[np.uint8]]:
        """Return each image (H, its width)."""
        return cut_images(self.images, self.widths)

    @property
    def numbers(self) -> list[str]:
        """The B numbers."""
        numbers: list[str] = self.labels["number"].to_pylist()
        return numbers

    @property
    def boxes(self) -> list[NDArray[np.int32]]:
        """For each sample as `Sample.boxes`; the column must have been asked for."""
        return [_to_boxes(boxes) for boxes in self.labels["boxes"].to_pylist()]


def _to_boxes(boxes: list[dict[str, int]]) -> NDArray[np.int32]:
    return np.array([list(box.values()) for box in boxes], np.int32)


# -- dataset and splits ---------------------------------------------------------------------------


class Dataset(Mapping[str, "Split"]):
    """A complete dataset: its splits by name.

    Parameters
    ----------
    layout : DatasetLayout
    manifest : mapping
        The content of ``dataset.json``.
    """

    def __init__(self, layout: DatasetLayout, manifest: Mapping[str, Any]) -> None:
        self._layout = layout
        self.manifest = manifest
        self._store: DatasetFiles | None = None

    @property
    def uri(self) -> str:
        """Where it is."""
        return self._layout.uri

    @property
    def image_shape(self) -> tuple[int, int]:
        """(H, W) of every image, or of the widest."""
        return self._layout.height, self._layout.width

    @property
    def alphabet(self) -> str:
        """The characters of its numbers: all digits, then signs and the space if there are any."""
        alphabet: str = self.manifest.get("alphabet", DIGITS)
        return alphabet

    @property
    def classes(self) -> str:
        """Those of the alphabet that have ink, and boxes."""
        return self.alphabet.replace(SPACE, "")

    @property
    def shard_samples(self) -> int:
        """Samples of a shard, but for the last of a split."""
        return self._layout.shard_samples

    @property
    def columns(self) -> list[str]:
        """Names of the label columns."""
        names: list[str] = self.schema().names
        return names

    def schema(self) -> pa.Schema:
        """Return the names and types of the label columns."""
        return self.store().labels(next(iter(self)), 0).schema()

    def __getitem__(self, split: str) -> Split:
        if split not in self._layout.samples:
            raise ConfigError(
                f"{self.uri}: expected a split of {', '.join(self._layout.samples)}, got {split!r}"
            )
        return Split(self, split, range(self._layout.samples[split]))

    def get(self, split: str, default: Any = None) -> Any:
        """Return a split, or a default if there is none."""
        return self[split] if split in self._layout.samples else default

    def __contains__(self, split: object) -> bool:
        return split in self._layout.samples

    def __iter__(self) -> Iterator[str]:
        return iter(self._layout.samples)

    def __len__(self) -> int:
        return len(self._layout.samples)

    def by_key(self, key: str) -> Sample:
        """Return the sample of a key, such as ``train-000000042``.

        Raises
        ------
        ConfigError
            If the dataset has no such sample.
        """
        split, _ = parse_key(key, self._layout.samples, self.uri)
        return self[split].by_key(key)

    def store(self) -> DatasetFiles:
        """Return the files as this process has them open; after a fork, new ones."""
        if self._store is None or self._store.pid != os.getpid():
            self._store = DatasetFiles(self._layout)
        return self._store

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_store": None}

    def __repr__(self) -> str:
        splits = ", ".join(f"{name} {count:,}" for name, count in self._layout.samples.items())
        return f"<dataset {self.uri}: {splits}>"

    def _repr_html_(self) -> str:
        """Return the first samples of each split, for a notebook."""
        return write_sheet({repr(split): split.list_tiles() for split in self.values()})


class _Stored(NamedTuple):
    """An image as it is stored, and its place; what `DatasetFiles.decode` takes."""

    labels: ShardLabels
    row: int
    encoded: bytes


class Split(Sequence[Sample]):
    """Samples of one split, all or some, in an order.

    Parameters
    ----------
    dataset : Dataset
    name : str
    ordinals : range or ndarray of int64
        Which samples these are.
    """

    def __init__(self, dataset: Dataset, name: str, ordinals: range | NDArray[np.int64]) -> None:
        self.dataset = dataset
        self.name = name
        self.ordinals = ordinals

    def __len__(self) -> int:
        return len(self.ordinals)

    @overload
    def __getitem__(self, position: int) -> Sample: ...
    @overload
    def __getitem__(self, position: slice) -> Split: ...
    def __getitem__(self, position: int | slice) -> Sample | Split:
        """Return the sample at a position, or the samples of a slice."""
        if isinstance(position, slice):
            return Split(self.dataset, self.name, self.ordinals[position])
        place = operator.index(position)
        if not -len(self) <= place < len(self):
            raise IndexError(
                f"{self.name}: expected a position in [{-len(self)}, {len(self)}), got {place}"
            )
        return self._read_one(int(self.ordinals[place]))

    def __iter__(self) -> Iterator[Sample]:
        for start in range(0, len(self), 256):
            yield from self.read(range(start, min(start + 256, len(self))))

    def by_key(self, key: str) -> Sample:
        """Return the sample of a key.

        Raises
        ------
        ConfigError
            If it is not a key of these samples.
        """
        total = self.dataset.manifest["splits"][self.name]["samples"]
        _, ordinal = parse_key(key, {self.name: total}, self.dataset.uri)
        if not self._has(ordinal):
            raise ConfigError(
                f"{self.dataset.uri}: expected a key of {len(self):,} of the {total:,} samples of "
                f"{self.name}, {sample_key(self.name, 0)} to {sample_key(self.name, total - 1)}, "
                f"got {key!r}"
            )
        return self._read_one(ordinal)

    def take(self, positions: Positions) -> Split:
        """Return the samples at some positions, in that order.

        Raises
        ------
        IndexError
            If there is no such position; negative ones count from the end.
        ConfigError
            If they are no integers.
        """
        chosen = np.asarray(positions)
        if len(chosen) and chosen.dtype.kind not in "iu":
            raise ConfigError(
                f"{self.name}: expected positions, which are integers, got {chosen.dtype}; a mask "
                "becomes positions by np.flatnonzero"
            )
        chosen = chosen.astype(np.int64)
        if len(chosen) and not -len(self) <= chosen.min() <= chosen.max() < len(self):
            raise IndexError(
                f"{self.name}: expected positions in [{-len(self)}, {len(self)}), got "
                f"{chosen.min()} to {chosen.max()}"
            )
        chosen = np.where(chosen < 0, chosen + len(self), chosen)
        ordinals = self.ordinals
        if isinstance(ordinals, range):
            return Split(self.dataset, self.name, ordinals.start + ordinals.step * chosen)
        return Split(self.dataset, self.name, ordinals[chosen])

    def where(self, expression: Any = None, /, **conditions: Any) -> Split:
        """Return the samples that meet all conditions on label columns.

        Reads the named columns of all label files of these samples; keeps eight bytes for each
        sample found.

        Parameters
        ----------
        expression : pyarrow.compute.Expression, optional
            Such as ``pc.field("blur_sigma") > 0.5``; reads all columns.
        **conditions
            A column and its value, or a list, set or range of values; see `label_filter`.

        Raises
        ------
        ConfigError
            If there is no such column (lists them), or a value does not fit its column.
        """
        if expression is None and not conditions:
            return self
        schema = self.dataset.schema()
        prepared = prepare_conditions(conditions, schema)
        columns = schema.names if expression is not None else find_columns(conditions, schema)

        def scan(start: int) -> NDArray[np.int64]:
            stop = min(start + _WINDOW_SAMPLES, len(self))
            rows = self._gather(self._ordinals(range(start, stop)), columns, keep=False)
            matched = match_rows(rows, prepared)
            if expression is not None:
                matched &= match_expression(rows, expression)
            return start + np.flatnonzero(matched)

        n_threads = _SCAN_THREADS if self.dataset.store().is_local else _STORE_THREADS
        found = list(_map_ahead(scan, range(0, len(self), _WINDOW_SAMPLES), n_threads))
        return self.take(np.concatenate([np.empty(0, np.int64), *found]))

    def labels(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the label rows of all these samples, in their order."""
        columns = self.dataset.columns if columns is None else columns
        windows = range(0, max(1, len(self)), _WINDOW_SAMPLES)
        tables = [
            self.read_labels(range(start, min(start + _WINDOW_SAMPLES, len(self))), columns)
            for start in windows
        ]
        return pa.concat_tables(tables)

    @property
    def max_digits(self) -> int:
        """Characters of the longest number that was planned for the split."""
        digits: int = self.dataset.manifest["splits"][self.name]["max_digits"]
        return digits

    def batches(
        self, size: int, columns: Sequence[str] = BATCH_COLUMNS, drop_last: bool = False
    ) -> Iterator[Batch]:
        """Yield all samples in order, `size` at a time; the last batch may be smaller.

        Parameters
        ----------
        size : int
        columns : sequence of str
            Label columns to read.
        drop_last : bool
            Leave out a smaller last batch.
        """
        stop = len(self) // size * size if drop_last and size > 0 else len(self)
        yield from self.read_batches(range(stop), size, columns)

    def read_batches(
        self, positions: Positions, size: int, columns: Sequence[str] = BATCH_COLUMNS
    ) -> Iterator[Batch]:
        """Yield the samples at some positions, in that order, `size` at a time.

        From an object store the encoded images of `FETCH_SAMPLES` are read ahead together, so that
        samples from all over a few shards take few requests.
        """
        if size < 1:
            raise ConfigError(f"expected batches of at least 1 sample, got {size}")
        ordinals = self._ordinals(positions)
        n_fetched = size if self.dataset.store().is_local else -(-FETCH_SAMPLES // size) * size
        for start in range(0, len(ordinals), n_fetched):
            chosen = ordinals[start : start + n_fetched]
            fetched = self._fetch(chosen, columns)
            for begin in range(0, len(chosen), size):
                end = begin + size
                yield self._decode(chosen[begin:end], fetched[begin:end], columns)

    def read_batch(self, positions: Positions, columns: Sequence[str] = BATCH_COLUMNS) -> Batch:
        """Read the samples at some positions, in that order.

        Samples that are near to each other in a shard are read together.
        """
        ordinals = self._ordinals(positions)
        return self._decode(ordinals, self._fetch(ordinals, columns), columns)

    def read(self, positions: Positions) -> list[Sample]:
        """Read the samples at some positions, in that order, as `read_batch` does."""
        store = self.dataset.store()
        return [
            Sample(store.decode(*stored), LabelRow(stored.labels, stored.row))
            for stored in self._fetch(self._ordinals(positions))
        ]

    def read_encoded(self, positions: Positions, check: bool = False) -> list[bytes]:
        """Return the files of the images at some positions, in that order, not decoded.

        With `check` they are decoded too, so that a damaged one is found.
        """
        fetched = self._fetch(self._ordinals(positions))
        for stored in fetched if check else ():
            self.dataset.store().decode(*stored)
        return [stored.encoded for stored in fetched]

    def read_labels(self, positions: Positions, columns: Sequence[str] = BATCH_COLUMNS) -> pa.Table:
        """Return the label rows at some positions, in that order."""
        return self._gather(self._ordinals(positions), columns)

    def _read_one(self, ordinal: int) -> Sample:
        (stored,) = self._fetch(np.array([ordinal]))
        image = self.dataset.store().decode(*stored)
        return Sample(image, LabelRow(stored.labels, stored.row))

    def _has(self, ordinal: int) -> bool:
        return (
            bool(np.isin(ordinal, self.ordinals))
            if isinstance(self.ordinals, np.ndarray)
            else ordinal in self.ordinals
        )

    def _ordinals(self, positions: Positions) -> NDArray[np.int64]:
        if (
            isinstance(positions, range)
            and positions.step == 1
            and 0 <= positions.start <= positions.stop <= len(self)
        ):
            return _to_array(self.ordinals[positions.start : positions.stop])
        return _to_array(self.take(positions).ordinals)

    def _fetch(self, ordinals: NDArray[np.int64], columns: Sequence[str] = ()) -> list[_Stored]:
        """Read the encoded images of samples, and load label columns that are wanted next."""
        store = self.dataset.store()
        groups = list(self._group(ordinals))
        names = find_columns(columns, self.dataset.schema()) if columns else []
        store.load_labels([labels for labels, _, _ in groups], [*PLACE_COLUMNS, *names])
        encoded = store.read_encoded([(labels, rows) for labels, _, rows in groups])
        found: list[_Stored | None] = [None] * len(ordinals)
        for (labels, places, rows), images in zip(groups, encoded, strict=True):
            for place, row, image in zip(places.tolist(), rows, images, strict=True):
                found[place] = _Stored(labels, row, image)
        return cast(list[_Stored], found)

    def _decode(
        self, ordinals: NDArray[np.int64], fetched: Sequence[_Stored], columns: Sequence[str]
    ) -> Batch:
        store = self.dataset.store()
        found = [store.decode(*stored) for stored in fetched]
        widths = np.array([image.shape[1] for image in found], np.int64)
        height, widest = self.dataset.image_shape
        images = np.zeros((len(found), height, widths.max(initial=0) or widest), np.uint8)
        for image, decoded, width in zip(images, found, widths.tolist(), strict=True):
            image[:, :width] = decoded
        return Batch(images, widths, self._gather(ordinals, columns))

    def _group(
        self, ordinals: NDArray[np.int64], keep: bool = True
    ) -> Iterator[tuple[ShardLabels, NDArray[np.int64], list[int]]]:
        """Yield for each shard its labels, positions in `ordinals`, and rows in the shard."""
        store = self.dataset.store()
        indices, rows = np.divmod(ordinals, self.dataset.shard_samples)
        order = np.argsort(indices, kind="stable")
        starts = np.flatnonzero(np.diff(indices[order], prepend=-1))
        for places in np.split(order, starts[1:]) if len(order) else ():
            labels = store.labels(self.name, int(indices[places[0]]), keep)
            yield labels, places, rows[places].tolist()

    def _gather(
        self, ordinals: NDArray[np.int64], columns: Sequence[str], keep: bool = True
    ) -> pa.Table:
        """Return label rows in the order of `ordinals`."""
        names = find_columns(columns, self.dataset.schema())
        tables, order = [], []
        groups = list(self._group(ordinals, keep))
        self.dataset.store().load_labels([labels for labels, _, _ in groups], names)
        for labels, places, rows in groups:
            tables.append(labels.read(names).take(rows))
            order.append(places)
        if not tables:
            return self.dataset.schema().empty_table().select(names)
        table = pa.concat_tables(tables) if len(tables) > 1 else tables[0]
        places = np.concatenate(order)
        is_sorted = bool((places == np.arange(len(places))).all())
        return table if is_sorted else table.take(np.argsort(places))

    def __repr__(self) -> str:
        total = self.dataset.manifest["splits"][self.name]["samples"]
        return f"<{len(self):,} of {total:,} samples of {self.name} in {self.dataset.uri}>"

    def list_tiles(self) -> list[tuple[str, bytes]]:
        """Return the numbers and the encoded images of the first samples, for a notebook."""
        shown = range(min(SHOWN, len(self)))
        numbers = self.read_labels(shown, ["number"])["number"].to_pylist()
        return list(zip(numbers, self.read_encoded(shown), strict=True))

    def _repr_html_(self) -> str:
        """Return the first samples, for a notebook."""
        return write_sheet({repr(self): self.list_tiles()})


def _to_array(ordinals: range | NDArray[np.int64]) -> NDArray[np.int64]:
    if isinstance(ordinals, range):
        return np.arange(ordinals.start, ordinals.stop, ordinals.step, dtype=np.int64)
    return ordinals


def _map_ahead(
    function: Callable[[Argument], Value], arguments: Iterable[Argument], n_threads: int
) -> Iterator[Value]:
    """Map in a few threads, in order, without running far ahead."""
    with ThreadPoolExecutor(n_threads) as pool:
        running: deque[Future[Value]] = deque()
        for argument in arguments:
            running.append(pool.submit(function, argument))
            if len(running) > n_threads:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


# -- opening --------------------------------------------------------------------------------------


def open_dataset(uri: str | os.PathLike[str], check_pixels: bool = False) -> Dataset:
    """Open a complete dataset; takes the same time for any number of samples.

    Parameters
    ----------
    uri : str or path
        A local directory, or a URI that pyarrow.fs opens, such as ``s3://bucket/folder``.
    check_pixels : bool
        Check every image that is read against its hash; for PNG, and needs xxhash.

    Raises
    ------
    OutputError
        If there is no dataset, or it is not complete: says what is missing.
    """
    storage = Storage(os.fspath(uri))
    try:
        manifest = load_manifest(storage)
    except FileNotFoundError:
        raise _describe_missing(storage) from None
    layout = DatasetLayout(
        uri=storage.uri,
        fingerprint=manifest["fingerprint"],
        height=manifest["image"]["height"],
        width=manifest["image"]["width"],
        min_width=manifest["image"]["min_width"],
        shard_samples=manifest["shard_samples"],
        samples={name: split["samples"] for name, split in manifest["splits"].items()},
        check_pixels=check_pixels,
    )
    if check_pixels and manifest["image"]["format"] != "png":
        raise ConfigError(
            f"check_pixels: expected PNG images, got {manifest['image']['format']}, which does not "
            "keep every pixel; use digit-sequence verify"
        )
    return Dataset(layout, manifest)


def _describe_missing(storage: Storage) -> OutputError:
    """Say what a directory without a manifest lacks."""
    try:
        outline = make_outline(parse_plan(storage.read(PLAN_PATH)))
    except FileNotFoundError:
        return OutputError(
            f"{storage.uri}: expected a dataset built by this program, got no {MANIFEST_PATH}; "
            "check the path, or build one: digit-sequence build CONFIG -o OUT"
        )
    except ValueError as error:
        return OutputError(
            f"{storage.uri}: expected a dataset built by this program, got no {MANIFEST_PATH} and "
            f"no sound {PLAN_PATH} ({error}); build into another directory"
        )
    n_shards: dict[str, int] = {split: outline.n_shards(split) for split in outline.samples}
    there = {path for path in storage.list("labels") if _is_label_file(path, n_shards)}
    missing = (
        shard_name(split, index)
        for split, count in n_shards.items()
        for index in range(count)
        if label_file(split, shard_name(split, index)) not in there
    )
    first = next(missing, None)
    total = sum(n_shards.values())
    return OutputError(
        f"{storage.uri}: the dataset is not complete: "
        + (
            f"{total - len(there):,} of {total:,} shards are missing, the first is {first}"
            if first is not None
            else f"all {total:,} shards have labels, but {MANIFEST_PATH} is missing"
        )
        + "; run the same build again, which keeps what is there"
    )


def _is_label_file(path: str, n_shards: Mapping[str, int]) -> bool:
    try:
        split, index = parse_shard(PurePosixPath(path).stem)
    except ValueError:
        return False
    return index < n_shards.get(split, 0) and path == label_file(split, shard_name(split, index))
