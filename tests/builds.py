"""Whole datasets on disk, for tests of what builds write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.build import BuildResult, build_dataset
from pipeline.config import Config
from pipeline.sampler import open_config
from pipeline.schedulers import SchedulerOptions, open_scheduler
from pipeline.storage import Storage

ROOT = Path(__file__).resolve().parents[1]
ALL_TRANSFORMS: dict[str, Any] = {
    "glyph": {
        "salt": {"probability": 0.5, "pixels": [1, 9]},
        "pepper": {"probability": 0.5, "pixels": [1, 9]},
        "crop": {"margin": 2},
        "shear": {"probability": 0.5, "degrees": [-10, 20]},
        "rotate": {"probability": 0.5, "degrees": [-20, 20]},
        "stroke": {"probability": 0.5, "pixels": [2, 3]},
    },
    "line": {
        "spacing": [-6, 6],
        "noise": {"probability": 0.5, "sigma": [2, 16]},
        "salt_pepper": {"probability": 0.5, "amount": [0.01, 0.05]},
        "blur": {"probability": 0.5, "sigma": [0.3, 0.9]},
        "invert": {"probability": 0.5},
    },
}


def build(
    config: Config,
    folder: Path | str,
    scheduler: str = "synchronous",
    workers: int | None = None,
    overwrite: bool = False,
) -> BuildResult:
    """Build the dataset of a config in a folder."""
    with open_scheduler(SchedulerOptions(scheduler, workers=workers)) as run:
        sampler = open_config(config)
        return build_dataset(sampler, Storage(str(folder)), run, overwrite=overwrite)


def read_tree(folder: Path) -> dict[str, bytes]:
    """Return the content of every file of a dataset, by path, but for what differs between runs."""
    passing = {folder / ".build/tmp", folder / ".build/runs"}
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.parent not in passing
    }


def read_rows(folder: Path) -> pa.Table:
    """Return the label rows of all splits of a dataset."""
    return pa.concat_tables(
        pq.ParquetFile(path).read() for path in sorted(folder.glob("labels/*/*.parquet"))
    )


def read_encoded(folder: Path, row: dict[str, Any]) -> bytes:
    """Read the encoded image that a label row points at, as any reader would."""
    with (folder / row["file"]).open("rb") as file:
        return os.pread(file.fileno(), row["size"], row["offset"])


def write_config(path: Path, config: Config, **overrides: Any) -> Path:
    """Write a config as YAML, which JSON is; keywords replace whole blocks."""
    tree = config.model_dump(mode="json", exclude_none=True) | overrides
    path.write_text(json.dumps(tree))
    return path


def start_python(*arguments: object, **options: Any) -> subprocess.Popen[Any]:
    """Start Python in a process of its own, with this package in reach."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, **options)


def run_program(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, to its end."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = start_python("-m", "pipeline", *arguments, **(pipes | options))
    stdout, stderr = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


class Cluster:
    """A Dask scheduler and its workers: processes of their own, in a directory of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "scheduler.json"
        self._processes: list[subprocess.Popen[Any]] = []
        self.scheduler = self._start(
            *("scheduler", "--port", 0, "--dashboard-address", "127.0.0.1:0"),
            *("--scheduler-file", self._file),
        )
        end = time.monotonic() + 30
        while not self._file.exists() or not self._file.read_text():
            assert time.monotonic() < end
            time.sleep(0.05)
        self.address = json.loads(self._file.read_text())["address"]

    def start_worker(self, *options: object, **environment: str) -> subprocess.Popen[Any]:
        """Start a worker of one thread, and return its process."""
        return self._start(
            *("worker", "--scheduler-file", self._file, "--nthreads", 1, "--no-nanny"),
            *("--no-dashboard", "--local-directory", self._folder, *options),
            **environment,
        )

    def wait_for_workers(self, count: int) -> None:
        """Wait until this many workers are there."""
        from distributed import Client

        with Client(self.address) as client:
            client.wait_for_workers(count, timeout=30)

    def _start(self, *arguments: object, **environment: str) -> subprocess.Popen[Any]:
        process = start_python(
            *("-m", "dask", *arguments, "--host", "127.0.0.1"),
            cwd=self._folder,
            env={"DIGIT_SEQUENCE_CACHE": str(self._folder / "cache"), **environment},
            stderr=subprocess.DEVNULL,
        )
        self._processes.append(process)
        return process

    def stop(self) -> None:
        """Kill the processes that were started."""
        for process in self._processes:
            process.kill()
            process.wait()
