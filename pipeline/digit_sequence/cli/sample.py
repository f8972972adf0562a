"""The command ``sample``."""

from __future__ import annotations

from pathlib import Path

import click

from digit_sequence.base.files import write_file
from digit_sequence.cli.options import check_made, check_suffix, output_options
from digit_sequence.cli.terminal import echo, tell_result


@click.command()
@click.argument("key")
@click.option(
    "--from",
    "origin",
    required=True,
    metavar="OUT|CONFIG",
    help="A dataset directory, or its URI, or a config.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Picture to write, a PNG.",
)
@output_options
def sample(key: str, origin: str, output: Path) -> None:
    """Draw one sample again, pixel for pixel.

    KEY is the key of its label row, such as train-000000042. The picture is always a
    PNG; of a JPEG dataset it shows what its JPEG shows.
    """
    from digit_sequence.codec.encoding import encode_image
    from digit_sequence.live.dataset import draw_sample

    check_suffix(output, "png")
    check_made(output, "png")
    drawn = draw_sample(origin, key)
    write_file(output, encode_image(drawn.image, "png"))
    sample_index = int(drawn.label["sample_index"])
    echo(f"{output}: number {drawn.number}, sample {sample_index}")
    tell_result(picture=str(output), key=drawn.key, number=drawn.number, sample_index=sample_index)
