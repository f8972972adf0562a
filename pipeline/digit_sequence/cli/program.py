"""The command line: ``digit-sequence``, also ``python -m digit_sequence``.

A command is imported when it is used. So the list of commands and the completion of their names
are there at once.
"""

from __future__ import annotations

import ast
import re
import shlex
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, TextIO, cast

import click
from click.shell_completion import CompletionItem

from digit_sequence.base.errors import (
    BuildStopped,
    OutputError,
    PipelineError,
    SourceWarning,
    list_causes,
)
from digit_sequence.base.home import expand_home
from digit_sequence.base.stops import STOPPED
from digit_sequence.base.text import find_near
from digit_sequence.cli.help import Context, help_option, version_option
from digit_sequence.cli.signals import ignore_signals, stop_on_signal
from digit_sequence.cli.terminal import (
    Manner,
    describe_error,
    echo,
    echo_anyway,
    find_manner,
    note,
)


class Commands(Mapping[str, click.Command]):
    """Commands by name: each is the function of that name, in the module of that name, in cli/."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._names:
            raise KeyError(name)
        command: click.Command = getattr(import_module(f"{__package__}.{name}"), name)
        command.context_class = Context
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def summarize(self, name: str, width: int = 1000) -> str:
        """Return the first sentence of a command's help, read off its module without importing."""
        module = ast.parse(Path(__file__).with_name(f"{name}.py").read_text("utf-8"))
        (function,) = (
            node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == name
        )
        return click.Command(name, help=ast.get_docstring(function)).get_short_help_str(width)


COMMANDS = Commands(
    *("new", "build", "verify", "status", "sample", "export", "preview"),
    *("report", "browse", "train", "ablate", "read", "match", "number", "doctor", "completion"),
)


CONFIG_SUFFIXES = (".yaml", ".yml", ".json")
NO_MEMORY = (
    "memory: the system gives this process no more; raise its limit (ulimit -v), or give fewer "
    "--workers or a smaller output.shard_samples. What is built is kept: run the same command again"
)


