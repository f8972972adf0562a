"""Which shards of a plan are done, and what their label files say; the rule is in `done`."""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import numpy as np

from digit_sequence.base import names
from digit_sequence.codec.encoding import EXTENSIONS
from digit_sequence.config.model import Config
from digit_sequence.containers import CONTAINERS
from digit_sequence.containers.container import Target
from digit_sequence.plan.plan import Plan, Shard
from digit_sequence.store.done import check_shard, label_path
from digit_sequence.store.labels import Commit
from digit_sequence.store.plan_file import check_countable, outline_plan
from digit_sequence.store.records import Outline
from digit_sequence.store.storage import Storage

_READERS = 16
"""Label files read at a time, for the latency of an object store."""
MOST_LISTED = 10_000
"""Shards of a dataset whose digests are kept, so that metadata can list its files."""

Found = TypeVar("Found")


# -- the files -----------------------------------------------------------------------------------


def find_labelled(outline: Outline, paths: Iterable[str]) -> Iterator[Shard]:
    """Return the shards of a dataset that some of its files are the label files of, in order."""
    found = {split: array("q") for split in outline.samples}
    places = {_locate_file(label_path(outline.shard(split, 0))): split for split in found}
    n_shards = {split: outline.n_shards(split) for split in found}
    for path in paths:
        kind, index = _locate_file(path) or ("", 0)
        split = places.get((kind, 0))
        if split is not None and index < n_shards[split]:
            found[split].append(index)
    return (outline.shard(split, int(index)) for split in found for index in np.sort(found[split]))


def list_labelled(storage: Storage, outline: Outline) -> Iterator[Shard]:
    """Return the shards whose label files are there, in order."""
    return find_labelled(outline, (path for path, _ in storage.walk("labels")))


class FileSizes:
    """The sizes of the files below ``images``; of one that is a shard 16 bytes are kept.

    Parameters
    ----------
    files : iterable of (str, int)
        Paths, relative to the dataset, and sizes.
    """

    def __init__(self, files: Iterable[tuple[str, int]]) -> None:
        self.n_files = self.n_bytes = 0
        self._others: dict[str, int] = {}
        found: dict[str, tuple[array[int], array[int]]] = {}
        for path, size in files:
            self.n_files, self.n_bytes = self.n_files + 1, self.n_bytes + size
            if (place := _locate_file(path)) is None:
                self._others[path] = size
            else:
                indices, sizes = found.setdefault(place[0], (array("q"), array("q")))
                indices.append(place[1])
                sizes.append(size)
        self._of_shards = {}
        for kind, columns in found.items():
            order = np.argsort(columns[0])
            self._of_shards[kind] = [array("q", np.asarray(it)[order].data) for it in columns]

    def get(self, path: str) -> int | None:
        """Return the size of a file, None if it is not there."""
        if (place := _locate_file(path)) is None:
            return self._others.get(path)
        kind, index = place
        if kind not in self._of_shards:
            return None
        indices, sizes = self._of_shards[kind]
        row = bisect_left(indices, index)
        return sizes[row] if row < len(indices) and indices[row] == index else None


def _locate_file(path: str) -> tuple[str, int] | None:
    """Return the index of the shard that a file is named after, behind all else of its path."""
    folder, _, name = path.rpartition("/")
    stem = name.partition(".")[0]
    try:
        split, index = names.parse_shard(stem)
    except ValueError:
        return None
    return f"{folder}/{split}*{name[len(stem) :]}", index


def shard_paths(plan: Plan, shard: Shard) -> list[str]:
    """Return the paths of the files that hold the images of a shard."""
    container = CONTAINERS[plan.config.output.container]
    return container.paths(make_target(plan.config, shard), _identify(plan, shard))


def _identify(plan: Plan, shard: Shard) -> Iterator[tuple[str, int]]:
    """Yield number and sample index of each sample of a shard."""
    numbers, indices = plan.splits[shard.split].identities(shard.start, shard.stop)
    yield from zip(numbers, indices, strict=True)


def make_target(config: Config, shard: Shard) -> Target:
    """Return what a container must know to pack a shard."""
    output = config.output
    return Target(
        split=shard.split,
        name=shard.name,
        n_samples=shard.n_samples,
        extension=EXTENSIONS[output.image],
        sidecar=output.sidecar,
    )


# -- the ledger ------------------------------------------------------------------------------------


