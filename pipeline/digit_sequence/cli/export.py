"""The command ``export``."""

from __future__ import annotations

from typing import Any

import click

from digit_sequence.base.current_folder import make_absolute
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.files import is_remote
from digit_sequence.cli.options import scheduler_options
from digit_sequence.cli.signals import drain_on_signal
from digit_sequence.cli.terminal import show_progress
from digit_sequence.exports import FORMATS
from digit_sequence.exports.run import Export, check_fit, export_dataset
from digit_sequence.read.dataset import open_dataset
from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler


@click.command()
@click.argument("dataset", metavar="OUT")
@click.option("--to", "kind", required=True, metavar="FORMAT", help="See the list above.")
@click.option("-o", "--output", required=True, metavar="DIR", help="Folder of the export.")
@click.option(
    "--max-digits",
    type=click.IntRange(1),
    help="The longest number that the reader is set to take.  [default: what it takes unless set]",
)
@scheduler_options
def export(
    dataset: str,
    kind: str,
    output: str,
    max_digits: int | None,
    **scheduler: Any,
) -> None:
    """Export the dataset OUT to a format that trainers read.

    \b
      lmdb         deep-text-recognition-benchmark, parseq, PaddleOCR, MMOCR
      paddleocr    PaddleOCR's text lists
      doctr        docTR
      mmocr        MMOCR, one JSON object a line
      imagefolder  Hugging Face datasets, TrOCR
      tesstrain    Tesseract
      easyocr      EasyOCR's trainer
      yolo, coco   a box for every digit
      mds          mosaicml-streaming

    An export that was stopped goes on when the same command is given again.
    """
    if is_remote(output):
        raise ConfigError(f"--output: expected a folder that is mounted here, got {output}")
    request = Export(open_dataset(dataset), kind, make_absolute(output), max_digits)
    check_fit(request)
    n_samples = sum(map(len, request.dataset.values()))
    with (
        drain_on_signal() as should_stop,
        open_scheduler(SchedulerOptions(**scheduler)) as run,
        show_progress(n_samples) as on_progress,
    ):
        exported = export_dataset(request, run, on_progress, should_stop)
    click.echo(f"{output}: {n_samples:,} samples, {exported:,} of them exported now")
    if FORMATS[kind].note:
        click.echo(FORMATS[kind].note)
