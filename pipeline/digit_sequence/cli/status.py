"""The command ``status``."""

from __future__ import annotations

import click

from digit_sequence.cli.terminal import echo


@click.command()
@click.argument("out")
def status(out: str) -> None:
    """Show how far the build in OUT is, while it runs or afterwards."""
    from digit_sequence.building.programs import describe_status

    echo(describe_status(out))
