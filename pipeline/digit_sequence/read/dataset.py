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

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from digit_sequence.base.characters import DIGITS
from digit_sequence.base.errors import ConfigError, OutputError
from digit_sequence.base.names import MANIFEST_PATH, PLAN_PATH, label_file, parse_shard, shard_name
from digit_sequence.read.backing import Ordinals
from digit_sequence.read.cache import open_cache
from digit_sequence.read.files import DatasetFiles
from digit_sequence.read.samples import Batch, LabelRow, Sample
from digit_sequence.read.shard_labels import DatasetLayout, ShardLabels
from digit_sequence.read.splits import Splits
from digit_sequence.read.where import find_columns
from digit_sequence.store.label_schema import PLACE_COLUMNS
from digit_sequence.store.places import KEEP_BUILDING, describe_none, refuse_file
from digit_sequence.store.records import load_manifest, make_outline, parse_plan
from digit_sequence.store.storage import Storage

FETCH_SAMPLES = 8192
"""Images that are read ahead from an object store, encoded."""
_SCAN_THREADS, _STORE_THREADS = 4, 32
"""That read label files of a disk, of an object store."""

Argument = TypeVar("Argument")
Value = TypeVar("Value")


class _Stored(NamedTuple):
    """An image as it is stored, and its place; what `DatasetFiles.decode` takes."""

    labels: ShardLabels
    row: int
    encoded: bytes


