"""Reading a user's crops from a program: what ``from digit_sequence import read_crops`` gives."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.characters import show_characters
from digit_sequence.base.errors import OutputError, SourceError
from digit_sequence.base.files import write_file
from digit_sequence.base.progress import ShowProgress, hide_progress
from digit_sequence.base.text import list_first
from digit_sequence.learn.checkpoints import CHECKPOINTS
from digit_sequence.learn.crop_files import list_crops, load_crop, show
from digit_sequence.learn.crops import WAYS
from digit_sequence.learn.doubtful import find_doubtful, measure_both
from digit_sequence.learn.label_files import is_label_file, read_labels
from digit_sequence.learn.reader import CropReading, Reader
from digit_sequence.learn.report import (
    Reading,
    count_confusions,
    draw_surest_mistakes,
    measure,
    measure_bounds,
    measure_surest,
)

FILES = ("readings.csv", "report.json", "mistakes.png")
"""What may be written to a folder; the report with labels, the picture if there are mistakes."""
COLUMNS = ("file", "number", "confidence", "status")
EMPTY = "empty"
"""The status of an image in which no number was found."""
GUESS = 5e-5
"""A reading less sure than this, which is written as 0.0000, is a guess."""
SHOWN = 12
"""Confusions of digits that are told; the report has them all."""


@dataclass(frozen=True)
class CropReadings:
    """What was read in crops, and how well if there are labels."""

    readings: Mapping[str, CropReading]
    """By name of the file."""
    rows: Sequence[tuple[str, str, str, str]]
    """Values of `COLUMNS`; the status is read, check (unsure), empty or why it cannot be read."""
    report: Mapping[str, Any] | None
    """What report.json has: exact match and errors with bounds; None without labels."""
    summary: tuple[str, ...]
    """Lines that tell of it."""
    files: tuple[str, ...] = ()
    """Those of `FILES` that were written."""

    @property
    def table(self) -> str:
        """The rows as CSV."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(self.rows)
        return buffer.getvalue().rstrip("\n")

    def check(self) -> None:
        """Raise a SourceError if there are crops that cannot be read; names the first of them."""
        problems = [f"{name}: {it.problem}" for name, it in self.readings.items() if it.problem]
        if problems:
            raise SourceError(
                f"{len(problems):,} of {len(self.readings):,} images cannot be read:\n"
                f"{list_first(problems)}"
            )


def read_crops(
    weights: str | Path,
    images: str | Path | Sequence[str | Path],
    *,
    labels: str | Path | None = None,
    way: str = next(iter(WAYS)),
    careful: bool = False,
    min_confidence: float = 0.0,
    output: str | Path | None = None,
    overwrite: bool = False,
    on_note: Callable[[str], None] = lambda _note: None,
    on_reading: Callable[[Sequence[str]], None] = lambda _row: None,
    show_progress: ShowProgress = hide_progress,
) -> CropReadings:
    """Read files and folders of one number each, as ``digit-sequence read`` does.

    Parameters
    ----------
    weights : str or Path
        A run's folder or its best.pt.
    images : str or Path, or sequence of them
        Files, and folders of any depth.
    labels : str or Path, optional
        Labels of the images: files of an export, a CSV with file and number, or a dataset.
    way : str
        Of `digit_sequence.learn.crops.WAYS`: how to prepare an image.
    careful : bool
        Read in all of these ways, and weigh the readings.
    min_confidence : float
        Readings less sure than this, 0 to 1, or than `GUESS`, have the status ``check``.
    output : str or Path, optional
        Folder to write `FILES` to.
    overwrite : bool
        Replace those that it holds.
    on_note : callable
        Called with what is left out, how many images have no number or a guess, and what of an
        earlier reading stays.
    on_reading : callable
        Called with the values of `COLUMNS` of each image as it is read.
    show_progress : callable
        See `digit_sequence.base.progress`; counts images.

    Returns
    -------
    CropReadings
        Of all images; its `check` raises an error if some cannot be read.

    Raises
    ------
    ConfigError
        If there are no images, or labels do not fit them.
    OutputError
        If there are no weights, or the folder cannot be written, or holds readings or a run.
    """
    folder = None if output is None else Path(output)
    if folder is not None:
        _check_free(folder, overwrite)
    label_path = None if labels is None else Path(labels)
    places = [images] if isinstance(images, (str, Path)) else images
    crops, others = list_crops([Path(place) for place in places])
    others = [name for name in others if not is_label_file(name, label_path)]
    if others:
        on_note(f"left out, no images by their names ({len(others):,}): {show(others)}")
    truths = None if label_path is None else read_labels(label_path, crops)
    reader = Reader(Path(weights), tuple(WAYS) if careful else (way,))
    if folder is not None:
        _make(folder)
    readings, rows = {}, []
    with show_progress(len(crops)) as on_progress:
        for name, path in crops.items():
            found = readings[name] = reader.read_file(path)
            status = _find_status(found, min_confidence)
            rows.append((name, found.number, f"{found.confidence:.4f}", status))
            on_reading(rows[-1])
            on_progress(1, True)
    n_empty = sum(row[-1] == EMPTY for row in rows)
    for remark in _list_remarks(readings.values(), n_empty):
        on_note(remark)
    report: dict[str, Any] | None = None
    summary: tuple[str, ...] = ()
    if truths is not None and label_path is not None:
        compared = Reading(
            [truths[name] for name in crops],
            [readings[name].number for name in crops],
            [readings[name].confidence for name in crops],
        )
        report, lines = _measure(compared, label_path, crops)
        report |= {"ways": list(reader.ways), "empty": n_empty}
        summary = (*_summarize(report, compared, min_confidence), *lines)
    result = CropReadings(readings, rows, report, summary)
    if folder is None:
        return result
    picture = None if report is None else _draw_mistakes(reader, crops, readings, compared)
    return replace(result, files=_write(folder, result, picture, on_note))


