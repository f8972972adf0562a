"""The command ``completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from digit_sequence.cli.options import output_options
from digit_sequence.cli.terminal import echo_lines, tell_result


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@output_options
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a SHELL.

    \b
      eval "$(digit-sequence completion bash)"
    """
    kind = get_completion_class(shell)
    assert kind is not None
    program = ctx.find_root().command
    script = kind(program, {}, "digit-sequence", "_DIGIT_SEQUENCE_COMPLETE").source()
    echo_lines(script)
    tell_result(shell=shell, script=script)
