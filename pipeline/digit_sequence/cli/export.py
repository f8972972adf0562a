"""The command ``export``."""

from __future__ import annotations

from typing import Any

import click

from digit_sequence.cli.options import output_options, scheduler_options
from digit_sequence.cli.progress import show_progress
from digit_sequence.cli.signals import drain_on_signal
from digit_sequence.cli.terminal import echo, tell_result


class ExportCommand(click.Command):
    """Lists the formats at the end of its help."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list."""
        from digit_sequence.exports import EXPORTS

        with formatter.section("Formats"):
            formatter.write_dl([(name, kind.readers) for name, kind in EXPORTS.items()])
        super().format_epilog(ctx, formatter)


@click.command(cls=ExportCommand)
@click.argument("dataset", metavar="OUT")
@click.option("--to", "kind", required=True, metavar="FORMAT", help="See the list below.")
@click.option("-o", "--output", required=True, metavar="DIR", help="Folder of the export.")
@click.option(
    "--max-digits",
    type=click.IntRange(1),
    help="The longest number that the reader is set to take.  [default: what it takes unless set]",
)
@scheduler_options
@output_options
def export(
    dataset: str,
    kind: str,
    output: str,
    max_digits: int | None,
    **scheduler: Any,
) -> None:
    """Export the dataset OUT to a format that trainers read.

    An export that was stopped goes on when the same command is given again.
    """
    from digit_sequence.exports import EXPORTS
    from digit_sequence.exports.programs import export as export_dataset
    from digit_sequence.read.dataset import open_dataset

    opened = open_dataset(dataset)
    with drain_on_signal() as should_stop:
        exported = export_dataset(
            opened,
            kind,
            output,
            max_digits=max_digits,
            show_progress=show_progress,
            should_stop=should_stop,
            **scheduler,
        )
    n_samples = sum(map(len, opened.values()))
    echo(f"{output}: {n_samples:,} samples, {exported:,} of them exported now")
    if EXPORTS[kind].note:
        echo(EXPORTS[kind].note)
    tell_result(output=output, format=kind, samples=n_samples, exported=exported)
