"""The command ``verify``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from digit_sequence.base.text import count_things, escape_line
from digit_sequence.cli.options import memory_option, scheduler_options
from digit_sequence.cli.progress import show_progress
from digit_sequence.cli.signals import drain_on_signal
from digit_sequence.cli.terminal import (
    describe_result,
    echo,
    list_result,
    output_options,
    tell_summary,
)

if TYPE_CHECKING:
    from digit_sequence.building.verify import VerifyResult


@click.command()
@click.argument("out")
@scheduler_options
@memory_option
@click.option("--quick", is_flag=True, help="Footers, sizes and names only; no image is read.")
@click.option(
    "--sample",
    "redraw",
    default=0,
    type=click.IntRange(0),
    metavar="N",
    help="Draw N random samples again and compare.",
)
@click.option("--repair", is_flag=True, help="Build again what is broken, and just that.")
@output_options
def verify(out: str, quick: bool, redraw: int, repair: bool, **scheduler: Any) -> None:
    """Check that the dataset in OUT is complete and sound.

    Every shard's bytes, container, images and label rows are compared with each other and with the
    plan. Exit code 1 if something is wrong and was not repaired.
    """
    from digit_sequence.building.dataset import build_dataset
    from digit_sequence.building.repair import repair_dataset
    from digit_sequence.building.sampler import open_output
    from digit_sequence.building.verify import load_any_plan, verify_dataset
    from digit_sequence.cli.origins import open_storage
    from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler
    from digit_sequence.store.plan_file import check_versions

    storage = open_storage(out)
    if repair:
        check_versions(storage, load_any_plan(storage)[0], "to repair it")
    options = SchedulerOptions(**scheduler)
    if quick and not repair:  # what the driver does by itself
        options = SchedulerOptions("synchronous")
    with drain_on_signal() as should_stop, open_scheduler(options) as run:

        def check() -> VerifyResult:
            plan, _ = load_any_plan(storage)
            with show_progress(plan.n_samples, run) as on_progress:
                return verify_dataset(
                    storage,
                    run,
                    quick=quick,
                    redraw=redraw,
                    on_progress=on_progress,
                    should_stop=should_stop,
                )

        result = check()
        echo(_describe_verification(result, quick))
        if result.problems and repair:
            repair_dataset(storage, result.problems)
            if result.is_quick and not quick:  # the plan and the digits are whole now
                result = check()
                echo(_describe_verification(result, quick))
                repair_dataset(storage, result.problems)
            sampler = open_output(storage)
            with show_progress(sampler.plan.n_samples, run) as on_progress:
                built = build_dataset(sampler, storage, run, on_progress, False, should_stop)
            echo(describe_result(built, sampler.plan, out))
            tell_summary(**_list_verification(result), repaired=list_result(built, out))
            return
        tell_summary(**_list_verification(result))
        if result.problems:
            sys.exit(1)


def _list_verification(result: VerifyResult) -> dict[str, Any]:
    return {
        "sound": not result.problems,
        "problems": [{"path": it.path, "reason": it.reason} for it in result.problems],
        "shards": result.n_shards,
        "samples": result.n_samples,
        "redrawn": result.redrawn,
    }


def _describe_verification(result: VerifyResult, quick: bool) -> str:
    looked_at = ", ".join(
        (count_things(result.n_shards, "shard"), count_things(result.n_samples, "sample"))
    )
    if result.redrawn:
        looked_at += f", {result.redrawn:,} of them drawn again"
    if not result.problems:
        return f"sound: {looked_at}"
    told = [(escape_line(each.path), escape_line(each.reason)) for each in result.problems]
    width = max(len(path) for path, _ in told)
    lines = [f"  {path:{width}}  {reason}" for path, reason in told]
    if result.is_quick and not quick:
        looked_at += ", of which no image was looked at before this is repaired"
    return "\n".join([f"{count_things(len(lines), 'problem')} in {looked_at}:", *lines])
