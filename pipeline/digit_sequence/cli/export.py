"""The command ``export``."""

from __future__ import annotations

from typing import Any

import click

from digit_sequence.base.current_folder import make_absolute
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.files import is_remote
from digit_sequence.cli.options import scheduler_options
from digit_sequence.cli.progress import show_progress
from digit_sequence.cli.signals import drain_on_signal
from digit_sequence.cli.terminal import echo, output_options, tell_summary


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
    from digit_sequence.exports.run import Export, check_fit, export_dataset
    from digit_sequence.read.dataset import open_dataset
    from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler

    if is_remote(output):
        raise ConfigError(f"--output: expected a folder that is mounted here, got {output}")
    request = Export(open_dataset(dataset), kind, make_absolute(output), max_digits)
    check_fit(request)
    n_samples = sum(map(len, request.dataset.values()))
    with (
        drain_on_signal() as should_stop,
        open_scheduler(SchedulerOptions(**scheduler)) as run,
        show_progress(n_samples, run) as on_progress,
    ):
        exported = export_dataset(request, run, on_progress, should_stop)
    echo(f"{output}: {n_samples:,} samples, {exported:,} of them exported now")
    if EXPORTS[kind].note:
        echo(EXPORTS[kind].note)
    tell_summary(output=output, format=kind, samples=n_samples, exported=exported)
