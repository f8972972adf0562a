"""The command ``read``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from digit_sequence.cli.options import output_options
from digit_sequence.cli.progress import show_progress
from digit_sequence.cli.terminal import echo, echo_lines, note, tell, tell_result
from digit_sequence.cli.torch_import import importing_torch

WAYS = ("levels", "grey", "ground", "small", "tight")
"""Those of learn.crops, which help does not import."""


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
    show_default="0: none",
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
@click.option("--overwrite", is_flag=True, help="Replace the readings that FOLDER holds.")
@output_options
def read(weights: Path, images: tuple[Path, ...], output: Path | None, **options: Any) -> None:
    """Read the numbers in IMAGES by what a run of train has learned.

    IMAGES are files and folders, one number in each image; WEIGHTS is the run's folder or its
    best.pt. The readings are CSV: file, number, confidence (0 to 1) and status: read, check (a
    guess, of confidence 0.0000; see --min-confidence), empty (no number was found) or why the file
    cannot be read. Needs the extra torch.
    """
    with importing_torch("reading"):
        from digit_sequence.learn.reading import COLUMNS, read_crops

    def tell_reading(row: Sequence[str]) -> None:
        tell("reading", **dict(zip(COLUMNS, row, strict=True)) | {"confidence": float(row[2])})

    found = read_crops(
        weights,
        images,
        output=output,
        on_note=note,
        on_reading=tell_reading,
        show_progress=partial(show_progress, unit="crop"),
        **options,
    )
    if output is None:
        echo_lines(found.table)
    for line in found.summary:
        echo(line, err=output is None)
    if output is not None:
        echo(f"in {output}: {', '.join(found.files)}")
    tell_result(
        images=len(found.readings),
        unreadable=sum(bool(it.problem) for it in found.readings.values()),
        empty=sum(not (it.number or it.problem) for it in found.readings.values()),
        output=None if output is None else str(output),
        report=found.report,
    )
    found.check()
