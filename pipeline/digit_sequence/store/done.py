"""Whether a shard is done: one rule for building, verifying and counting.

A shard is done if the footer of its label file names this plan, this shard and its rows, and the
files with its images have the sizes that the label file says. The label file is written after them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from digit_sequence.base.errors import OutputError
from digit_sequence.base.names import SCHEMA_VERSION, label_file
from digit_sequence.containers import CONTAINERS
from digit_sequence.plan.plan import Shard
from digit_sequence.store.labels import Commit, read_commit, read_labels
from digit_sequence.store.records import Outline
from digit_sequence.store.storage import Storage

Fault = tuple[str, str]
"""What is wrong with a file: its path, and the reason."""


def check_shard(
    storage: Storage, outline: Outline, shard: Shard, find_size: Callable[[str], int | None]
) -> tuple[Commit | None, Fault | None]:
    """Tell whether a shard is done: what its footer says, and the first thing that is wrong.

    Parameters
    ----------
    storage : Storage
    outline : Outline
    shard : Shard
    find_size : callable
        Returns the bytes of a file below ``images``, None if there is none.

    Raises
    ------
    OutputError
        If a file is there, and cannot be read.
    """
    path = label_path(shard)
    try:
        file = storage.open(path)
    except FileNotFoundError:
        return None, (path, "is missing")
    with file:
        commit = read_commit(file)
        if commit is None:
            return None, (path, "is not a label file of this program")
        fault = _check_footer(outline, shard, commit)
        if fault is None:
            sizes = _find_sizes(file, outline, shard, commit)
            fault = (
                _check_sizes(shard, commit, sizes, find_size) if isinstance(sizes, dict) else sizes
            )
        return commit, fault


def _check_footer(outline: Outline, shard: Shard, commit: Commit) -> Fault | None:
    for field, expected in (
        ("schema_version", SCHEMA_VERSION),
        ("fingerprint", outline.fingerprint),
        ("shard", shard.name),
        ("rows", shard.n_samples),
    ):
        if (got := getattr(commit, field)) != expected:
            return label_path(shard), f"footer: {field}: expected {expected}, got {got}"
    if not 0 <= commit.scaled <= commit.rows:
        reason = f"footer: scaled: expected 0 to {commit.rows}, got {commit.scaled}"
        return label_path(shard), reason
    return None


def _find_sizes(
    file: Any, outline: Outline, shard: Shard, commit: Commit
) -> dict[str, int] | Fault:
    """Return the size that each of a shard's files is to have: of one file without a look."""
    # The container may be one of a later version.
    if outline.container in CONTAINERS:
        container = CONTAINERS[outline.container]
        if not container.has_file_per_image:
            return {f"images/{shard.split}/{shard.name}.{container.suffix}": commit.shard_bytes}
    try:
        sizes = read_sizes(file, commit.rows)
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, OutputError) or getattr(error, "errno", None) is not None:
            raise  # the storage's; without a number it is pyarrow's, about what the file holds
        return label_path(shard), f"cannot be read: {type(error).__name__}: {error}"
    if len(sizes) == 1:  # whatever container that is
        return dict.fromkeys(sizes, commit.shard_bytes)
    if len(sizes) != commit.rows:
        return label_path(shard), f"expected a file for each row, got {len(sizes):,}"
    return sizes


def read_sizes(labels: Any, n_rows: int | None = None) -> dict[str, int]:
    """Return the size of each file, one for an image, that the rows of a label file name."""
    rows = read_labels(labels, ["file", "size"], n_rows)
    return {
        str(path): int(size)
        for path, size in zip(rows["file"].to_pylist(), rows["size"].to_pylist(), strict=True)
    }


def _check_sizes(
    shard: Shard,
    commit: Commit,
    sizes: Mapping[str, int],
    find_size: Callable[[str], int | None],
) -> Fault | None:
    found: dict[str, int] = {}
    for path in sizes:
        if not path.startswith(f"images/{shard.split}/"):
            return label_path(shard), f"expected files in images/{shard.split}/, got {path!r}"
        if (size := find_size(path)) is None:
            return path, "is missing"
        found[path] = size
    if sum(found.values()) == commit.shard_bytes:
        return None
    for path, expected in sizes.items():
        if found[path] != expected:
            return path, f"expected {expected:,} bytes, got {found[path]:,}"
    total = sum(found.values())
    return next(iter(found)), f"expected {commit.shard_bytes:,} bytes, got {total:,}"


def label_path(shard: Shard) -> str:
    """Return the path of a shard's label file in the dataset."""
    return label_file(shard.split, shard.name)
