"""The command ``build``."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from digit_sequence.base.characters import CHARACTERS, DIGITS, show_characters
from digit_sequence.base.current_folder import leave_lost_folder, make_absolute
from digit_sequence.base.errors import ConfigError, how_to_install
from digit_sequence.cli.options import config_options, memory_option, scheduler_options
from digit_sequence.cli.progress import show_progress
from digit_sequence.cli.signals import drain_on_signal
from digit_sequence.cli.terminal import (
    describe_bytes,
    describe_result,
    echo,
    list_result,
    output_options,
    tell_summary,
    write_file,
)

if TYPE_CHECKING:
    from digit_sequence.building.sampler import Sampler
    from digit_sequence.plan.plan import Plan, SplitPlan
    from digit_sequence.run.schedulers import Run


@click.command()
@config_options
@scheduler_options
@memory_option
@click.option("-o", "--output", metavar="OUT", help="Output directory; overrides output.uri.")
@click.option(
    "--engine",
    type=click.Choice(["skimage", "numba"]),
    help="What draws: the same bytes at another speed.  [default: numba if installed]",
)
@click.option("--dry-run", is_flag=True, help="Print the plan and stop; nothing is written.")
@click.option(
    "--overwrite", is_flag=True, help="Delete the dataset of another config that OUT holds."
)
@click.option(
    "--performance-report", metavar="FILE", help="Write Dask's report of the run, an HTML page."
)
@output_options
def build(
    config: Path,
    overrides: tuple[str, ...],
    output: str | None,
    engine: str | None,
    dry_run: bool,
    overwrite: bool,
    performance_report: str | None,
    **scheduler: Any,
) -> None:
    """Build the dataset that CONFIG describes.

    Shards that OUT holds already are kept, so a build that was stopped, by Ctrl-C or otherwise,
    goes on when the same command is given again. OUT may be a URI such as s3://bucket/folder.
    """
    from digit_sequence.run.schedulers import (
        SchedulerOptions,
        call_in_fork,
        open_scheduler,
        start_fork_server,
    )

    options = SchedulerOptions(**scheduler, is_profiled=performance_report is not None)
    report = make_absolute(performance_report) if performance_report is not None else None
    if options.name == "processes" and not dry_run:
        start_fork_server(["digit_sequence.building.preload"])
    # Workers' process imports the same meanwhile, which saves a second.
    from digit_sequence.building.compiling import compile_apart, list_modules
    from digit_sequence.building.dataset import build_dataset
    from digit_sequence.building.estimates import estimate_bytes
    from digit_sequence.building.programs import choose_output
    from digit_sequence.building.sampler import open_sampler
    from digit_sequence.config.loading import load_config
    from digit_sequence.store.storage import Storage

    settings = load_config(config, overrides)
    modules = list_modules(settings) if engine != "skimage" else []
    wait_for_loops = call_in_fork(compile_apart, modules)
    uri = output or choose_output(settings, config)
    storage = Storage(uri)
    leave_lost_folder()
    sampler = open_sampler(settings, engine, is_tried=False)
    sampler.plan.check_ends()
    for key, signs in sampler.plan.unlabelled.items():
        echo(
            f"note: {key} draws {show_characters(signs)} beside digits, which no label has, while "
            f"labels have such signs of numbers; --set {key}=null switches it off",
            err=True,
        )
    if dry_run:
        n_bytes = estimate_bytes(sampler)
        echo(_describe_plan(sampler, n_bytes, uri))
        samples = {name: split.n_samples for name, split in sampler.plan.splits.items()}
        tell_summary(
            output=uri, samples=samples, bytes=n_bytes, fingerprint=sampler.plan.fingerprint
        )
        return
    storage.check()
    with drain_on_signal() as should_stop, open_scheduler(options) as run:
        if run.client is not None:
            dashboard = f", dashboard {run.dashboard}" if run.dashboard else ""
            echo(f"{run.kind}, {run.threads} at a time{dashboard}", err=True)
        with (
            show_progress(sampler.plan.n_samples) as on_progress,
            _report_performance(run, report),
        ):
            wait_for_loops()
            result = build_dataset(sampler, storage, run, on_progress, overwrite, should_stop)
    echo(describe_result(result, uri))
    tell_summary(**list_result(result, uri))


def _report_performance(run: Run, path: Path | None) -> AbstractContextManager[Any]:
    if path is None:
        return nullcontext()
    if run.client is None or not find_spec("bokeh"):
        raise ConfigError(
            "--performance-report: expected a cluster or the scheduler processes, and bokeh "
            f"installed: {how_to_install('dashboard')}"
        )
    from digit_sequence.run.schedulers import report_performance

    write_file(path, b"")  # rather now than when the build is done
    return report_performance(run, str(path))


def _describe_plan(sampler: Sampler, n_bytes: int, uri: str) -> str:
    plan = sampler.plan
    lines = [f"{'split':8}{'samples':>16}{'shards':>10}{'glyphs':>10}  characters"]
    for name, split in plan.splits.items():
        glyphs = len(sampler.pools[name].ids)
        lines.append(
            f"{name:8}{split.n_samples:16,}{split.n_shards:10,}{glyphs:10,}  "
            f"up to {split.numbers.max_digits}"
        )
    if plan.alphabet != DIGITS:
        signs = plan.alphabet[len(DIGITS) :]
        added = sampler.glyphs.digits[len(sampler.bank.digits) :]
        drawn = "".join(it for it in signs if CHARACTERS.index(it) in added)
        how = f"; a pen draws {show_characters(drawn)}" if drawn else ""
        lines.append(f"{'signs':8}{show_characters(signs)}{how}")
    lines += [_describe_excluded(plan, split) for split in plan.splits.values() if split.excluded]
    lines += [
        f"{'total':8}{plan.n_samples:16,}{plan.n_shards:10,}",
        f"about {describe_bytes(n_bytes)} of {plan.config.output.container} shards in {uri}",
        f"fingerprint {plan.fingerprint}; nothing was written",
    ]
    return "\n".join(lines)


def _describe_excluded(plan: Plan, split: SplitPlan) -> str:
    exclude = plan.config.splits[split.name].exclude
    assert exclude is not None
    kinds = [*exclude.splits, *(["the list"] if exclude.values else [])]
    left = (
        "others are drawn" if split.numbers.count is None else f"{split.numbers.count:,} are left"
    )
    return (
        f"{split.name} shows none of the {len(split.excluded):,} numbers of {' and '.join(kinds)}: "
        f"{left}"
    )
