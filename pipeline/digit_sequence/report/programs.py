"""Reporting from a program: what ``from digit_sequence import draw_report`` gives."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from digit_sequence.base.errors import ConfigError
from digit_sequence.base.progress import ShowProgress, hide_progress
from digit_sequence.building.origins import is_dataset, open_origin, open_storage
from digit_sequence.match.crops import read_crops
from digit_sequence.report.report import make_report
from digit_sequence.report.subject import BuiltSubject, LiveSubject, Subject


def draw_report(
    origin: str | os.PathLike[str],
    *,
    count: int = 500,
    against: Path | None = None,
    labels: str | None = None,
    weights: Path | None = None,
    overrides: Sequence[str] = (),
    on_note: Callable[[str], None] = lambda _note: None,
    show_progress: ShowProgress = hide_progress,
) -> str:
    """Return a page about a dataset or a config, in HTML, as ``digit-sequence report`` writes it.

    Parameters
    ----------
    origin : str or path
        Directory of a dataset, or its URI, or a config, of which samples are drawn.
    count : int
        Samples of each split that are drawn; of a config alone.
    against : Path, optional
        Folder of real crops to compare with.
    labels : str, optional
        Of the crops: a CSV file, or ``"names"``.
    weights : Path, optional
        What `train` wrote: what the network cannot read.
    overrides : sequence of str
        Keys of a config to replace.
    on_note : callable
        Called with what was left out or is at fault, a line each.
    show_progress : callable
        See `digit_sequence.base.progress`.

    Raises
    ------
    ConfigError, SourceError
        If an argument does not fit, or digits or crops cannot be read.
    OutputError
        If no label file can be read, or the weights are none.
    """
    if labels is not None and against is None:
        raise ConfigError("labels: expected against, the folder of the crops that they are of")
    if weights is not None:
        from digit_sequence.learn.reader import Reader

        Reader(weights)  # refused before anything is read
    place = os.fspath(origin)
    if is_dataset(place, overrides):
        subject: Subject = BuiltSubject(open_storage(place))
    else:
        subject = LiveSubject(place, open_origin(place, overrides), count)
    crops = None
    if against is not None:
        crops, notes = read_crops(against, labels, subject.image_shape[0])
        for note in notes:
            on_note(note)
    with show_progress(sum(subject.planned.values())) as on_progress:
        page = make_report(subject, crops, weights, on_progress)
    for fault in subject.faults:
        on_note(fault)
    return page
