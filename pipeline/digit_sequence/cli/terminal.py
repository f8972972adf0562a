"""What commands show on a terminal or tell programs, and the pictures that they write.

With ``--json`` stdout has one JSON object a line and nothing else, by its ``event``:

========  ==========================================================================================
progress  done, total, unit; per_second, of late; seconds, seconds_left (null: unknown); workers
          (null: none), retries, failures
note      message
end       command, outcome (ok, failed or stopped), exit_code, kind and message of an error (null:
          none), result (null: none); always the last line, whatever ends the command
========  ==========================================================================================

README.md in this folder, which is for users, lists the results and what else some commands tell.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TextIO

import click

from digit_sequence.base.errors import OutputError
from digit_sequence.base.stops import STOPPED
from digit_sequence.base.tables import fold_text
from digit_sequence.base.text import escape


@dataclass
class Manner:
    """How a command tells what it does; see the top."""

    is_quiet: bool = False
    is_json: bool = False
    command: str | None = None
    result: Mapping[str, Any] | None = None
    """What has come of it."""
    _stream: TextIO | None = None

    def read(self, words: Sequence[str]) -> None:
        """Take ``--quiet`` and ``--json`` from a command line, whose rest may be wrong."""
        words = words[: words.index("--")] if "--" in words else words
        self.is_quiet = "--quiet" in words
        if "--json" in words and not self.is_json:
            self.is_json = True
            self._stream = _keep_stdout()

    def send(self, event: str, **fields: Any) -> None:
        """Print an object as a line of JSON."""
        _write(json.dumps({"event": event} | fields, default=str), self._stream or sys.stdout)

    def end(self, exit_code: int, error: BaseException | None = None) -> None:
        """Tell programs how it has ended."""
        if not self.is_json:
            return
        self.send(
            "end",
            command=self.command,
            outcome={0: "ok", STOPPED: "stopped"}.get(exit_code, "failed"),
            exit_code=exit_code,
            kind=error and type(error).__name__,
            message=error and escape(describe_error(error)).strip(),
            result=self.result,
        )


def _keep_stdout() -> TextIO:
    """Return stdout for JSON alone: what else is printed, by workers too, goes to stderr."""
    try:
        kept = os.dup(sys.stdout.fileno())
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    except (OSError, ValueError):  # not of this process: it is tested
        return sys.stdout
    return open(kept, "w", encoding="utf-8")  # noqa: PTH123 - open to the end


def find_manner(context: click.Context | None = None) -> Manner:
    """Return how the command that is running, or that of a context, tells what it does."""
    context = context or click.get_current_context(silent=True)
    found = context.find_root().obj if context else None
    return found if isinstance(found, Manner) else Manner()


def tell(event: str, **fields: Any) -> None:
    """Tell programs of a part of what comes of a command."""
    manner = find_manner()
    if manner.is_json:
        manner.send(event, **fields)


def tell_result(**fields: Any) -> None:
    """Note for programs what has come of a command: a part of the last object."""
    find_manner().result = fields


def echo(text: object, err: bool = False) -> None:
    """Print a line, or some, folded between words to the terminal.

    Much of it was written by others, so nothing in it can steer the terminal; what the terminal has
    no letters for is shown by its code. Programs, which want JSON, get what is for stderr as notes.
    """
    manner = find_manner()
    if manner.is_json:
        if err and not manner.is_quiet:
            manner.send("note", message=escape(text).strip())
    elif not (err and manner.is_quiet):
        echo_anyway(text, err)


def echo_lines(text: object) -> None:
    """Print lines as they are, on stdout: of a table, or to be copied whole into a shell."""
    if not find_manner().is_json:
        _print(escape(text), sys.stdout)


def echo_whole(text: str) -> None:
    """Print lines as they are, however the command tells what it does: help and the version."""
    _print(text, sys.stdout)


def echo_anyway(text: object, err: bool = False) -> None:
    """Print it however the command tells what it does."""
    stream = sys.stderr if err else sys.stdout
    _print(fold_text(escape(text), find_width(stream)), stream)


def note(text: object) -> None:
    """Tell something that may matter to the user, on stderr."""
    echo(text if find_manner().is_json else f"note: {text}", err=True)


def find_width(stream: TextIO | None = None) -> int | None:
    """Return how many columns lines have: COLUMNS, else those of the terminal that a stream is.

    The stream is stdout by default. None, if neither says: lines are not folded.
    """
    wished = os.environ.get("COLUMNS", "")
    if wished.isdecimal() and int(wished):
        return int(wished)
    try:
        return os.get_terminal_size((stream or sys.stdout).fileno()).columns or None
    except (OSError, ValueError):  # a pipe, a file
        return None


def _print(text: str, stream: TextIO) -> None:
    encoding = stream.encoding or getattr(sys.__stderr__, "encoding", None) or "utf-8"
    line = text.encode(encoding, "backslashreplace").decode(encoding)
    _write(line, stream)  # click would go past what keeps a live line below it


def _write(line: str, stream: TextIO) -> None:
    try:
        stream.write(f"{line}\n")
        stream.flush()
    except OSError as error:
        is_enough = isinstance(error, BrokenPipeError)  # as of `| head -1`; the command goes on
        if stream is sys.stderr and not is_enough:
            return  # of a terminal that was closed; what is done goes on
        with suppress(OSError):  # what its buffer holds goes nowhere, not at the end either
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if not is_enough:
            raise OutputError(f"stdout: cannot be written to: {error.strerror or error}") from error


def describe_error(error: BaseException) -> str:
    """Return the message of an error; click's, of a command line, in the style of the others."""
    if not isinstance(error, click.ClickException):
        return str(error)
    told, context = error.format_message(), getattr(error, "ctx", None)
    if isinstance(error, click.NoSuchOption):
        near = " or ".join(error.possibilities or ())
        told = f"no such option {error.option_name!r}" + (f"; did you mean {near}?" if near else "")
    told = re.sub(r"(?<=[\w'])\.$", "", re.sub(r"\s*\n\s*", " ", told))
    advice = f" (see {context.command_path} --help)" if context else ""
    return f"{told[:1].lower()}{told[1:]}{advice}"


def has_screen() -> bool:
    """Return whether pictures can be opened for the user."""
    return sys.stdout.isatty() and bool(os.environ.get("DISPLAY") or sys.platform == "darwin")