class Dataset(Splits):
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
    def fingerprint(self) -> str:
        """Digest of everything that may change a byte, but for the number of samples."""
        return self._layout.fingerprint

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
    def image_format(self) -> str:
        """How an image is encoded: png or jpeg."""
        name: str = self.manifest["image"]["format"]
        return name

    @property
    def shard_samples(self) -> int:
        """Samples of a shard, but for the last of a split."""
        return self._layout.shard_samples

    @property
    def n_samples(self) -> Mapping[str, int]:
        """Samples of each split."""
        return self._layout.samples

    def max_digits(self, split: str) -> int:
        """Return the characters of the longest number that was planned for a split."""
        digits: int = self.manifest["splits"][split]["max_digits"]
        return digits

    def schema(self) -> pa.Schema:
        """Return the names and types of the label columns."""
        return self.store().labels(next(iter(self)), 0).schema()

    def store(self) -> DatasetFiles:
        """Return the files as this process has them open; after a fork, new ones."""
        if self._store is None or self._store.pid != os.getpid():
            self._store = DatasetFiles(self._layout)
        return self._store

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_store": None}

    # -- what is read ------------------------------------------------------------------------------

    def read_samples(self, split: str, ordinals: Ordinals) -> list[Sample]:
        """Read some samples, in their order; those that are near to each other together."""
        store = self.store()
        return [
            Sample(store.decode(*stored), LabelRow(stored.labels, stored.row))
            for stored in self._fetch(split, ordinals)
        ]

    def read_batch(self, split: str, ordinals: Ordinals, columns: Sequence[str]) -> Batch:
        """Read some samples, in their order, as one batch."""
        return self._decode(split, ordinals, self._fetch(split, ordinals, columns), columns)

    def read_batches(
        self, split: str, ordinals: Ordinals, size: int, columns: Sequence[str]
    ) -> Iterator[Batch]:
        """Yield batches; from an object store `FETCH_SAMPLES` encoded images are read ahead."""
        n_fetched = size if self.store().is_local else -(-FETCH_SAMPLES // size) * size
        for start in range(0, len(ordinals), n_fetched):
            chosen = ordinals[start : start + n_fetched]
            fetched = self._fetch(split, chosen, columns)
            for begin in range(0, len(chosen), size):
                end = begin + size
                yield self._decode(split, chosen[begin:end], fetched[begin:end], columns)

    def read_encoded(self, split: str, ordinals: Ordinals, check: bool) -> list[bytes]:
        """Return the files of some images; with `check` each is decoded, to find a damaged one."""
        fetched = self._fetch(split, ordinals)
        for stored in fetched if check else ():
            self.store().decode(*stored)
        return [stored.encoded for stored in fetched]

    def read_labels(self, split: str, ordinals: Ordinals, columns: Sequence[str]) -> pa.Table:
        """Return the label rows of some samples, in their order."""
        return self._gather(split, ordinals, columns)

    def scan_labels(
        self, split: str, windows: Iterable[Ordinals], columns: Sequence[str]
    ) -> Iterator[pa.Table]:
        """Yield label rows, read by several threads a little ahead, and not kept."""
        n_threads = _SCAN_THREADS if self.store().is_local else _STORE_THREADS
        return _map_ahead(
            lambda ordinals: self._gather(split, ordinals, columns, keep=False), windows, n_threads
        )

    def _fetch(self, split: str, ordinals: Ordinals, columns: Sequence[str] = ()) -> list[_Stored]:
        """Read the encoded images of samples, and load label columns that are wanted next."""
        store = self.store()
        groups = list(self._group(split, ordinals))
        names = find_columns(columns, self.schema()) if columns else []
        store.load_labels([labels for labels, _, _ in groups], [*PLACE_COLUMNS, *names])
        encoded = store.read_encoded([(labels, rows) for labels, _, rows in groups])
        found: list[_Stored | None] = [None] * len(ordinals)
        for (labels, places, rows), images in zip(groups, encoded, strict=True):
            for place, row, image in zip(places.tolist(), rows, images, strict=True):
                found[place] = _Stored(labels, row, image)
        return cast(list[_Stored], found)

    def _decode(
        self,
        split: str,
        ordinals: Ordinals,
        fetched: Sequence[_Stored],
        columns: Sequence[str],
    ) -> Batch:
        store = self.store()
        found = [store.decode(*stored) for stored in fetched]
        widths = np.array([image.shape[1] for image in found], np.int64)
        height, widest = self.image_shape
        images = np.zeros((len(found), height, widths.max(initial=0) or widest), np.uint8)
        for image, decoded, width in zip(images, found, widths.tolist(), strict=True):
            image[:, :width] = decoded
        return Batch(images, widths, self._gather(split, ordinals, columns))

    def _group(
        self, split: str, ordinals: Ordinals, keep: bool = True
    ) -> Iterator[tuple[ShardLabels, NDArray[np.int64], list[int]]]:
        """Yield for each shard its labels, positions in `ordinals`, and rows in the shard."""
        store = self.store()
        indices, rows = np.divmod(ordinals, self.shard_samples)
        order = np.argsort(indices, kind="stable")
        starts = np.flatnonzero(np.diff(indices[order], prepend=-1))
        for places in np.split(order, starts[1:]) if len(order) else ():
            labels = store.labels(split, int(indices[places[0]]), keep)
            yield labels, places, rows[places].tolist()

    def _gather(
        self, split: str, ordinals: Ordinals, columns: Sequence[str], keep: bool = True
    ) -> pa.Table:
        """Return label rows in the order of `ordinals`."""
        names = find_columns(columns, self.schema())
        tables, order = [], []
        groups = list(self._group(split, ordinals, keep))
        self.store().load_labels([labels for labels, _, _ in groups], names)
        for labels, places, rows in groups:
            tables.append(labels.read(names).take(rows))
            order.append(places)
        if not tables:
            return self.schema().empty_table().select(names)
        table = pa.concat_tables(tables) if len(tables) > 1 else tables[0]
        places = np.concatenate(order)
        is_sorted = bool((places == np.arange(len(places))).all())
        return table if is_sorted else table.take(np.argsort(places))


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


def open_dataset(
    uri: str | os.PathLike[str],
    check_pixels: bool = False,
    *,
    cache: str | os.PathLike[str] | None = None,
    cache_bytes: int | None = None,
) -> Dataset:
    """Open a complete dataset; takes the same time for any number of samples.

    Parameters
    ----------
    uri : str or path
        A local directory, or a URI that pyarrow.fs opens, such as ``s3://bucket/folder``.
    check_pixels : bool
        Check every image that is read against its hash; for PNG, and needs xxhash.
    cache : path, optional
        Folder on a disk that keeps whole shards of a dataset in an object store, checked by their
        digests: what is read again makes no request. Processes of a machine share it; it holds one
        dataset.
    cache_bytes : int, optional
        What the cache takes at most; shards that were read longest ago make room. Default: no
        limit.

    Raises
    ------
    ConfigError
        If `cache_bytes` is too small for a shard.
    OutputError
        If there is no dataset, or it is not complete: says what is missing.
    """
    refuse_file(os.fspath(uri))
    storage = Storage(os.fspath(uri))
    try:
        manifest = load_manifest(storage)
    except FileNotFoundError:
        raise _describe_missing(storage) from None
    if cache is None and cache_bytes is not None:
        raise ConfigError(f"cache_bytes: expected a folder, cache, as well, got {cache_bytes:,}")
    layout = DatasetLayout(
        uri=storage.uri,
        fingerprint=manifest["fingerprint"],
        height=manifest["image"]["height"],
        width=manifest["image"]["width"],
        min_width=manifest["image"]["min_width"],
        shard_samples=manifest["shard_samples"],
        samples={name: split["samples"] for name, split in manifest["splits"].items()},
        check_pixels=check_pixels,
        cache=None
        if cache is None
        else open_cache(cache, cache_bytes, storage.uri, manifest["digest"]),
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
        return describe_none(storage)
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
        + f"; {KEEP_BUILDING}"
    )


def _is_label_file(path: str, n_shards: Mapping[str, int]) -> bool:
    try:
        split, index = parse_shard(PurePosixPath(path).stem)
    except ValueError:
        return False
    return index < n_shards.get(split, 0) and path == label_file(split, shard_name(split, index))
