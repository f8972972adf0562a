"""The command ``preview``."""

from __future__ import annotations

from pathlib import Path

import click

from digit_sequence.base.files import write_file
from digit_sequence.cli.marks import check_own, make_mark, mark_png
from digit_sequence.cli.options import (
    check_suffix,
    output_options,
    override_option,
    overwrite_option,
)
from digit_sequence.cli.terminal import echo, tell_result


@click.command()
@click.argument("origin", metavar="OUT|CONFIG")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    default="preview.png",
    show_default=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Picture to write, a PNG.",
)
@click.option(
    "-n",
    "--count",
    default=24,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="Samples of each split.",
)
@click.option("--boxes/--no-boxes", default=True, show_default=True, help="Draw digits' boxes.")
@overwrite_option
@override_option
@output_options
def preview(
    origin: str,
    output: Path,
    count: int,
    boxes: bool,
    overwrite: bool,
    overrides: tuple[str, ...],
) -> None:
    """Draw a contact sheet of samples with labels and boxes.

    They are the first of each split: of a config rendered, of a dataset read from its shards.
    """
    from digit_sequence.look.preview import draw_preview

    check_suffix(output, "png")
    mark = make_mark("preview", origin, output)
    check_own(output, mark, overwrite)
    sheet = draw_preview(origin, count=count, boxes=boxes, overrides=overrides)
    write_file(output, mark_png(sheet.png, mark))
    echo(f"{output}: {sheet.n_samples} samples")
    tell_result(picture=str(output), samples=sheet.n_samples)
