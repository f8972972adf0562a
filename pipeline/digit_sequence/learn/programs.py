"""Training from a program: what ``from digit_sequence import train`` gives."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from digit_sequence.base.errors import ConfigError
from digit_sequence.base.files import is_remote
from digit_sequence.base.progress import ShowProgress, hide_progress
from digit_sequence.base.text import count_things
from digit_sequence.building.origins import is_dataset
from digit_sequence.learn import training
from digit_sequence.learn.checks import check_other
from digit_sequence.learn.records import EpochRecord, TrainOptions
from digit_sequence.learn.training_report import count_read_samples, write_report
from digit_sequence.live.dataset import open_config
from digit_sequence.read.dataset import open_dataset
from digit_sequence.read.splits import Splits


def train(
    origin: str | os.PathLike[str],
    output: str | Path | None = None,
    *,
    also: Sequence[str] = (),
    overrides: Sequence[str] = (),
    overwrite: bool = False,
    device: str = "cpu",
    weights: str | Path | None = None,
    on_plan: Callable[[str], None] = lambda _plan: None,
    on_epoch: Callable[[EpochRecord], None] = lambda _record: None,
    show_progress: ShowProgress = hide_progress,
    **options: Any,
) -> Mapping[str, Any]:
    """Teach a small network to read a dataset, as ``digit-sequence train`` does.

    A run that was stopped goes on when it is called again.

    Parameters
    ----------
    origin : str or path
        Directory of a dataset, or its URI, or a config, whose samples are drawn meanwhile.
    output : str or Path, optional
        Folder of the run. Default: ``runs/`` and the name of the dataset or the config.
    also : sequence of str
        Other datasets and configs whose test splits are read in the end.
    overrides : sequence of str
        Keys of a config to replace.
    overwrite : bool
        Train anew where the folder holds another run.
    device : {"cpu", "cuda"}
        What it learns on; on a GPU in bfloat16 where that may be.
    weights : str or Path, optional
        What to begin with: the folder of another run, or its best.pt.
    on_plan : callable
        Called with a line that says how many images an epoch has.
    on_epoch : callable
        Called with the record of each epoch.
    show_progress : callable
        See `digit_sequence.base.progress`. First the samples of all epochs are counted, of train
        and of val; then, in a block of their own, those that the report reads.
    **options
        Fields of `digit_sequence.learn.records.TrainOptions`: ``epochs=6``, ``batch_size=64``.

    Returns
    -------
    mapping
        What report.json has.

    Raises
    ------
    ConfigError
        If an argument does not fit.
    OutputError
        If the folder holds another run, or cannot be written.
    """
    place = os.fspath(origin)
    opened = open_splits(place, overrides)
    others = open_others(also)
    for other in others.values():
        check_other(opened.uri, opened.image_shape[0], opened.alphabet, other)
    folder = choose_run_folder(place, output)
    run = training.Run(
        opened,
        folder,
        TrainOptions(**options),
        overwrite=overwrite,
        device=device,
        weights=None if weights is None else Path(weights),
    )
    n_read = count_read_samples(run, others)
    on_plan(
        f"{count_things(run.options.epochs, 'epoch')}; in each, {len(run.train):,} images of train "
        f"to learn from and {len(opened['val']):,} of val to read; in the end {n_read:,} to read"
    )
    with show_progress(run.options.epochs * run.epoch_samples) as on_progress:
        on_progress(run.done_samples, False)
        for record in training.train(run, lambda samples: on_progress(samples, True)):
            on_epoch(record)
    with show_progress(n_read) as on_progress:
        return write_report(run, others, lambda samples: on_progress(samples, True))


def open_splits(origin: str, overrides: Sequence[str] = ()) -> Splits:
    """Open a dataset, or a config with overrides."""
    if is_dataset(origin, overrides):
        return open_dataset(origin)
    return open_config(origin, overrides)


def open_others(origins: Sequence[str]) -> dict[str, Splits]:
    """Open what is read in the end; by the names of folders and configs if no two have one."""
    names = [_find_name(origin) for origin in origins]
    return {
        name if names.count(name) == 1 else origin: open_splits(origin)
        for name, origin in zip(names, origins, strict=True)
    }


def choose_run_folder(origin: str, output: str | Path | None = None) -> Path:
    """Return the folder of a run: as given, or in ``runs`` by the name of what it learns from."""
    if output is None:
        if (name := _find_name(origin)) in ("", ".."):
            raise ConfigError(f"{origin} has no name for a folder of the run; name one by --output")
        return Path("runs", name)
    if is_remote(output):
        raise ConfigError(f"--output: expected a folder that is mounted here, got {output}")
    return Path(output)


def _find_name(origin: str) -> str:
    """Return the name of a folder, or of a config without its suffix."""
    return Path(origin).name if is_dataset(origin) else Path(origin).stem
