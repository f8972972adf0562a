"""The command ``number``."""

from __future__ import annotations

from typing import Any

import click

from digit_sequence.base.errors import ConfigError
from digit_sequence.cli.options import output_options
from digit_sequence.cli.spelling import SpelledCommand, list_typed, spelled_option
from digit_sequence.cli.terminal import echo, find_manner, has_screen, tell_result


@click.command(cls=SpelledCommand)
@click.argument("number", required=False)
@spelled_option(
    *("-n", "--number", "number_option"),
    metavar="NUMBER",
    help="The number, instead of the argument.",
)
@spelled_option(
    *("-w", "--width"),
    also="--image_width",
    default=170,
    show_default=True,
    help="Columns of an image.",
)
@spelled_option(
    *("-ht", "--height"),
    also="--image_height",
    default=28,
    show_default=True,
    help="Rows of an image.",
)
@spelled_option(
    *("-min", "--min-spacing"),
    also="--min_spacing",
    default=5,
    show_default=True,
    help="Columns, at least.",
)
@spelled_option(
    *("-max", "--max-spacing"),
    also="--max_spacing",
    default=10,
    show_default=True,
    help="Columns, at most.",
)
@spelled_option("-c", "--crop", also="--need_crop", is_flag=True, help="Crop digits to their ink.")
@spelled_option("-m", "--margin", default=0, show_default=True, help="Rows around cropped ink.")
@spelled_option(
    *("-a", "--augment"),
    also="--need_aug",
    is_flag=True,
    help="Noise, shear, rotation, dilation, erosion.",
)
@spelled_option(
    *("-r", "--rotate"),
    default=40.0,
    show_default=True,
    type=click.FloatRange(0, 45),
    help="Degrees.",
)
@spelled_option(
    *("-b", "--batch"),
    also="--need_batch",
    is_flag=True,
    help="Make a batch instead of one image.",
)
@spelled_option(
    *("-bn", "--batch-count"),
    also="--batch_num",
    default=10,
    show_default=True,
    help="Images of a batch.",
)
@spelled_option(
    *("-d", "--data-dir"),
    also="--data_dir",
    help="Folder of the MNIST files; missing ones are downloaded.",
)
@spelled_option(
    *("-s", "--image-dir"),
    also="--image_dir",
    default="images",
    show_default=True,
    help="Output directory.",
)
@click.option(
    "--source",
    type=click.Choice(["mnist", "mnist-5k"]),
    help="Whose digits: the full MNIST, from a folder or the internet; or 5,000 of it, from a "
    "package.  [default: mnist-5k; with -d: mnist]",
)
@click.option("--seed", default=0, show_default=True, help="Another seed, other images.")
@click.option("--overwrite", is_flag=True, help="Replace images made with other options.")
@click.option("--show/--no-show", default=None, help="Show a single image.  [default: on a screen]")
@output_options
@click.pass_context
def number(ctx: click.Context, /, **options: Any) -> None:
    """Make images of one NUMBER, as the original script does.

    They are in IMAGE_DIR/NUMBER/, with a label file beside them. Nothing is downloaded, unless
    --source mnist is given, or -d names a folder without its files.

    \b
      digit-sequence number 14543 -w 200 -c -a -b -bn 20
    """
    from digit_sequence.building.number_images import draw_number

    given = [options.pop("number"), options.pop("number_option")]
    numbers = [value for value in given if value is not None]
    if len(numbers) != 1:
        raise ConfigError(f"expected one NUMBER, as an argument or with -n, got {len(numbers)}")
    typed, show = list_typed(ctx), options.pop("show")
    made = draw_number(numbers[0], typed=typed, **options)
    first, *others = made.paths
    echo(f"{len(made.paths)} images in {first.parent}" if others else f"{first}")
    if made.scaled:
        hint = typed.get("width", "-w")
        echo(f"{made.scaled} wider than {made.width} columns, shrunk to fit; see {hint}", err=True)
    tell_result(images=[str(path) for path in made.paths], scaled=made.scaled)
    is_shown = has_screen() and not find_manner().is_json if show is None else show
    if is_shown and not others:
        click.launch(str(first))
