"""The command ``match``."""

from __future__ import annotations

from pathlib import Path

import click

from digit_sequence.base.files import write_file
from digit_sequence.cli.options import check_free, check_suffix, output_options
from digit_sequence.cli.progress import show_progress
from digit_sequence.cli.tables import echo_table
from digit_sequence.cli.terminal import echo, note, tell_result


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="CONFIG",
    help="Config to write; the sheet stands beside it, a PNG.",
)
@click.option(
    "--labels",
    metavar="CSV|names",
    help="Columns file, number and maybe boxes (left top width height;...); or names: each file's "
    "name begins with its number.",
)
@click.option(
    "--height",
    type=click.IntRange(16, 128),
    help="Rows of the canvas.  [default: the median of the crops, 24 to 64]",
)
@click.option("--overwrite", is_flag=True, help="Replace what CONFIG and its sheet hold.")
@output_options
def match(
    folder: Path, output: Path, labels: str | None, height: int | None, overwrite: bool
) -> None:
    """Write a config that builds images like real crops.

    They are those in FOLDER. The config is commented with what was measured; a sheet shows real and
    built images side by side.
    """
    from digit_sequence.match.match import N_ROUNDS, compare, match_folder
    from digit_sequence.match.sheet import draw_match

    check_suffix(output, "yaml")
    sheet = output.with_suffix(".png")
    for path in (output, sheet):
        check_free(path, overwrite, "--output")
    with show_progress(N_ROUNDS, unit="round") as on_progress:
        found = match_folder(folder, labels, height, on_progress)
    for text in found.notes:
        note(text)
    write_file(output, found.text.encode())
    write_file(sheet, draw_match(found))
    echo_table(compare(found))
    echo(
        f"{output}: a config; {sheet} shows your crops beside built ones: publish it only if they "
        "may be published"
    )
    tell_result(
        config=str(output),
        sheet=str(sheet),
        crops=len(found.crops),
        ranges={place: list(ends) for place, ends in found.ranges.items()},
    )
