"""The command ``read``."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from digit_sequence.base.characters import show_characters
from digit_sequence.base.errors import SourceError
from digit_sequence.cli.progress import show_progress
from digit_sequence.cli.terminal import echo, write_file
from digit_sequence.cli.torch_import import importing_torch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from digit_sequence.learn.doubtful import Doubtful
    from digit_sequence.learn.reader import CropReading, Reader
    from digit_sequence.learn.report import Reading

WAYS = ("levels", "grey", "ground", "small", "tight")
"""Those of learn.crops, which help does not import."""
EMPTY = "empty"
"""The status of an image in which no number was found."""
SHOWN = 12
"""Confusions of digits that are printed; the report has them all."""


@click.command()
@click.argument("weights", type=click.Path(path_type=Path))
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    metavar="LABELS",
    help="Say how well the images are read: a CSV file with the columns file and number, the "
    "labels of an export (.jsonl, .json, .txt, .csv, or a folder of *.gt.txt), or a dataset.",
)
@click.option(
    "--way",
    type=click.Choice(WAYS),
    default=WAYS[0],
    show_default=True,
    help="How to prepare an image: paper and ink at the levels of the dataset; grey as it is; "
    "uneven ground taken away; smaller; cut to its rows of ink.",
)
@click.option("--careful", is_flag=True, help="Read in all of these ways, and weigh the readings.")
@click.option(
    "--min-confidence",
    type=click.FloatRange(0, 1),
    default=0.0,
    help="Mark readings less sure than this for a person to check.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Write readings.csv there and, with labels, report.json and mistakes.png.  "
    "[default: print the readings]",
)
def read(
    weights: Path,
    images: tuple[Path, ...],
    labels: Path | None,
    way: str,
    careful: bool,
    min_confidence: float,
    output: Path | None,
) -> None:
    """Read the numbers in IMAGES by what a run of train has learned.

    IMAGES are files and folders, one number in each image; WEIGHTS is the run's folder or its
    best.pt. The readings are CSV: file, number, confidence (0 to 1) and status: read, check (see
    --min-confidence), empty (no number was found) or why the file cannot be read. Needs the extra
    torch.
    """
    from digit_sequence.learn.crop_files import list_crops, show
    from digit_sequence.learn.doubtful import find_doubtful
    from digit_sequence.learn.label_files import is_label_file, read_labels

    crops, others = list_crops(images)
    others = [name for name in others if not is_label_file(name, labels)]
    if others:
        echo(
            f"note: left out, no images by their names ({len(others):,}): {show(others)}", err=True
        )
    truths = None if labels is None else read_labels(labels, crops)
    reader = _open_reader(weights, WAYS if careful else (way,))
    readings: dict[str, CropReading] = {}
    with show_progress(len(crops), unit="crop") as on_progress:
        for name, path in crops.items():
            readings[name] = reader.read_file(path)
            on_progress(1, True)
    table = _write_table(readings, min_confidence)
    if output is None:
        echo(table, err=False)
    else:
        write_file(output / "readings.csv", (table + "\n").encode("utf-8", "surrogateescape"))
    if truths is not None:
        doubtful = find_doubtful(labels, crops) if labels else None
        _report(reader, crops, readings, truths, doubtful, output, min_confidence)
    if n_empty := _count_empty(readings):
        echo(f"note: no number was found in {n_empty:,} of {len(readings):,} images", err=True)
    _tell_problems(readings)


def _open_reader(weights: Path, ways: Sequence[str]) -> Reader:
    with importing_torch("reading"):
        from digit_sequence.learn.reader import Reader
    return Reader(weights, ways)


def _write_table(readings: Mapping[str, CropReading], min_confidence: float) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["file", "number", "confidence", "status"])
    for name, reading in readings.items():
        status = _find_status(reading, min_confidence)
        writer.writerow([name, reading.number, f"{reading.confidence:.4f}", status])
    return buffer.getvalue().rstrip("\n")


def _find_status(reading: CropReading, min_confidence: float) -> str:
    """Return the word of the table about a reading, or why there is none."""
    if reading.problem or not reading.number:
        return reading.problem or EMPTY
    return "read" if reading.confidence >= min_confidence else "check"


def _report(
    reader: Reader,
    crops: Mapping[str, Path],
    readings: Mapping[str, CropReading],
    truths: Mapping[str, str],
    doubtful: tuple[Doubtful, NDArray[np.bool_]] | None,
    output: Path | None,
    min_confidence: float,
) -> None:
    """Say, and write, how well the labels were read; what cannot be read counts as read wrong."""
    import numpy as np

    from digit_sequence.learn.crop_files import load_crop
    from digit_sequence.learn.doubtful import measure_both
    from digit_sequence.learn.report import (
        Reading,
        count_confusions,
        draw_surest_mistakes,
        measure,
        measure_bounds,
        measure_surest,
    )

    names = list(crops)
    compared = Reading(
        [truths[name] for name in names],
        [readings[name].number for name in names],
        [readings[name].confidence for name in names],
    )
    result = measure(compared) | {"bounds": measure_bounds(compared)}
    result |= {"surest": measure_surest(compared), "ways": list(reader.ways)}
    result |= {"confusions": count_confusions(compared), "empty": _count_empty(readings)}
    lines = [*_summarize(result, compared, min_confidence)]
    if doubtful is not None:
        digits, is_doubtful = doubtful
        remark = digits.describe("images", int(is_doubtful.sum()))
        for without in [*measure_both("images", compared, is_doubtful).values()][1:]:
            remark += f"; exact match of the others {without['exact_match']:.1%}"
            result |= {"without_doubtful": without}
        lines.append(remark)
    for line in lines:
        echo(line, err=output is None)
    if output is None:
        return

    def read_images(worst: list[int]) -> list[Any]:
        paths = [crops[names[position]] for position in worst]
        blank = np.zeros((reader.taught.height, reader.taught.width), np.uint8)
        return [
            blank if readings[names[position]].problem else reader.prepare(load_crop(path))
            for position, path in zip(worst, paths, strict=True)
        ]

    write_file(output / "report.json", (json.dumps(result, indent=1) + "\n").encode())
    picture = draw_surest_mistakes("crops", read_images, compared)
    if picture is None:
        (output / "mistakes.png").unlink(missing_ok=True)
    else:
        write_file(output / "mistakes.png", picture)


def _summarize(
    result: Mapping[str, Any], compared: Reading, min_confidence: float
) -> Sequence[str]:
    bounds = result["bounds"]
    exact, errors = bounds["exact_match"], bounds["character_error_rate"]
    lines = [
        f"{result['samples']:,} images   exact match {result['exact_match']:.1%} "
        f"({exact[0]:.1%} to {exact[1]:.1%})   character error rate "
        f"{result['character_error_rate']:.2%} ({errors[0]:.2%} to {errors[1]:.2%})",
        f"exact match of the surest half {result['surest']['50%']:.1%}, of the surest nine tenths "
        f"{result['surest']['90%']:.1%}",
        "exact match by number of characters: "
        + ", ".join(
            f"{digits}: {row['exact_match']:.1%} of {row['samples']:,}"
            for digits, row in result["by_length"].items()
        ),
    ]
    if confusions := result["confusions"]:
        more = f", and {len(confusions) - SHOWN:,} others" if len(confusions) > SHOWN else ""
        lines.append(f"digits read wrong: {', '.join(map(_describe, confusions[:SHOWN]))}{more}")
    if min_confidence:
        triples = zip(compared.truths, compared.predictions, compared.confidences, strict=True)
        sure = [truth == number for truth, number, is_sure in triples if is_sure >= min_confidence]
        right = f", {sum(sure) / len(sure):.1%} of them right" if sure else ""
        lines.append(f"{len(sure):,} are as sure as {min_confidence:g}{right}")
    return lines


def _describe(confusion: Mapping[str, Any]) -> str:
    digit, found = (show_characters(confusion[name]) for name in ("digit", "read_as"))
    if not digit:
        return f"{found} put in ({confusion['count']:,})"
    return f"{digit} {f'as {found}' if found else 'left out'} ({confusion['count']:,})"


def _count_empty(readings: Mapping[str, CropReading]) -> int:
    return sum(_find_status(reading, 0) == EMPTY for reading in readings.values())


def _tell_problems(readings: Mapping[str, CropReading]) -> None:
    """Refuse in the end what could not be read."""
    problems = [f"  {name}: {it.problem}" for name, it in readings.items() if it.problem]
    if problems:
        shown = "\n".join(problems[:10])
        more = f"\n  and {len(problems) - 10:,} more" if len(problems) > 10 else ""
        raise SourceError(
            f"{len(problems):,} of {len(readings):,} images cannot be read:\n{shown}{more}"
        )
