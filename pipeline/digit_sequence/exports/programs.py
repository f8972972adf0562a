"""Exporting from a program: what ``from digit_sequence import export`` gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from digit_sequence.base.current_folder import make_absolute
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.files import is_remote
from digit_sequence.base.progress import ShowProgress, hide_progress
from digit_sequence.exports.fit import check_fit
from digit_sequence.exports.run import Export, export_dataset
from digit_sequence.read.dataset import Dataset, open_dataset
from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler


def export(
    dataset: Dataset | str | Path,
    kind: str,
    output: str | Path,
    *,
    max_digits: int | None = None,
    show_progress: ShowProgress = hide_progress,
    should_stop: Callable[[], bool] = lambda: False,
    **scheduler: Any,
) -> int:
    """Export a dataset to a format that trainers read, as ``digit-sequence export`` does.

    An export that was stopped goes on when it is called again.

    Parameters
    ----------
    dataset : Dataset, str or Path
        A dataset, or its directory or URI.
    kind : str
        The format: a key of `digit_sequence.exports.EXPORTS`, such as ``"coco"``.
    output : str or Path
        Folder of the export: empty, or with the same export, begun or complete.
    max_digits : int, optional
        The longest number that readers are set to take. Default: what they take unless set.
    show_progress : callable
        See `digit_sequence.base.progress`.
    should_stop, **scheduler
        As of `build`.

    Returns
    -------
    int
        How many samples this call has exported.

    Raises
    ------
    ConfigError
        If there is no such format, or it cannot hold the dataset; nothing is written then.
    OutputError
        If the folder holds something else, or cannot be written.
    BuildError
        If shards failed; the others are kept.
    BuildStopped
        If `should_stop` became true before the end.
    """
    if is_remote(output):
        raise ConfigError(f"output: expected a folder that is mounted here, got {output}")
    opened = dataset if isinstance(dataset, Dataset) else open_dataset(dataset)
    request = Export(opened, kind, make_absolute(output), max_digits)
    check_fit(opened, kind, max_digits)
    with (
        open_scheduler(SchedulerOptions(**scheduler)) as run,
        show_progress(sum(map(len, opened.values()))) as on_progress,
    ):
        return export_dataset(request, run, on_progress, should_stop)
