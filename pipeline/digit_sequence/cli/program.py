"""The command line: ``digit-sequence``, also ``python -m digit_sequence``.

A command is imported when it is used. So the list of commands and the completion of their names
are there at once.
"""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import click
from click.shell_completion import CompletionItem

from digit_sequence import __version__
from digit_sequence.base.errors import BuildStopped, PipelineError, SourceWarning
from digit_sequence.base.home import expand_home
from digit_sequence.cli.signals import stop_on_interrupt


class Commands(Mapping[str, click.Command]):
    """Commands by name: each is the function of that name, in the module of that name, in cli/."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._names:
            raise KeyError(name)
        command: click.Command = getattr(import_module(f"{__package__}.{name}"), name)
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def summarize(self, name: str, width: int = 45) -> str:
        """Return the first sentence of a command's help, read off its module without importing."""
        module = ast.parse(Path(__file__).with_name(f"{name}.py").read_text("utf-8"))
        (function,) = (
            node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == name
        )
        return click.Command(name, help=ast.get_docstring(function)).get_short_help_str(width)


COMMANDS = Commands(
    "build", "verify", "status", "sample", "export", "train", "preview", "number", "completion"
)


class Program(click.Group):
    """A group of commands; turns errors that are the user's into one message."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run, and exit with 2 after a `PipelineError`, with 130 after Ctrl-C."""
        try:
            return super().main(*args, **kwargs)
        except BuildStopped as stop:
            click.echo(stop, err=True)
            sys.exit(130)
        except PipelineError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(2)

    def invoke(self, ctx: click.Context) -> Any:
        """Import a command and run it; Ctrl-C at any time is a way to stop it."""
        with stop_on_interrupt(), _telling_warnings():
            return super().invoke(ctx)


@contextmanager
def _telling_warnings() -> Iterator[None]:
    """Print warnings about digits as one line each, not as Python does, with a line of code."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def tell(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if issubclass(category, SourceWarning):
                click.echo(f"warning: {message}", err=True)
            else:
                show(message, category, *place, **more)

        warnings.simplefilter("always", SourceWarning)
        warnings.showwarning = tell
        yield


_HOME = re.compile(r"(--?[\w-]+=|-[A-Za-z])?(~(/.*)?)", re.DOTALL)
"""A word of the command line that is a path in the home directory, or an option with one."""


def expand_word(word: str) -> str:
    """Return a word with ``~`` replaced, which shells leave in ``--output=~/x``."""
    match = _HOME.fullmatch(word)
    return (match[1] or "") + expand_home(match[2]) if match else word


class LazyProgram(Program):
    """The group of `COMMANDS`, which lists them without importing them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words after the program's name; `~` is the home directory in all of them."""
        return super().parse_args(ctx, [expand_word(word) for word in args])

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands."""
        width = formatter.width - 6 - max(map(len, COMMANDS))
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS.summarize(name, width)) for name in COMMANDS])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command, or an option of the program."""
        names = [name for name in COMMANDS if name.startswith(incomplete)]
        return [
            *(CompletionItem(name, help=COMMANDS.summarize(name)) for name in names),
            *click.Command.shell_complete(self, ctx, incomplete),
        ]


@click.group(
    cls=LazyProgram,
    commands=cast("dict[str, click.Command]", COMMANDS),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="digit-sequence")
def main() -> None:
    """Build labelled image datasets of handwritten numbers from MNIST digits.

    \b
      digit-sequence build configs/default.yaml      a dataset in data/default
      digit-sequence preview configs/default.yaml    a picture of what it will hold
      digit-sequence number 14543 -b -c -a           images of one number
    """
