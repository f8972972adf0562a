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
@click.option("--repair", is_flag=True, help="Build again what is broken, and just that.")
@output_options
def verify(out: str, quick: bool, redraw: int, repair: bool, **scheduler: Any) -> None:
    """Check that the dataset in OUT is complete and sound.

    Sound: every byte is as planned. Every shard's bytes, container, images and label rows are
    compared with each other and with the plan; --quick, which reads no image, takes seconds. Exit
    code 1 if something is wrong and was not repaired.
    """
    from digit_sequence.building.programs import verify as verify_dataset

    repaired: dict[str, Any] = {}

    def tell_repair(built: BuildResult) -> None:
        echo_result(built, out)
        repaired.update(repaired=list_result(built, out))

    with drain_on_signal() as should_stop:
        result = verify_dataset(
            out,
            quick=quick,
            redraw=redraw,
            repair=repair,
            on_check=lambda result: _echo_verification(result, quick),
            on_repair=tell_repair,
            show_progress=show_progress,
            should_stop=should_stop,
            **scheduler,
        )
    tell_result(**_list_verification(result), **repaired)
    if result.problems and not repair:
        sys.exit(1)


def _list_verification(result: VerifyResult) -> dict[str, Any]:
    return {
        "sound": not result.problems,
        "problems": [{"path": it.path, "reason": it.reason} for it in result.problems],
        "shards": result.n_shards,
        "samples": result.n_samples,
        "redrawn": result.redrawn,
    }


def _echo_verification(result: VerifyResult, quick: bool) -> None:
    looked_at = ", ".join(
        (count_things(result.n_shards, "shard"), count_things(result.n_samples, "sample"))
    )
    if result.redrawn:
        looked_at += f", {result.redrawn:,} of them drawn again"
    if not result.problems:
        echo(f"sound: {looked_at}")
        return
    if result.is_quick and not quick:
        looked_at += ", of which no image was looked at before this is repaired"
    echo(f"{count_things(len(result.problems), 'problem')} in {looked_at}:")
    echo_table([(f"  {each.path}", each.reason) for each in result.problems])
