"""Memory of worker, scheduler and client while shards pass through them.

    python -m tests.benchmarks.memory [--shards 100 1000 10000 100000] [--folder /dev/shm]

Each row is a build on a fresh cluster of real processes: first 1,000 shards of 50 samples with
every transform, then ever more shards of one sample on the smallest canvas. Prints a table of the
resident memory when a tenth of the shards is done, at the end, and at most.
Workers run without Dask's profile, as local processes do: it grows by 0.1 MB a second.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from tests.builds import ALL_TRANSFORMS, open_cluster
from tests.conftest import draw_bank

from digit_sequence.building.dataset import build_dataset
from digit_sequence.building.sampler import open_sampler
from digit_sequence.config.loading import parse_config
from digit_sequence.config.model import Config
from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler
from digit_sequence.store.storage import Storage

MEGABYTE = 2**20
PROCESSES = ("worker", "scheduler", "client")


def write_source(folder: Path) -> dict[str, Any]:
    """Write drawn digits as IDX files; return the block `source`."""
    bank = draw_bank()
    for name, array in (("images", bank.images), ("labels", bank.digits)):
        header = np.array([0x800 + array.ndim, *array.shape], ">u4").tobytes()
        (folder / name).write_bytes(header + array.tobytes())
    paths = {name: str(folder / name) for name in ("images", "labels")}
    return {"name": "idx", **paths, "test_fraction": 0.25}


def make_tiny(source: dict[str, Any], n_shards: int) -> Config:
    """Return a config of shards that cost next to nothing."""
    numbers = {"random": {"lengths": [1, 2]}}
    return parse_config(
        {
            "source": source,
            "splits": {"train": {"numbers": numbers, "samples": n_shards}},
            "canvas": {"height": 8, "width": 16},
            "output": {"shard_samples": 1},
        },
        "tiny",
    )


def make_full(source: dict[str, Any], n_shards: int) -> Config:
    """Return a config of shards with everything in them."""
    numbers = {"random": {"lengths": [1, 9]}}
    return parse_config(
        {
            "source": source,
            "splits": {"train": {"numbers": numbers, "samples": 50 * n_shards}},
            "canvas": {"height": 32, "width": 200},
            "output": {"shard_samples": 50},
            **ALL_TRANSFORMS,
        },
        "full",
    )


def measure_build(config: Config, folder: Path) -> dict[str, Any]:
    """Build on a fresh cluster of one worker; return megabytes by process, and shards a second."""
    folder.mkdir()
    with open_cluster(folder / "cluster", 0) as cluster:
        worker = cluster.start_worker(DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED="False")
        cluster.wait_for_workers(1)
        pids = {"worker": worker.pid, "scheduler": cluster.scheduler.pid, "client": os.getpid()}
        processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        sampler = open_sampler(config)
        n_shards = sampler.plan.n_shards
        seen: list[dict[str, float]] = []
        n_done = 0

        def look(_samples: int, is_new: bool) -> None:
            nonlocal n_done
            n_done += is_new
            if is_new and n_done % max(1, n_shards // 100) == 0:
                seen.append(
                    {
                        name: process.memory_info().rss / MEGABYTE
                        for name, process in processes.items()
                    }
                )

        begin = time.monotonic()
        with open_scheduler(SchedulerOptions(cluster.address)) as run:
            build_dataset(sampler, Storage(str(folder / "out")), run, look)
        seconds = time.monotonic() - begin
    row: dict[str, Any] = {"shards": n_shards, "shards_per_second": round(n_shards / seconds, 1)}
    for name in PROCESSES:
        values = [sample[name] for sample in seen]
        row[name] = {
            "at_a_tenth": round(values[len(values) // 10], 1),
            "at_the_end": round(values[-1], 1),
            "peak": round(max(values), 1),
        }
    return row


def measure(counts: Iterable[int], n_full: int, place: Path | None) -> Iterator[dict[str, Any]]:
    """Yield a row for each build: first full shards, then tiny ones."""
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder = Path(name)
        os.environ["DIGIT_SEQUENCE_CACHE"] = str(folder / "cache")
        source = write_source(folder)
        builds = [("full", make_full(source, n_full))]
        builds += [("tiny", make_tiny(source, count)) for count in counts]
        for index, (kind, config) in enumerate(builds):
            yield {"kind": kind, **measure_build(config, folder / str(index))}


def describe(row: dict[str, Any] | None = None) -> str:
    """Return a row of the table, or its head."""
    if row is None:
        columns = "".join(f"{f'{name}: 10 %':>16}{'end':>7}{'peak':>7}" for name in PROCESSES)
        return f"{'MB':6}{'shards':>9}{'shards/s':>10}{columns}"
    cells = [f"{row['kind']:6}{row['shards']:>9,}{row['shards_per_second']:>10}"]
    for name in PROCESSES:
        values = row[name]
        cells.append(f"{values['at_a_tenth']:>16}{values['at_the_end']:>7}{values['peak']:>7}")
    return "".join(cells)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--shards", type=int, nargs="+", default=[100, 1000, 10_000, 100_000])
    parser.add_argument("--full", type=int, default=1000, help="shards of 50 samples")
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    print(describe())
    for row in measure(options.shards, options.full, options.folder):
        print(describe(row), flush=True)


if __name__ == "__main__":
    main()
