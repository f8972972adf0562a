"""The command ``sample``."""

from __future__ import annotations

from pathlib import Path

import click

from digit_sequence.cli.terminal import echo, write_file


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
def sample(key: str, origin: str, output: Path) -> None:
    """Draw one sample again, pixel for pixel.

    KEY is the key of its label row, such as train-000000042. The picture is always a PNG.
    """
    from digit_sequence.cli.origins import open_origin
    from digit_sequence.codec.encoding import encode_image
    from digit_sequence.plan.plan import parse_key

    sampler = open_origin(origin)
    split, ordinal = parse_key(sampler.plan, key)
    rendered = sampler.draw(split.name, ordinal, ordinal + 1)
    write_file(output, encode_image(next(rendered.cut()), "png"))
    recipes = rendered.recipes
    echo(f"{output}: number {recipes.numbers[0]}, sample {recipes.sample_indices[0]}")
