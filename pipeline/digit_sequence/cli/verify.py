"""The command ``verify``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from digit_sequence.base.text import count_things
from digit_sequence.cli.options import memory_option, output_options, scheduler_options
from digit_sequence.cli.progress import show_progress
from digit_sequence.cli.result import echo_result, list_result
from digit_sequence.cli.signals import drain_on_signal
from digit_sequence.cli.tables import echo_table
from digit_sequence.cli.terminal import echo, tell_result

if TYPE_CHECKING:
    from digit_sequence.building.dataset import BuildResult
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
@click.option(
    "--repair",
    is_flag=True,
    help="Build again what is broken, and just that; then check.",
)
@output_options
def verify(out: str, quick: bool, redraw: int, repair: bool, **scheduler: Any) -> None:
    """Check that the dataset in OUT is complete and sound.

    Sound: every byte is as planned. Every shard's bytes, container, images and label rows are
    compared with each other and with the plan. 30,000 images take some 70 seconds on two busy
    cores, and 2 with --quick, which reads no image. Exit code 1 if something is wrong and was not
    repaired.
    """
    from digit_sequence.building.programs import verify as verify_dataset

    problems: dict[tuple[str, str], None] = {}
    repaired: dict[str, Any] = {}
    done = ""

    def tell_check(result: VerifyResult) -> None:
        problems.update(dict.fromkeys((it.path, it.reason) for it in result.problems))
        _echo_verification(result, quick, done)

    def tell_repair(built: BuildResult) -> None:
        nonlocal done
        echo_result(built, out)
        repaired.update(repaired=list_result(built, out))
        n_shards = built.built_shards
        what = f" {count_things(n_shards, 'shard')}" if n_shards else ""
        done = f"repaired{what}; the dataset is sound now"

    with drain_on_signal() as should_stop:
        result = verify_dataset(
            out,
            quick=quick,
            redraw=redraw,
            repair=repair,
            on_check=tell_check,
            on_repair=tell_repair,
            show_progress=show_progress,
            should_stop=should_stop,
            **scheduler,
        )
    tell_result(
        sound=not result.problems,
        problems=[{"path": path, "reason": reason} for path, reason in problems],
        shards=result.n_shards,
        samples=result.n_samples,
        redrawn=result.redrawn,
        **repaired,
    )
    if result.problems:
        sys.exit(1)


def _echo_verification(result: VerifyResult, quick: bool, repaired: str) -> None:
    looked_at = ", ".join(
        (count_things(result.n_shards, "shard"), count_things(result.n_samples, "sample"))
    )
    if result.redrawn:
        looked_at += f", {result.redrawn:,} of them drawn again"
    if not result.problems:
        echo(f"{repaired or 'sound'}: {looked_at}")
        return
    if result.is_quick and not quick:
        looked_at += ", of which no image was looked at before this is repaired"
    echo(f"{count_things(len(result.problems), 'problem')} in {looked_at}:")
    echo_table([(f"  {each.path}", each.reason) for each in result.problems])