class Program(click.Group):
    """A group of commands; turns errors that are the user's into one message."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run; exit with 2 after a `PipelineError` or without memory, with 130 after a signal."""
        manner, error = Manner(), None
        try:
            with stop_on_signal(), _showing_notes():
                exit_code = super().main(*args, obj=manner, **kwargs | {"standalone_mode": False})
        except SystemExit as end:  # of a command that has told what is wrong
            exit_code = int(end.code or 0)
        except Exception as caught:
            error, exit_code = caught, _find_exit_code(caught)
        with ignore_signals():
            _end(manner, error, exit_code or 0)

    def invoke(self, ctx: click.Context) -> Any:
        """Import a command and run it; Ctrl-C at any time is a way to stop it."""
        with stop_on_signal(), _telling_pipes():  # of which click would say "Aborted!", or nothing
            return super().invoke(ctx)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command, and note which one runs."""
        is_known = args[0] in self.commands or args[0].startswith("-")
        if not (is_known or ctx.resilient_parsing):
            raise click.UsageError(_explain_command(args, self.commands))
        found = super().resolve_command(ctx, args)
        find_manner(ctx).command = found[0]
        return found


_HOME = re.compile(r"(--?[\w-]+=|-[A-Za-z])?(~(/.*)?)", re.DOTALL)
"""A word of the command line that is a path in the home directory, or an option with one."""


def expand_word(word: str) -> str:
    """Return a word with ``~`` replaced, which shells leave in ``--output=~/x``."""
    match = _HOME.fullmatch(word)
    return (match[1] or "") + expand_home(match[2]) if match else word


def _explain_command(words: Sequence[str], names: Iterable[str]) -> str:
    """Return what to say of a command line whose first word is no command."""
    word, *rest = words
    near = find_near(word, names)
    if word.endswith(CONFIG_SUFFIXES):
        meant = ["build", *words]
    elif near:
        meant = [near, *rest]
    elif word.isdecimal():
        meant = ["number", *words]
    elif word == "help":
        meant = ["--help"]
    else:
        meant = ["report", word] if word and Path(word).is_dir() else []
    line = shlex.join(["digit-sequence", *meant])
    return f"no such command {word!r}; " + (
        f"did you mean: {line}" if meant else f"expected one of {', '.join(names)}"
    )


def _find_exit_code(error: Exception) -> int:
    """Return the exit code after an error."""
    if isinstance(error, BuildStopped | click.Abort):
        return STOPPED
    if isinstance(error, click.ClickException):
        return error.exit_code
    return 2 if isinstance(error, PipelineError) or _is_out_of_memory(error) else 1


def _is_out_of_memory(error: Exception) -> bool:
    return any(isinstance(cause, MemoryError) for cause in list_causes(error))


def _end(manner: Manner, error: Exception | None, exit_code: int) -> NoReturn:
    """Tell how a command has ended, and end; with a traceback after a defect."""
    if isinstance(error, click.Abort):
        error = BuildStopped("stopped")
    elif error and exit_code == 2 and _is_out_of_memory(error):
        error = MemoryError(NO_MEMORY)
    try:
        if manner.is_json:
            manner.end(exit_code, error)
        elif error and exit_code != 1:
            start = "" if exit_code == STOPPED else "error: "
            echo_anyway(f"{start}{describe_error(error)}", err=True)
    except OutputError as unsent:
        echo_anyway(f"error: {unsent}", err=True)
        sys.exit(2)
    if error and exit_code == 1:
        raise error
    sys.exit(exit_code)


@contextmanager
def _telling_pipes() -> Iterator[None]:
    """Tell of a pipe that is closed, which is not stdout."""
    try:
        yield
    except BrokenPipeError as error:
        raise RuntimeError("a pipe of this program was closed") from error


@contextmanager
def _showing_notes() -> Iterator[None]:
    """Have warnings that are meant for users printed in a line."""
    with warnings.catch_warnings():
        warnings.showwarning = _show_note
        warnings.simplefilter("always", SourceWarning)
        yield


def _show_note(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001 - the signature is Python's
    line: str | None = None,
) -> None:
    """Print a warning that is meant for users in a line; others as Python does."""
    is_for_users = issubclass(category, UserWarning) and "digit_sequence" in filename
    if is_for_users:
        note(message)
    else:
        told = warnings.formatwarning(message, category, filename, lineno, line)
        echo(told.rstrip(), err=True)


def _explain_order(refusal: click.NoSuchOption, words: Sequence[str]) -> click.UsageError:
    """Return what to say of an option before the command, which may be one of the command."""
    option = refusal.option_name
    named = next((word for word in words if word in COMMANDS), None)
    for name in [named] if named else COMMANDS:
        if any(option in (*it.opts, *it.secondary_opts) for it in COMMANDS[name].params):
            order = f"digit-sequence {named or 'COMMAND'} {option}"
            return click.UsageError(f"options stand after the command: {order}")
    return refusal


class LazyProgram(Program):
    """The group of `COMMANDS`, which lists them without importing them."""

    context_class = Context

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words after the program's name; `~` is the home directory in all of them.

        Without a word, help is shown.
        """
        args = args or ["--help"]
        if isinstance(ctx.obj, Manner) and not ctx.resilient_parsing:
            ctx.obj.read(args)
        try:
            return super().parse_args(ctx, [expand_word(word) for word in args])
        except click.NoSuchOption as refusal:
            raise _explain_order(refusal, args) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS.summarize(name)) for name in COMMANDS])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command, or an option of the program."""
        names = [name for name in COMMANDS if name.startswith(incomplete)]
        return [
            *(CompletionItem(name, help=COMMANDS.summarize(name, 45)) for name in names),
            *click.Command.shell_complete(self, ctx, incomplete),
        ]


@click.group(
    cls=LazyProgram,
    commands=cast("dict[str, click.Command]", COMMANDS),
)
@version_option
@help_option
def main() -> None:
    """Build labelled image datasets of handwritten numbers from MNIST digits.

    \b
      digit-sequence build configs/default.yaml    a dataset in data/default
      digit-sequence preview configs/default.yaml  a picture of its samples
      digit-sequence number 14543 -b               ten images of a number
    """
