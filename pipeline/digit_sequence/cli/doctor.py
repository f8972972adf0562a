"""The command ``doctor``."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

import click
from click.core import ParameterSource

from digit_sequence.cli.options import output_options, scheduler_options
from digit_sequence.cli.tables import echo_fact
from digit_sequence.cli.terminal import echo, find_manner, tell_result

SECONDS = 20.0
"""That a scheduler has to answer, and to have a worker."""
WIDTHS = (4, 11)
"""Columns of the state and the subject of a finding."""


@click.command()
@scheduler_options
@output_options
@click.pass_context
def doctor(ctx: click.Context, /, **scheduler: Any) -> None:
    """Check this machine, and say what to do about what it lacks.

    Versions, folders, optional parts, and the scheduler. Of a scheduler that is given, whether
    it answers, and whether its workers have this program. Exit code 1 if something keeps a
    build from running.
    """
    waiting = "worker_timeout_seconds"
    if ctx.get_parameter_source(waiting) is ParameterSource.DEFAULT:
        scheduler[waiting] = SECONDS
    from digit_sequence.run.machine import check_machine

    is_quiet = find_manner().is_quiet
    findings = []
    for finding in check_machine(**scheduler):
        findings.append(finding)
        if finding.state == "bad" or not is_quiet:
            echo_fact((finding.state, finding.subject), finding.text, WIDTHS)
    n_bad = sum(it.state == "bad" for it in findings)
    if n_bad:
        echo(f"{n_bad} to mend before a build can run", err=True)
    elif not is_quiet:
        echo("all that a build needs is there")
    tell_result(sound=not n_bad, findings=[asdict(it) for it in findings])
    if n_bad:
        sys.exit(1)
