"""Whole datasets on disk, for tests of what builds write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.build import BuildResult, build_dataset
from pipeline.config import Config
from pipeline.sampler import open_config
from pipeline.schedulers import open_scheduler
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
    with open_scheduler(scheduler, workers, lambda _line: None) as run:
        sampler = open_config(config)
        return build_dataset(sampler, Storage(str(folder)), run, overwrite=overwrite)


def read_tree(folder: Path) -> dict[str, bytes]:
    """Return the content of every file of a dataset, by path, but for temporary files."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.parent != folder / ".build/tmp"
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
