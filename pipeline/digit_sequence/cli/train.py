"""The command ``train``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from digit_sequence.base.text import describe_duration
from digit_sequence.cli.options import output_options, override_option
from digit_sequence.cli.progress import show_progress
from digit_sequence.cli.signals import telling_stop
from digit_sequence.cli.tables import echo_table
from digit_sequence.cli.terminal import echo, tell, tell_result
from digit_sequence.cli.torch_import import importing_torch


@click.command()
@click.argument("origin", metavar="OUT|CONFIG")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Folder of the run.  [default: runs/ and the name of OUT or CONFIG]",
)
@click.option(
    "--epochs", default=6, show_default=True, type=click.IntRange(1), help="At most this many."
)
@click.option(
    "--batch-size", default=64, show_default=True, type=click.IntRange(1), help="Images of a step."
)
@click.option(
    "--network",
    default="fast",
    show_default=True,
    type=click.Choice(["fast", "fine"]),
    help="fine looks closer, for half as much work again.",
)
@click.option(
    "--bfloat16",
    is_flag=True,
    help="Compute in bfloat16 what may be, on a CPU as well if it has AVX-512; a GPU always does.",
)
@click.option("--learning-rate", default=3e-3, show_default=True, help="At its highest.")
@click.option(
    "--patience",
    default=4,
    show_default=True,
    type=click.IntRange(1),
    help="Stop after this many epochs in which val was not read better.",
)
@click.option(
    "--device",
    default="cpu",
    show_default=True,
    type=click.Choice(["cpu", "cuda"]),
    help="What it learns on; on a GPU in bfloat16 where that may be.",
)
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Begin with the weights of another run, to teach it more: its folder, or its best.pt.",
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    help="Learn from the first samples of train alone; val and test are read whole.",
)
@click.option("--seed", default=0, show_default=True, help="Another seed, other weights.")
@click.option(
    "--also",
    multiple=True,
    metavar="OUT|CONFIG",
    help="Another one whose test split is read in the end. Can be given many times.",
)
@click.option("--overwrite", is_flag=True, help="Train anew where RUN holds another run.")
@override_option
@output_options
def train(
    origin: str,
    output: Path | None,
    also: tuple[str, ...],
    overrides: tuple[str, ...],
    **options: Any,
) -> None:
    """Teach a small network to read the numbers of OUT.

    A report says how well it does. Of a CONFIG, samples are drawn while the network learns, the
    same as a build would have; with samples: null for train, new ones in each epoch.

    Writes report.md, report.json, curve.png, mistakes.png and the weights to RUN. A run that was
    stopped goes on when the same command is given again. Needs the extra torch.
    """
    with importing_torch("training"):
        from digit_sequence.learn import programs
        from digit_sequence.learn.training_report import list_results

    def tell_epoch(entry: Mapping[str, float]) -> None:
        echo(
            f"epoch {entry['epoch']} of {options['epochs']}: loss {entry['train_loss']:.3f}, "
            f"val {entry['val_loss']:.3f}, {entry['val_exact_match']:.2%} exact, "
            f"{describe_duration(entry['seconds'])}",
            err=True,
        )
        tell("epoch", **entry)

    with telling_stop("stopped; epochs that are done are kept: the same command goes on"):
        report = programs.train(
            origin,
            output,
            also=also,
            overrides=overrides,
            on_plan=lambda plan: echo(plan, err=True),
            on_epoch=tell_epoch,
            show_progress=show_progress,
            **options,
        )
    echo_table(list_results(report))
    for remark in report["doubtful"]:
        echo(remark)
    folder = programs.choose_run_folder(origin, output)
    echo(f"in {folder}: report.md, report.json, curve.png, mistakes.png, best.pt")
    tell_result(output=str(folder), report=report)
