"""The command ``status``."""

from __future__ import annotations

from dataclasses import asdict

import click

from digit_sequence.cli.options import output_options
from digit_sequence.cli.tables import echo_table
from digit_sequence.cli.terminal import echo, tell_result


@click.command()
@click.argument("out")
@output_options
def status(out: str) -> None:
    """Show how far the build in OUT is, while it runs or afterwards."""
    from digit_sequence.building.programs import find_status

    found = find_status(out)
    echo_table(found.list_rows())
    for line in found.list_lines():
        echo(line)
    tell_result(output=out, **asdict(found))
