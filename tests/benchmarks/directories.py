"""What a build does with a directory of very many shards: list, take up, complete, tell.

    python -m tests.benchmarks.directories [--shards 10000 100000 1000000] [--folder /dev/shm]

Shards are of one sample; the files of images, and above 100,000 shards the label files as well,
are links to one, which says nothing of what it takes to make them. Footers that name another shard
cannot be taken up, so that is left out there. Prints microseconds of processor time a shard, and
the resident memory at its most beside that before.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.benchmarks.memory import MEGABYTE, make_tiny, write_source

from digit_sequence.building.sampler import Sampler, open_sampler
from digit_sequence.building.shard import pack_shard
from digit_sequence.building.status import find_status
from digit_sequence.plan.plan import Shard
from digit_sequence.store.done import label_path
from digit_sequence.store.labels import Commit, encode_labels
from digit_sequence.store.ledger import (
    FileSizes,
    Ledger,
    list_labelled,
    read_ledger,
    shard_paths,
)
from digit_sequence.store.manifest import finalize
from digit_sequence.store.plan_file import outline_plan, publish_plan
from digit_sequence.store.storage import Storage

MOST_WHOLE = 100_000
"""Shards whose label files are all written: 6 KB each in memory."""
ROOT = Path(__file__).parents[2]


def fill_directory(sampler: Sampler, folder: Path) -> Commit:
    """Write all files of a build but the manifest; return what the first label file says."""
    storage, plan = Storage(str(folder)), sampler.plan
    publish_plan(storage, plan, sampler.bank)
    first_shard = plan.splits["train"].shard(0)
    packed, commit = pack_shard(sampler, first_shard)
    (content,) = packed.files.values()
    first = _list_paths(sampler, first_shard)
    for path, piece in zip(first, (content, encode_labels(packed.rows, commit)), strict=True):
        storage.write(path, piece)
    for shard in plan.shards():
        if shard.index == 0:
            continue
        image, labels = _list_paths(sampler, shard)
        os.link(folder / first[0], folder / image)
        if plan.n_shards > MOST_WHOLE:
            os.link(folder / first[1], folder / labels)
        else:
            own = encode_labels(packed.rows, replace(commit, shard=shard.name))
            (folder / labels).write_bytes(own)
    return commit


def _list_paths(sampler: Sampler, shard: Shard) -> tuple[str, str]:
    (image,) = shard_paths(sampler.plan, shard)
    return image, label_path(shard)


def measure(n_shards: int, folder: Path) -> dict[str, Any]:
    """Return microseconds a shard by step, and megabytes, of a directory that is filled before."""
    os.environ["DIGIT_SEQUENCE_CACHE"] = str(folder / "cache")
    sampler = open_sampler(make_tiny(write_source(folder), n_shards))
    commit = fill_directory(sampler, folder / "out")
    storage, plan = Storage(str(folder / "out")), sampler.plan
    before = _find_peak()
    spent: dict[str, float] = {}

    @contextmanager
    def step(name: str) -> Iterator[None]:
        begin = time.process_time()
        yield
        spent[name] = (time.process_time() - begin) / n_shards * 1e6

    with step("list the label files"):
        assert sum(1 for _ in list_labelled(storage, outline_plan(plan))) == n_shards
    with step("list the images"):
        assert FileSizes(storage.walk("images")).n_files == n_shards
    if n_shards > MOST_WHOLE:
        ledger = Ledger(plan)
        for shard in plan.shards():
            ledger.add(shard, commit)
    else:
        with step("read which shards are done"):
            ledger = read_ledger(storage, plan)
        with step("tell the status"):
            find_status(storage)
    assert ledger.n_done == n_shards
    with step("find the missing ones"):
        assert next(ledger.missing(), None) is None
    with step("look whether all are there, and complete"):
        finalize(storage, plan, ledger)
    return {"us": spent, "mb_before": before, "mb_at_most": _find_peak()}


def _find_peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE


def run(counts: list[int], place: Path | None) -> dict[int, dict[str, Any]]:
    """Measure each count in a process of its own."""
    found = {}
    for count in counts:
        with tempfile.TemporaryDirectory(dir=place) as folder:
            command = [sys.executable, "-m", __spec__.name, "--one", str(count), "--folder", folder]
            done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
        found[count] = json.loads(done.stdout)
    return found


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--one", type=int, default=None, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is not None:
        print(json.dumps(measure(given.one, given.folder)))
        return
    for count, row in run(given.shards, given.folder).items():
        print(
            f"{count:,} shards, {row['mb_before']:.0f} MB before, {row['mb_at_most']:.0f} at most"
        )
        for name, spent in row["us"].items():
            print(f"  {name:45}{spent:8.1f} us a shard")


if __name__ == "__main__":
    main()