class Ledger:
    """Which shards of a plan are complete, and what their label files say; a few bytes each."""

    def __init__(self, plan: Plan) -> None:
        check_countable(plan)
        self._plan = plan
        self.n_done = 0
        """Complete shards; counted as they come, since that is asked after each."""
        self._columns = {
            name: np.zeros(split.n_shards, _LEDGER_ROW) for name, split in plan.splits.items()
        }
        self._sha256: dict[Shard, str] | None = {} if plan.n_shards <= MOST_LISTED else None

    def add(self, shard: Shard, commit: Commit) -> None:
        """Note that a shard is complete."""
        text = f"{commit.shard} {commit.shard_sha256} {commit.labels_digest}"
        digest = np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint8)
        row = (True, commit.shard_bytes, commit.scaled, digest)
        self.n_done += shard not in self
        self._columns[shard.split][shard.index] = row
        if self._sha256 is not None:
            self._sha256[shard] = commit.shard_sha256

    def drop(self, shard: Shard) -> None:
        """Note that a shard is not complete after all."""
        self.n_done -= shard in self
        self._columns[shard.split][shard.index] = np.zeros((), _LEDGER_ROW)

    def n_bytes(self, shard: Shard) -> int:
        """Return the bytes of the images of a complete shard."""
        return int(self._columns[shard.split]["bytes"][shard.index])

    @property
    def has_digests(self) -> bool:
        """Whether it keeps the digest of each shard: there are not too many."""
        return self._sha256 is not None

    def sha256(self, shard: Shard) -> str:
        """Return the digest of the images of a complete shard, if it `has_digests`."""
        return (self._sha256 or {})[shard]

    def __contains__(self, shard: Shard) -> bool:
        return bool(self._columns[shard.split]["done"][shard.index])

    @property
    def done_samples(self) -> int:
        """Samples of the complete shards."""
        return sum(
            split.shard(int(index)).n_samples
            for name, split in self._plan.splits.items()
            for index in np.flatnonzero(self._columns[name]["done"])
        )

    @property
    def done_bytes(self) -> int:
        """Bytes of the images of the complete shards."""
        return sum(int(rows["bytes"].sum()) for rows in self._columns.values())

    def missing(self) -> Iterator[Shard]:
        """Yield the shards that are not complete, in order."""
        return (shard for shard in self._plan.shards() if shard not in self)

    def describe_splits(self) -> dict[str, dict[str, int]]:
        """Return the counts of each split, as the manifest has them."""
        return {
            name: {
                "samples": split.n_samples,
                "shards": split.n_shards,
                "bytes": int(self._columns[name]["bytes"].sum()),
                "scaled": int(self._columns[name]["scaled"].sum()),
                "max_digits": split.numbers.max_digits,
            }
            for name, split in self._plan.splits.items()
        }

    def digest(self) -> str:
        """Return the SHA-256 over all shards and label rows."""
        digest = hashlib.sha256()
        for rows in self._columns.values():
            digest.update(np.ascontiguousarray(rows["digest"]).data)
        return digest.hexdigest()


_LEDGER_ROW = np.dtype(
    [("done", np.bool_), ("bytes", np.int64), ("scaled", np.int64), ("digest", np.uint8, 32)]
)


def read_ledger(storage: Storage, plan: Plan) -> Ledger:
    """Find the complete shards of a plan."""
    outline, ledger = outline_plan(plan), Ledger(plan)
    labelled = list_labelled(storage, outline)  # first: what has these, has its images by now
    sizes = FileSizes(storage.walk("images"))

    def check(shard: Shard) -> tuple[Shard, Commit | None]:
        commit, fault = check_shard(storage, outline, shard, sizes.get)
        return shard, None if fault else commit

    for shard, commit in map_shards(check, labelled):
        if commit is not None:
            ledger.add(shard, commit)
    return ledger


def drop_lost(storage: Storage, plan: Plan, ledger: Ledger) -> list[Shard]:
    """Take those shards from a ledger whose files are gone by now; return them.

    The directory is listed; no file is read.
    """
    labelled = {name: np.zeros(split.n_shards, np.bool_) for name, split in plan.splits.items()}
    for shard in list_labelled(storage, outline_plan(plan)):
        labelled[shard.split][shard.index] = True
    sizes = FileSizes(storage.walk("images"))
    has_file_per_image = CONTAINERS[plan.config.output.container].has_file_per_image
    is_whole = has_file_per_image and (
        (sizes.n_files, sizes.n_bytes) == (ledger.done_samples, ledger.done_bytes)
    )

    def is_there(shard: Shard) -> bool:
        if not labelled[shard.split][shard.index]:
            return False
        if is_whole:  # then none is lost, and naming them all would take a while
            return True
        found = [sizes.get(path) for path in shard_paths(plan, shard)]
        return None not in found and sum(filter(None, found)) == ledger.n_bytes(shard)

    lost = [shard for shard in plan.shards() if shard in ledger and not is_there(shard)]
    for shard in lost:
        ledger.drop(shard)
    return lost


def map_shards(call: Callable[[Shard], Found], shards: Iterable[Shard]) -> Iterator[Found]:
    """Apply a function that waits for files to shards, some at a time; results are in order."""
    shards = iter(shards)
    with ThreadPoolExecutor(_READERS) as pool:
        while window := list(islice(shards, 100 * _READERS)):
            yield from pool.map(call, window)
