"""The command ``ablate``."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from digit_sequence.base.current_folder import make_absolute
from digit_sequence.base.errors import ConfigError, OutputError
from digit_sequence.base.files import hold_folder, is_remote
from digit_sequence.base.text import count_things
from digit_sequence.cli.options import config_options, scheduler_options
from digit_sequence.cli.progress import show_progress
from digit_sequence.cli.signals import drain_on_signal
from digit_sequence.cli.terminal import echo, write_file
from digit_sequence.cli.torch_import import importing_torch

if TYPE_CHECKING:
    from digit_sequence.learn.ablation import Ablation, Crops, Outcome
    from digit_sequence.read.split import Split

BUDGET = ("epochs", "batch_size", "learning_rate", "limit")


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
    "--seeds", default=3, show_default=True, type=click.IntRange(1, 1000), help="Trainings of each."
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
def ablate(
    config: Path,
    overrides: tuple[str, ...],
    without: tuple[str, ...],
    tests: tuple[str, ...],
    crops: Path | None,
    labels: Path | None,
    output: Path,
    seeds: int,
    overwrite: bool,
    **options: Any,
) -> None:
    """Tell what each part of CONFIG is worth, by trainings without it.

    Builds the dataset of CONFIG and one for each --without, teaches networks that differ in nothing
    else, and reads the same tests with all. Writes ablation.md, ablation.csv, ablation.png and
    readings.parquet to OUT. What was stopped goes on when the same command is given again, and more
    can be left out, or more seeds taken, later. Needs the extra torch.
    """
    with importing_torch("training"):
        from digit_sequence.learn import ablation
        from digit_sequence.learn.checks import check_other
        from digit_sequence.learn.evaluation import EVALUATION_BATCH
        from digit_sequence.learn.programs import open_others
        from digit_sequence.learn.records import TrainOptions

    from digit_sequence.config.loading import load_config
    from digit_sequence.learn.parts import BASE, make_variants
    from digit_sequence.read.dataset import open_dataset

    if (crops is None) != (labels is None):
        raise ConfigError("expected --crops and --labels together, got one of them")
    if is_remote(output):
        raise ConfigError(f"--output: expected a folder that is mounted here, got {output}")
    budget = {name: options.pop(name) for name in BUDGET}
    settings = load_config(config, overrides)
    samplers = ablation.plan_variants(str(config), make_variants(settings, without))
    alphabet = samplers[BASE].plan.alphabet
    chosen: dict[str, Split | Crops] = {}
    for name, other in open_others(tests).items():
        check_other(str(config), settings.canvas.height, alphabet, other)
        for _ in other["test"].batches(EVALUATION_BATCH):
            pass  # a test that is damaged is found now, and not after all trainings
        chosen[f"test of {name}"] = other["test"]
    if crops is not None and labels is not None:
        chosen["crops"] = ablation.load_crops(crops, labels)
    plan = ablation.Ablation(
        make_absolute(output),
        samplers,
        TrainOptions(**budget, patience=budget["epochs"]),
        seeds,
    )
    record = plan.make_record(overwrite)
    with ExitStack() as stack:
        try:
            is_free = stack.enter_context(hold_folder(plan.folder))
        except OSError as error:
            raise OutputError(f"{output}: cannot be used: {error.strerror or error}") from error
        if not is_free:
            raise OutputError(f"{output}: another ablation is running there; wait for its end")
        _build(plan, record, options, overwrite)
        if not tests:
            base = open_dataset(str(plan.build_folder(BASE)))
            chosen = {"test": base["test"], **chosen}
        title = " ".join(["Ablation of", str(config), *overrides])
        files = _train(plan, chosen, title)
    echo(f"in {output}: {', '.join(files)}")


def _build(plan: Ablation, record: bytes, options: Mapping[str, Any], overwrite: bool) -> None:
    """Claim the folder, and build what is missing of the dataset of each variant."""
    from digit_sequence.building.dataset import build_dataset
    from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler
    from digit_sequence.store.storage import Storage

    with drain_on_signal() as should_stop, open_scheduler(SchedulerOptions(**options)) as run:
        plan.claim(record, overwrite)
        for count, (name, sampler) in enumerate(plan.samplers.items(), start=1):
            storage = Storage(str(plan.build_folder(name)))
            with show_progress(sampler.plan.n_samples) as on_progress:
                result = build_dataset(sampler, storage, run, on_progress, overwrite, should_stop)
            if result.built_samples:
                echo(
                    f"built {name}, {count} of {len(plan.samplers)}: "
                    f"{result.built_samples:,} images in {result.seconds:.1f} s",
                    err=True,
                )


def _train(plan: Ablation, tests: Mapping[str, Split | Crops], title: str) -> list[str]:
    """Train, read and report, after each seed anew; return the names of the report's files."""
    from digit_sequence.learn.ablation_report import compare_variants, make_report, write_tables
    from digit_sequence.learn.parts import BASE
    from digit_sequence.learn.report import measure

    n_trainings = plan.n_seeds * len(plan.samplers)
    echo(f"{count_things(n_trainings, 'training')}, each {plan.describe()}", err=True)
    outcomes: list[Outcome] = []
    report: dict[str, bytes] = {}
    with show_progress(n_trainings * plan.options.epochs * plan.epoch_samples) as on_progress:
        for outcome in plan.train(tests, on_progress):
            outcomes.append(outcome)
            found = [
                f"{test} {measure(reading)['exact_match']:.1%}"
                for test, reading in outcome.readings.items()
            ]
            left_out = "" if outcome.variant == BASE else "without "
            echo(
                f"{len(outcomes)} of {n_trainings}: {left_out}{outcome.variant}, seed "
                f"{outcome.seed}: exact match of {', '.join(found)}",
                err=True,
            )
            if len(outcomes) % len(plan.samplers) == 0:
                report = make_report(title, plan.describe(), outcomes)
                for name, content in report.items():
                    write_file(plan.folder / name, content)
    echo(write_tables(compare_variants(outcomes)))
    return list(report)
