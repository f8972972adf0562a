"""Ablations from a program: what ``from digit_sequence import ablate`` gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from digit_sequence.base.current_folder import make_absolute
from digit_sequence.base.errors import BuildStopped, ConfigError, OutputError
from digit_sequence.base.files import hold_folder, is_remote, write_file
from digit_sequence.base.progress import ShowProgress, hide_progress
from digit_sequence.base.text import count_things
from digit_sequence.building.dataset import BuildResult, build_dataset
from digit_sequence.config.loading import load_config, naming_file
from digit_sequence.learn.ablation import Ablation, Crops, Outcome, load_crops, plan_variants
from digit_sequence.learn.ablation_report import (
    Row,
    compare_variants,
    list_tables,
    make_report,
    write_tables,
)
from digit_sequence.learn.checks import check_other
from digit_sequence.learn.evaluation import EVALUATION_BATCH
from digit_sequence.learn.parts import BASE, make_variants
from digit_sequence.learn.programs import open_others
from digit_sequence.learn.records import TrainOptions
from digit_sequence.learn.report import measure
from digit_sequence.read.dataset import open_dataset
from digit_sequence.read.split import Split
from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler
from digit_sequence.store.storage import Storage

OnTraining = Callable[[Outcome, int, int], None]
"""Gets what came of a training, how many there are by now, and how many there will be."""


@dataclass(frozen=True)
class Ablated:
    """What an ablation found."""

    rows: Sequence[Row]
    """How well each variant reads each test."""
    files: tuple[str, ...]
    """Names of what was written, in the folder."""

    @property
    def table(self) -> str:
        """The rows as Markdown."""
        return write_tables(self.rows)

    def list_tables(self) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
        """Yield what each test is, and a table of what it tells, its heads first."""
        return list_tables(self.rows)

    def list_rows(self) -> list[dict[str, Any]]:
        """Return the rows as plain values, with mean and bounds of each measure."""
        return [asdict(row) for row in self.rows]


def ablate(
    config: str | Path,
    without: Sequence[str],
    output: str | Path,
    *,
    overrides: Sequence[str] = (),
    tests: Sequence[str] = (),
    crops: str | Path | None = None,
    labels: str | Path | None = None,
    seeds: int = 3,
    epochs: int = 6,
    batch_size: int = 64,
    learning_rate: float = 3e-3,
    limit: int | None = None,
    overwrite: bool = False,
    on_build: Callable[[str, BuildResult], None] = lambda _name, _result: None,
    on_plan: Callable[[str], None] = lambda _text: None,
    on_training: OnTraining = lambda _outcome, _count, _total: None,
    show_progress: ShowProgress = hide_progress,
    should_stop: Callable[[], bool] = lambda: False,
    **scheduler: Any,
) -> Ablated:
    """Tell what each part of a config is worth, as ``digit-sequence ablate`` does.

    What was stopped goes on when it is called again.

    Parameters
    ----------
    config : str or Path
    without : sequence of str
        What is left out, one after the other: ``"line.noise"``, ``"NAME=KEY,KEY"``.
    output : str or Path
        Folder of the builds, the runs and the report.
    overrides : sequence of str
        Keys of the config to replace.
    tests : sequence of str
        Datasets and configs whose test splits are read. Default: that of the config.
    crops, labels : str or Path, optional
        Real crops to be read too, and their labels.
    seeds : int
        How many trainings of each, with the seeds 0 to `seeds` - 1.
    epochs, batch_size, learning_rate, limit
        Of `digit_sequence.learn.records.TrainOptions`.
    overwrite : bool
        Build and train anew what the folder holds.
    on_build : callable
        Called with name and result of each build.
    on_plan : callable
        Called with what each training is, before the first.
    on_training : callable
        See `OnTraining`.
    show_progress : callable
        See `digit_sequence.base.progress`; called for each build and for all trainings.
    should_stop : callable
        Asked before each shard and after each batch.
    **scheduler
        As of `build`.

    Raises
    ------
    ConfigError
        If an argument does not fit.
    OutputError
        If the folder holds anything else, or cannot be written.
    BuildStopped
        If `should_stop` became true before the end.
    """
    if (crops is None) != (labels is None):
        raise ConfigError("expected --crops and --labels together, got one of them")
    if is_remote(output):
        raise ConfigError(f"--output: expected a folder that is mounted here, got {output}")
    budget = TrainOptions(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        limit=limit,
        patience=epochs,
    )
    settings = load_config(Path(config), overrides)
    with naming_file(config):
        samplers = plan_variants(str(config), make_variants(settings, without))
    alphabet = samplers[BASE].plan.alphabet
    chosen: dict[str, Split | Crops] = {}
    for name, other in open_others(tests).items():
        check_other(str(config), settings.canvas.height, alphabet, other)
        for _ in other["test"].batches(EVALUATION_BATCH):
            pass  # a test that is damaged is found now, and not after all trainings
        chosen[f"test of {name}"] = other["test"]
    if crops is not None and labels is not None:
        chosen["crops"] = load_crops(Path(crops), Path(labels))
    plan = Ablation(make_absolute(output), samplers, budget, seeds)
    record = plan.make_record(overwrite)
    with _holding(plan.folder):
        with open_scheduler(SchedulerOptions(**scheduler)) as run:
            plan.claim(record, overwrite)
            for name, sampler in samplers.items():
                storage = Storage(str(plan.build_folder(name)))
                with show_progress(sampler.plan.n_samples) as on_progress:
                    result = build_dataset(
                        sampler, storage, run, on_progress, overwrite, should_stop
                    )
                on_build(name, result)
        if not tests:
            base = open_dataset(str(plan.build_folder(BASE)))
            chosen = {"test": base["test"], **chosen}
        on_plan(f"{count_things(seeds * len(samplers), 'training')}, each {plan.describe()}")
        title = " ".join(["Ablation of", str(config), *overrides])
        return _train(plan, chosen, title, on_training, show_progress, should_stop)


def find_matches(outcome: Outcome) -> dict[str, float]:
    """Return the exact match of each test, 0 to 1."""
    return {test: measure(reading)["exact_match"] for test, reading in outcome.readings.items()}


@contextmanager
def _holding(folder: Path) -> Iterator[None]:
    """Hold a folder, so that no other ablation uses it meanwhile."""
    with ExitStack() as stack:
        try:
            is_free = stack.enter_context(hold_folder(folder))
        except OSError as error:
            raise OutputError(f"{folder}: cannot be used: {error.strerror or error}") from error
        if not is_free:
            raise OutputError(f"{folder}: another ablation is running there; wait for its end")
        yield


def _train(
    plan: Ablation,
    tests: Mapping[str, Split | Crops],
    title: str,
    on_training: OnTraining,
    show_progress: ShowProgress,
    should_stop: Callable[[], bool],
) -> Ablated:
    """Train, read and report, after each seed anew."""
    n_trainings = plan.n_seeds * len(plan.samplers)
    outcomes: list[Outcome] = []
    files: dict[str, bytes] = {}
    with show_progress(n_trainings * plan.options.epochs * plan.epoch_samples) as on_progress:

        def advance(samples: int, is_new: bool) -> None:
            on_progress(samples, is_new)
            if should_stop():
                raise BuildStopped(
                    f"stopped: {len(outcomes)} of {n_trainings} trainings are done and kept; give "
                    "the same command again to go on"
                )

        for outcome in plan.train(tests, advance):
            outcomes.append(outcome)
            on_training(outcome, len(outcomes), n_trainings)
            if len(outcomes) % len(plan.samplers) == 0:
                files = make_report(title, plan.describe(), outcomes)
                for name, content in files.items():
                    write_file(plan.folder / name, content)
    return Ablated(compare_variants(outcomes), tuple(files))
