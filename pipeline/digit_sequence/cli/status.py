"""The command ``status``."""

from __future__ import annotations

import click

from digit_sequence.cli.terminal import echo


@click.command()
@click.argument("out")
def status(out: str) -> None:
    """Show how far the build in OUT is, while it runs or afterwards."""
    from digit_sequence.building.status import describe_status
    from digit_sequence.cli.origins import open_storage

    echo(describe_status(open_storage(out)))
