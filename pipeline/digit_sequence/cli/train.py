"""The command ``train``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from digit_sequence.base.errors import ConfigError
from digit_sequence.base.files import is_remote
from digit_sequence.cli.options import override_option
from digit_sequence.cli.terminal import echo, show_progress
from digit_sequence.cli.torch_import import importing_torch

if TYPE_CHECKING:
    from digit_sequence.read.splits import Splits


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
@click.option("--limit", type=click.IntRange(1), help="Use the first samples of train only.")
@click.option("--seed", default=0, show_default=True, help="Another seed, other weights.")
@click.option(
    "--also",
    multiple=True,
    metavar="OUT|CONFIG",
    help="Another one whose test split is read in the end. Can be given many times.",
)
@click.option("--overwrite", is_flag=True, help="Train anew where RUN holds another run.")
@override_option
def train(
    origin: str,
    output: Path | None,
    also: tuple[str, ...],
    overrides: tuple[str, ...],
    **options: Any,
) -> None:
    """Teach a small network to read the dataset OUT, and report how well it does.

    Of a CONFIG, samples are drawn while the network learns, the same as a build would have; with
    samples: null for train, new ones in each epoch.

    Writes report.md, report.json, curve.png, mistakes.png and the weights to RUN. A run that was
    stopped goes on when the same command is given again. Needs the extra torch.
    """
    with importing_torch("training"):
        from digit_sequence.learn import training
        from digit_sequence.learn.checks import check_other
        from digit_sequence.learn.training_report import summarize, write_report

    opened = open_splits(origin, overrides)
    others = open_others(also)
    for other in others.values():
        check_other(opened.uri, opened.image_shape[0], opened.alphabet, other)
    folder = _choose_run_folder(origin, output)
    chosen = {name: options.pop(name) for name in ("overwrite", "device")}
    run = training.Run(opened, folder, training.TrainOptions(**options), **chosen)
    epochs = run.options.epochs
    with show_progress(epochs * len(run.train)) as on_progress:
        on_progress(run.done_samples, False)
        for entry in training.train(run, lambda samples: on_progress(samples, True)):
            echo(
                f"epoch {entry['epoch'] + 1} of {epochs}: loss {entry['train_loss']:.3f}, val "
                f"{entry['val_loss']:.3f}, {entry['val_exact_match']:.2%} exact, "
                f"{entry['seconds'] / 60:.1f} min",
                err=True,
            )
    for line in summarize(write_report(run, others)):
        echo(line)
    echo(f"in {folder}: report.md, report.json, curve.png, mistakes.png, best.pt")


def open_splits(origin: str, overrides: Sequence[str] = ()) -> Splits:
    """Open a dataset, or a config with overrides."""
    from digit_sequence.cli.origins import is_dataset
    from digit_sequence.live.dataset import open_config
    from digit_sequence.read.dataset import open_dataset

    if is_dataset(origin, overrides):
        return open_dataset(origin)
    return open_config(origin, overrides)


def open_others(origins: Sequence[str]) -> dict[str, Splits]:
    """Open what is read in the end; by the names of folders and configs if no two have one."""
    names = [_find_name(origin) for origin in origins]
    return {
        name if names.count(name) == 1 else origin: open_splits(origin)
        for name, origin in zip(names, origins, strict=True)
    }


def _find_name(origin: str) -> str:
    """Return the name of a folder, or of a config without its suffix."""
    from digit_sequence.cli.origins import is_dataset

    return Path(origin).name if is_dataset(origin) else Path(origin).stem


def _choose_run_folder(origin: str, output: Path | None) -> Path:
    if output is None:
        if (name := _find_name(origin)) in ("", ".."):
            raise ConfigError(f"{origin} has no name for a folder of the run; name one by --output")
        return Path("runs", name)
    if is_remote(output):
        raise ConfigError(f"--output: expected a folder that is mounted here, got {output}")
    return output
