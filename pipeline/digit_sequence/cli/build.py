"""The command ``build``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from digit_sequence.base.characters import CHARACTERS, DIGITS, show_characters
from digit_sequence.base.current_folder import make_absolute
from digit_sequence.base.text import count_things, describe_bytes
from digit_sequence.cli.options import (
    check_made,
    check_suffix,
    config_options,
    memory_option,
    output_options,
    scheduler_options,
)
from digit_sequence.cli.progress import show_progress
from digit_sequence.cli.result import echo_result, list_result
from digit_sequence.cli.signals import drain_on_signal
from digit_sequence.cli.tables import echo_table
from digit_sequence.cli.terminal import echo, note, tell_result

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
    from digit_sequence.run.schedulers import SchedulerOptions, start_fork_server

    report = None
    if performance_report is not None:
        report = make_absolute(performance_report)
        check_suffix(Path(performance_report), "html", "--performance-report")
        check_made(report, "html", "--performance-report")
    if SchedulerOptions(**scheduler).name == "processes" and not dry_run:
        start_fork_server(["digit_sequence.building.preload"])
    # Workers' process imports the same meanwhile, which saves a second.
    from digit_sequence.building.programs import plan_build

    planned = plan_build(config, output, overrides=overrides, engine=engine)
    plan = planned.sampler.plan
    for key, signs in plan.unlabelled.items():
        note(
            f"{key} draws {show_characters(signs)} beside digits, which no label has, while "
            f"labels have such signs of numbers; --set {key}=null switches it off"
        )
    if dry_run:
        n_bytes = planned.estimate_bytes()
        echo_table([*_list_plan(plan, planned.sampler)])
        echo("\n".join(_describe_plan(planned.sampler, n_bytes, planned.uri)))
        samples = {name: split.n_samples for name, split in plan.splits.items()}
        tell_result(
            output=planned.uri, samples=samples, bytes=n_bytes, fingerprint=plan.fingerprint
        )
        return
    with drain_on_signal() as should_stop:
        result = planned.run(
            overwrite=overwrite,
            performance_report=report,
            on_open=_tell_scheduler,
            show_progress=show_progress,
            should_stop=should_stop,
            **scheduler,
        )
    echo_result(result, planned.uri)
    tell_result(**list_result(result, planned.uri))


def _tell_scheduler(run: Run) -> None:
    if run.client is not None:
        dashboard = f", dashboard {run.dashboard}" if run.dashboard else ""
        echo(f"{run.kind}, {run.threads} at a time{dashboard}", err=True)


def _list_plan(plan: Plan, sampler: Sampler) -> Iterator[tuple[str, ...]]:
    """Yield the rows of a table: what each split has, and all together."""
    yield ("split", "samples", "shards", "glyphs", "")
    for name, split in plan.splits.items():
        counts = (split.n_samples, split.n_shards, len(sampler.pools[name].ids))
        yield (
            name,
            *(f"{count:,}" for count in counts),
            f"up to {count_things(split.numbers.max_digits, 'character')}",
        )
    yield ("total", f"{plan.n_samples:,}", f"{plan.n_shards:,}", "", "")


def _describe_plan(sampler: Sampler, n_bytes: int, uri: str) -> list[str]:
    """Return what else there is to say of a plan."""
    plan = sampler.plan
    lines = []
    if plan.alphabet != DIGITS:
        signs = plan.alphabet[len(DIGITS) :]
        added = sampler.glyphs.digits[len(sampler.bank.digits) :]
        drawn = "".join(it for it in signs if CHARACTERS.index(it) in added)
        how = f"; a pen draws {show_characters(drawn)}" if drawn else ""
        lines.append(f"signs: {show_characters(signs)}{how}")
    lines += [_describe_excluded(plan, split) for split in plan.splits.values() if split.excluded]
    return [
        *lines,
        "glyphs: handwritten digits to draw from, none of them in two splits",
        f"about {describe_bytes(n_bytes)} of {plan.config.output.container} shards in {uri}",
        f"fingerprint {plan.fingerprint}; nothing was written",
    ]


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
