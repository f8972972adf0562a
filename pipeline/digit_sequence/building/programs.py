"""Building, verifying and looking after datasets from a program: what `digit_sequence` gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from digit_sequence.base.current_folder import leave_lost_folder, make_absolute
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.files import write_file
from digit_sequence.base.installation import how_to_install
from digit_sequence.base.progress import ShowProgress, hide_progress
from digit_sequence.building import status
from digit_sequence.building.compiling import compile_apart, list_modules
from digit_sequence.building.dataset import BuildResult, build_dataset
from digit_sequence.building.dataset_checks import load_any_plan
from digit_sequence.building.estimates import estimate_bytes
from digit_sequence.building.origins import open_storage
from digit_sequence.building.repair import repair_dataset
from digit_sequence.building.sampler import Sampler, open_output, open_sampler
from digit_sequence.building.verify import VerifyResult, verify_dataset
from digit_sequence.config.loading import load_config, naming_file
from digit_sequence.config.model import Config
from digit_sequence.run.schedulers import (
    Run,
    SchedulerOptions,
    call_in_fork,
    open_scheduler,
    report_performance,
)
from digit_sequence.store.plan_file import check_versions
from digit_sequence.store.storage import Storage


def build(
    config: Config | str | Path,
    output: str | Path | None = None,
    *,
    overrides: Sequence[str] = (),
    engine: str | None = None,
    overwrite: bool = False,
    performance_report: str | Path | None = None,
    on_progress: Callable[[int, bool], None] = lambda _samples, _is_new: None,
    should_stop: Callable[[], bool] = lambda: False,
    **scheduler: Any,
) -> BuildResult:
    """Build the dataset that a config describes, as ``digit-sequence build`` does.

    Shards that are there already are kept, so a build that was stopped goes on when it is called
    again.

    Parameters
    ----------
    config : Config, str or Path
        A config, or the path of its YAML file.
    output : str or Path, optional
        Output directory, or a URI such as ``s3://bucket/folder``. Default: the config's
        ``output.uri``, else ``data/`` and the name of the file.
    overrides : sequence of str
        Keys of the file to replace: ``["canvas.width=256"]``. Only for a path.
    engine : {"skimage", "numba"}, optional
        What draws: the same bytes at another speed. Default: numba if it is installed.
    overwrite : bool
        Delete the dataset of another config that is there.
    performance_report : str or Path, optional
        File for Dask's report of the run, an HTML page.
    on_progress : callable
        Called with a count of samples and whether this call has made them.
    should_stop : callable
        Asked before every new task; true: finish the shards under way and no more.
    **scheduler
        Fields of `digit_sequence.run.schedulers.SchedulerOptions`: ``scheduler="threads"``,
        ``workers=4``. Default: a process for each core. Processes import the calling script,
        so there the call stands below ``if __name__ == "__main__":``.

    Returns
    -------
    BuildResult
        The manifest, how many samples were built, and the seconds that took.

    Raises
    ------
    ConfigError
        If the config, an override or an option is not valid.
    SourceError
        If the digits cannot be read.
    OutputError
        If the directory holds something else, or cannot be written.
    BuildError
        If shards failed, or the cluster is gone; what is built is kept.
    BuildStopped
        If `should_stop` became true before the end.
    """
    report = None if performance_report is None else make_absolute(performance_report)
    planned = plan_build(config, output, overrides=overrides, engine=engine)
    return planned.run(
        overwrite=overwrite,
        performance_report=report,
        show_progress=lambda _n_samples: nullcontext(on_progress),
        should_stop=should_stop,
        **scheduler,
    )


@dataclass(frozen=True)
class PlannedBuild:
    """A build of which nothing is written yet."""

    sampler: Sampler
    """Its `plan` has the splits, and draws any sample."""
    uri: str
    """Where the dataset goes."""
    storage: Storage
    wait_for_loops: Callable[[], None]
    """Returns when the compiled loops of the config are on the disk, if they are being compiled."""

    def estimate_bytes(self) -> int:
        """Estimate what the shards will take, from a few samples of each split."""
        return estimate_bytes(self.sampler)

    def run(
        self,
        *,
        overwrite: bool = False,
        performance_report: Path | None = None,
        on_open: Callable[[Run], None] = lambda _run: None,
        show_progress: ShowProgress = hide_progress,
        should_stop: Callable[[], bool] = lambda: False,
        **scheduler: Any,
    ) -> BuildResult:
        """Build it; `on_open` gets the open scheduler, and the rest is as of `build`."""
        is_profiled = performance_report is not None
        self.storage.check()
        with (
            open_scheduler(SchedulerOptions(**scheduler, is_profiled=is_profiled)) as run,
            _report_performance(run, performance_report),
        ):
            on_open(run)
            self.wait_for_loops()
            with show_progress(self.sampler.plan.n_samples) as on_progress:
                return build_dataset(
                    self.sampler, self.storage, run, on_progress, overwrite, should_stop
                )


def plan_build(
    config: Config | str | Path,
    output: str | Path | None = None,
    *,
    overrides: Sequence[str] = (),
    engine: str | None = None,
) -> PlannedBuild:
    """Plan a build, as ``digit-sequence build --dry-run`` does; parameters and errors as of it."""
    path = None if isinstance(config, Config) else Path(config)
    if isinstance(config, Config):
        if overrides:
            raise ConfigError(f"overrides: expected none with a Config, got {list(overrides)}")
        settings = config
    else:
        settings = load_config(Path(config), overrides)
    modules = list_modules(settings) if engine != "skimage" else []
    wait_for_loops = call_in_fork(compile_apart, modules)
    uri = str(output or choose_output(settings, path))
    storage = Storage(uri)
    leave_lost_folder()
    with naming_file(path):
        sampler = open_sampler(settings, engine, is_tried=False)
        sampler.plan.check_ends()
    return PlannedBuild(sampler, uri, storage, wait_for_loops)


def _report_performance(run: Run, path: Path | None) -> AbstractContextManager[Any]:
    if path is None:
        return nullcontext()
    if run.client is None or not find_spec("bokeh"):
        raise ConfigError(
            "--performance-report: expected a cluster or the scheduler processes, and bokeh "
            f"installed: {how_to_install('dashboard')}"
        )
    write_file(path, b"")  # rather now than when the build is done
    return report_performance(run, str(path))


def choose_output(config: Config, path: Path | None) -> str:
    """Return where a dataset goes if nothing else is said: output.uri, or data/ and a file's name.

    Raises
    ------
    ConfigError
        If the config names no output, and comes from no file.
    """
    if config.output.uri:
        return config.output.uri
    if path is None:
        raise ConfigError("output: expected a folder, in the call or as output.uri, got none")
    return f"data/{path.stem}"


def verify(
    dataset: str | Path,
    *,
    quick: bool = False,
    redraw: int = 0,
    repair: bool = False,
    on_check: Callable[[VerifyResult], None] = lambda _result: None,
    on_repair: Callable[[BuildResult], None] = lambda _result: None,
    show_progress: ShowProgress = hide_progress,
    should_stop: Callable[[], bool] = lambda: False,
    **scheduler: Any,
) -> VerifyResult:
    """Check that a dataset is complete and sound, as ``digit-sequence verify`` does.

    Parameters
    ----------
    dataset : str or Path
        Directory, or a URI such as ``s3://bucket/folder``.
    quick : bool
        Footers, sizes and names only; no image is read.
    redraw : int
        Random samples to draw again and compare.
    repair : bool
        Build again what is broken, and just that; then check again.
    on_check, on_repair : callable
        Called with the result of each check: before the repair, two if the plan itself was broken,
        and after it; and with that of the repair.
    show_progress : callable
        See `digit_sequence.base.progress`.
    should_stop, **scheduler
        As of `build`.

    Returns
    -------
    VerifyResult
        Of the last check: its `problems` are what is wrong now.

    Raises
    ------
    OutputError
        If there is no plan to verify against, or files cannot be read; or to repair or draw again,
        if other versions have built it.
    BuildError
        If shards could not be verified or built.
    BuildStopped
        If `should_stop` became true before the end.
    """
    storage = open_storage(str(dataset))
    if repair:
        check_versions(storage, load_any_plan(storage)[0], "to repair it")
    options = SchedulerOptions(**scheduler)
    if quick and not repair:  # what the driver does by itself
        options = SchedulerOptions("synchronous")
    with open_scheduler(options) as run:

        def check() -> VerifyResult:
            plan, _ = load_any_plan(storage)
            with show_progress(plan.n_samples) as on_progress:
                result = verify_dataset(
                    storage,
                    run,
                    quick=quick,
                    redraw=redraw,
                    on_progress=on_progress,
                    should_stop=should_stop,
                )
            on_check(result)
            return result

        result = check()
        if result.problems and repair:
            repair_dataset(storage, result.problems)
            if result.is_quick and not quick:  # the plan and the digits are whole now
                result = check()
                repair_dataset(storage, result.problems)
            sampler = open_output(storage)
            with show_progress(sampler.plan.n_samples) as on_progress:
                on_repair(build_dataset(sampler, storage, run, on_progress, False, should_stop))
            result = check()
    return result


def find_status(dataset: str | Path) -> status.Status:
    """Return how far a build is, while it runs or afterwards, as ``digit-sequence status`` does.

    Raises
    ------
    OutputError
        If the directory holds no build, or a manifest that cannot be read.
    """
    return status.find_status(open_storage(str(dataset)))


def describe_status(dataset: str | Path) -> str:
    """Return the same as lines of text."""
    return find_status(dataset).describe()
