"""The command ``ablate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from digit_sequence.cli.options import config_options, output_options, scheduler_options
from digit_sequence.cli.progress import show_progress
from digit_sequence.cli.signals import drain_on_signal
from digit_sequence.cli.tables import echo_table
from digit_sequence.cli.terminal import echo, tell, tell_result
from digit_sequence.cli.torch_import import importing_torch

if TYPE_CHECKING:
    from digit_sequence.building.dataset import BuildResult
    from digit_sequence.learn.ablation import Outcome


@click.command()
@config_options
@click.option(
    "--without",
    multiple=True,
    required=True,
    metavar="KEY[,KEY...]",
    help="Leave this out: a transform (line.noise), a section or a group of them (glyph; page), a "
    "look of several, or more than one; NAME=KEY,KEY gives them a name. Can be given many times.",
)
@click.option(
    "--test",
    "tests",
    multiple=True,
    metavar="OUT|CONFIG",
    help="Another one whose test split is read in the end. Can be given many times.  [default: "
    "that of CONFIG]",
)
@click.option(
    "--crops",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Real crops to be read too; needs --labels.",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    metavar="LABELS",
    help="Of the crops, as read takes them.",
)
@click.option(
    "--seeds",
    default=3,
    show_default=True,
    type=click.IntRange(1, 1000),
    metavar="N",
    help="Train each N times, with the seeds 0 to N - 1.",
)
@click.option("--epochs", default=6, show_default=True, type=click.IntRange(1), help="Of each.")
@click.option(
    "--batch-size", default=64, show_default=True, type=click.IntRange(1), help="Images of a step."
)
@click.option("--learning-rate", default=3e-3, show_default=True, help="At its highest.")
@click.option("--limit", type=click.IntRange(1), help="Use the first samples of train only.")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="OUT",
    help="Folder of the builds, the runs and the report.",
)
@click.option("--overwrite", is_flag=True, help="Build and train anew what OUT holds.")
@scheduler_options
@output_options
def ablate(config: Path, without: tuple[str, ...], output: Path, **options: Any) -> None:
    """Tell what each part of CONFIG is worth for training.

    Builds the dataset of CONFIG and one for each --without, teaches networks that differ in nothing
    else, and reads the same tests with all. Writes ablation.md, ablation.csv, ablation.png and
    readings.parquet to OUT. What was stopped goes on when the same command is given again, and more
    can be left out, or more seeds taken, later. Needs the extra torch.
    """
    with importing_torch("training"):
        from digit_sequence.learn import ablating
        from digit_sequence.learn.parts import BASE

    def tell_build(name: str, result: BuildResult) -> None:
        if result.built_samples:
            echo(
                f"built {name}: {result.built_samples:,} images in {result.seconds:.1f} s", err=True
            )

    def tell_training(outcome: Outcome, count: int, total: int) -> None:
        matches = ablating.find_matches(outcome)
        left_out = "" if outcome.variant == BASE else "without "
        told = ", ".join(f"{test} {match:.2%}" for test, match in matches.items())
        echo(
            f"{count} of {total}: {left_out}{outcome.variant}, seed {outcome.seed}: exact match of "
            f"{told}",
            err=True,
        )
        tell(
            "training",
            done=count,
            total=total,
            variant=outcome.variant,
            seed=outcome.seed,
            exact_match=matches,
        )

    with drain_on_signal("the shards or the batch under way are done") as should_stop:
        found = ablating.ablate(
            config,
            without,
            output,
            on_build=tell_build,
            on_plan=lambda plan: echo(plan, err=True),
            on_training=tell_training,
            show_progress=show_progress,
            should_stop=should_stop,
            **options,
        )
    for title, rows in found.list_tables():
        echo(title)
        echo_table([(*row, "") for row in rows])
    echo(f"in {output}: {', '.join(found.files)}")
    tell_result(output=str(output), files=found.files, rows=found.list_rows())