def _write(
    folder: Path, result: CropReadings, picture: bytes | None, on_note: Callable[[str], None]
) -> tuple[str, ...]:
    """Write what was read to a folder; return the names of the files."""
    contents = {FILES[0]: (result.table + "\n").encode("utf-8", "surrogateescape")}
    if result.report is not None:
        contents[FILES[1]] = (json.dumps(result.report, indent=1) + "\n").encode()
        if picture is None:
            (folder / FILES[2]).unlink(missing_ok=True)  # of an earlier reading
        else:
            contents[FILES[2]] = picture
    elif earlier := [name for name in FILES[1:] if (folder / name).exists()]:
        on_note(f"{folder}: not of these readings, which have no labels: {', '.join(earlier)}")
    for name, content in contents.items():
        write_file(folder / name, content)
    return tuple(contents)


def _check_free(folder: Path, overwrite: bool) -> None:
    """Raise an OutputError if a folder has a run, or readings, which a person may have checked."""
    if any((folder / name).exists() for name in CHECKPOINTS):
        raise OutputError(
            f"{folder}: holds a run, whose report a reading would replace; choose another --output"
        )
    if not overwrite and (found := [name for name in FILES if (folder / name).exists()]):
        raise OutputError(
            f"{folder}: holds {found[0]} already; choose another --output, or --overwrite to "
            "replace it"
        )


def _make(folder: Path) -> None:
    """Make a folder before hours are spent on what it is for, or raise an OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: expected a folder to write to: {error.strerror}") from error


def _find_status(found: CropReading, min_confidence: float) -> str:
    """Return the word about a reading, or why there is none."""
    if found.problem or not found.number:
        return found.problem or EMPTY
    return "read" if found.confidence >= max(min_confidence, GUESS) else "check"


def _list_remarks(readings: Collection[CropReading], n_empty: int) -> list[str]:
    """Return what there is to say of images in which nothing was read."""
    n_guesses = sum(bool(it.number) and it.confidence < GUESS for it in readings)
    remarks = {
        f"no number was found in {n_empty:,} of {len(readings):,} images": n_empty,
        f"{n_guesses:,} of {len(readings):,} readings are guesses, of confidence 0.0000": n_guesses,
    }
    return [remark for remark, count in remarks.items() if count]


def _measure(
    compared: Reading, labels: Path, crops: Mapping[str, Path]
) -> tuple[dict[str, Any], list[str]]:
    """Return how well crops were read, and what is to be told of doubtful digits.

    What cannot be read counts as read wrong.
    """
    result = measure(compared) | {"bounds": measure_bounds(compared)}
    result |= {"surest": measure_surest(compared), "confusions": count_confusions(compared)}
    doubtful = find_doubtful(labels, crops)
    if doubtful is None:
        return result, []
    digits, is_doubtful = doubtful
    remark = digits.describe("images", int(is_doubtful.sum()))
    for without in [*measure_both("images", compared, is_doubtful).values()][1:]:
        remark += f"; exact match of the others {without['exact_match']:.2%}"
        result |= {"without_doubtful": without}
    return result, [remark]


def _draw_mistakes(
    reader: Reader,
    crops: Mapping[str, Path],
    readings: Mapping[str, CropReading],
    compared: Reading,
) -> bytes | None:
    names = list(crops)

    def read_images(worst: list[int]) -> list[NDArray[np.uint8]]:
        paths = [crops[names[position]] for position in worst]
        blank = np.zeros((reader.taught.height, reader.taught.width), np.uint8)
        return [
            blank if readings[names[position]].problem else reader.prepare(load_crop(path))
            for position, path in zip(worst, paths, strict=True)
        ]

    return draw_surest_mistakes("crops", read_images, compared)


def _summarize(
    result: Mapping[str, Any], compared: Reading, min_confidence: float
) -> Sequence[str]:
    bounds = result["bounds"]
    exact, errors = bounds["exact_match"], bounds["character_error_rate"]
    lines = [
        f"{result['samples']:,} images   exact match {result['exact_match']:.2%} "
        f"({exact[0]:.2%} to {exact[1]:.2%})   character error rate "
        f"{result['character_error_rate']:.2%} ({errors[0]:.2%} to {errors[1]:.2%})",
        f"exact match of the surest half {result['surest']['50%']:.2%}, of the surest nine tenths "
        f"{result['surest']['90%']:.2%}",
        "exact match by number of characters: "
        + ", ".join(
            f"{digits}: {row['exact_match']:.2%} of {row['samples']:,}"
            for digits, row in result["by_length"].items()
        ),
    ]
    if confusions := result["confusions"]:
        more = f", and {len(confusions) - SHOWN:,} others" if len(confusions) > SHOWN else ""
        shown = ", ".join(map(_describe_confusion, confusions[:SHOWN]))
        lines.append(f"digits read wrong: {shown}{more}")
    if min_confidence:
        triples = zip(compared.truths, compared.predictions, compared.confidences, strict=True)
        sure = [truth == number for truth, number, is_sure in triples if is_sure >= min_confidence]
        right = f", {sum(sure) / len(sure):.2%} of them right" if sure else ""
        lines.append(f"{len(sure):,} are as sure as {min_confidence:g}{right}")
    return lines


def _describe_confusion(confusion: Mapping[str, Any]) -> str:
    digit, found = (show_characters(confusion[name]) for name in ("digit", "read_as"))
    if not digit:
        return f"{found} put in ({confusion['count']:,})"
    return f"{digit} {f'as {found}' if found else 'left out'} ({confusion['count']:,})"
