"""Running an export: claim the folder, export shard by shard on Dask, join the index files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digit_sequence.base.errors import BuildError, BuildStopped, OutputError
from digit_sequence.exports.fit import check_fit
from digit_sequence.exports.folder import (
    PARTS_FOLDER,
    Unit,
    claim_folder,
    finish_export,
    hold_export,
    part_path,
)
from digit_sequence.exports.format import Format
from digit_sequence.exports.shard import Request, export_unit, open_exported, probe_export
from digit_sequence.read.dataset import Dataset
from digit_sequence.read.split import Split
from digit_sequence.run.jobs import Job, Work, probe_workers
from digit_sequence.run.run import Run
from digit_sequence.store.storage import Storage


@dataclass(frozen=True)
class Export:
    """What is to be exported, and where to."""

    dataset: Dataset
    format: str
    """One of `EXPORTS`."""
    folder: Path
    """Empty, or with the same export, begun or complete."""
    max_digits: int | None = None
    """The longest number that readers are set to take; default: that of the format."""


def export_dataset(
    export: Export,
    run: Run,
    on_progress: Callable[[int, bool], None] = lambda _samples, _is_new: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> int:
    """Export a dataset, or what is missing of it; returns how many samples this run exported.

    Parameters
    ----------
    export : Export
    run : Run
        From `open_scheduler`.
    on_progress : callable
        Called with a count of samples and whether this run has exported them.
    should_stop : callable
        Whether to start no further tasks.

    Raises
    ------
    ConfigError
        If there is no such format, or it cannot hold the dataset; nothing is written then.
    OutputError
        If the folder holds something else, or cannot be written.
    BuildError
        If shards failed; the others are kept.
    BuildStopped
        If it was to stop.
    """
    dataset = export.dataset
    kind = check_fit(dataset, export.format, export.max_digits)
    plan = {"format": export.format, "digest": dataset.manifest["digest"], "complete": False}
    storage = Storage(str(export.folder))
    with hold_export(storage, export.folder):
        return _export(export, kind, storage, plan, run, on_progress, should_stop)


def _export(
    export: Export,
    kind: Format,
    storage: Storage,
    plan: dict[str, Any],
    run: Run,
    on_progress: Callable[[int, bool], None],
    should_stop: Callable[[], bool],
) -> int:
    """Export what is missing, while nobody else does."""
    dataset = export.dataset
    if claim_folder(storage, plan):
        for path in storage.list(PARTS_FOLDER):  # of workers that outlived their driver
            storage.delete(path)
        on_progress(sum(map(len, dataset.values())), False)
        return 0
    units = {unit.name: unit for split in dataset.values() for unit in _list_units(split)}
    there = storage.list(PARTS_FOLDER)
    missing = [name for name, unit in units.items() if part_path(unit) not in there]
    n_samples = sum(unit.n_samples for unit in units.values())
    on_progress(n_samples - sum(units[name].n_samples for name in missing), False)
    exported = 0

    def collect(_name: str, count: int) -> None:
        nonlocal exported
        exported += count
        on_progress(count, True)

    request = Request(dataset.uri, plan["digest"], export.format, str(export.folder.absolute()))
    work = Work(request, export_unit, open_exported, probe_export)
    probe_workers(run, work)
    job = Job(work, lambda name: (units[name],), collect, should_stop=should_stop)
    for names in [missing] if kind.write_piece is None else [[name] for name in missing]:
        job.do(run, names)
    if job.failures:
        first = next(iter(job.failures.values()))
        given_up = "; most failed, so the rest was not tried" if job.is_hopeless else ""
        raise BuildError(
            f"{len(job.failures)} of {len(units)} parts failed{given_up}; the others are kept. "
            f"The first: {first.name}: {first.describe()}"
        )
    if should_stop():
        raise BuildStopped(
            f"{storage.uri}: stopped: {exported:,} samples were exported; give the same command "
            "again to go on"
        )
    there = storage.list(PARTS_FOLDER)
    lost = [unit for unit in units.values() if part_path(unit) not in there]
    if lost:
        raise OutputError(
            f"{storage.uri}: expected the parts of {len(units)} shards, got none of {len(lost)}, "
            f"{lost[0].name} first; run the same command again"
        )
    finish_export(storage, dataset, kind, list(units.values()), plan)
    return exported


def _list_units(split: Split) -> Iterator[Unit]:
    shard_samples = split.dataset.shard_samples
    for index, start in enumerate(range(0, len(split), shard_samples)):
        yield Unit(split.name, index, min(shard_samples, len(split) - start))
