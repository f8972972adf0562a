"""Which shards of a plan are done, and what their label files say; the rule is in `done`."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import PurePosixPath
from typing import TypeVar

import numpy as np

from digit_sequence.codec.encoding import EXTENSIONS
from digit_sequence.config.model import Config
from digit_sequence.containers import CONTAINERS
from digit_sequence.containers.container import Target
from digit_sequence.plan.plan import Plan, Shard, parse_shard
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


# -- the rule -------------------------------------------------------------------------------------


def find_labelled(outline: Outline, paths: Iterable[str]) -> Iterator[Shard]:
    """Yield the shards of a dataset that some of its files are the label files of, in order."""
    found: dict[str, list[int]] = {split: [] for split in outline.samples}
    for path in paths:
        with contextlib.suppress(ValueError):
            split, index = parse_shard(PurePosixPath(path).stem)
            is_planned = split in found and index < outline.n_shards(split)
            if is_planned and path == label_path(outline.shard(split, index)):
                found[split].append(index)
    for split in outline.samples:
        yield from (outline.shard(split, index) for index in sorted(found[split]))


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
    labelled = storage.list("labels")  # before the images: what has a label file has those by now
    sizes = storage.list("images")
    outline, ledger = outline_plan(plan), Ledger(plan)

    def check(shard: Shard) -> tuple[Shard, Commit | None]:
        commit, fault = check_shard(storage, outline, shard, sizes.get)
        return shard, None if fault else commit

    for shard, commit in map_shards(check, find_labelled(outline, labelled)):
        if commit is not None:
            ledger.add(shard, commit)
    return ledger


def drop_lost(storage: Storage, plan: Plan, ledger: Ledger) -> list[Shard]:
    """Take those shards from a ledger whose files are gone by now; return them.

    The directory is listed; no file is read.
    """
    labelled, sizes = storage.list("labels"), storage.list("images")
    has_file_per_image = CONTAINERS[plan.config.output.container].has_file_per_image
    is_whole = has_file_per_image and (
        (len(sizes), sum(sizes.values())) == (ledger.done_samples, ledger.done_bytes)
    )

    def is_there(shard: Shard) -> bool:
        if label_path(shard) not in labelled:
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
