"""The program on a terminal: what a person types, and what is shown."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from builds import Forks, start_python

SECONDS = 120
"""That anything may take."""


class Session:
    """A program whose input and output are a terminal."""

    def __init__(self, terminal: int, process: Any, end: int | None = None) -> None:
        self.process = process
        self.shown = ""
        """All that came, control sequences too."""
        self._terminal = terminal
        self._end = end  # held until the process has it, which writes then
        self._n_read = 0

    def type(self, text: str) -> None:
        """Type a text; a line ends with a new line.

        Ctrl-C that comes after a prompt is shown, and before it is read, waits for the next key.
        """
        if text == "\x03":
            time.sleep(0.3)
        os.write(self._terminal, text.encode())

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until a text comes, after what was waited for before."""
        end = time.monotonic() + SECONDS
        while not (match := re.compile(pattern).search(self.shown, self._n_read)):
            assert time.monotonic() < end, self.shown
            assert self._read(), self.shown
        self._n_read = match.end()
        return match

    def end(self) -> int:
        """Read what is left; return the exit code."""
        while self._read():
            pass
        return int(self.process.wait(SECONDS))

    def close(self) -> None:
        """Kill the process, and close what is open."""
        self.process.kill()
        self.process.wait()
        self._let_go()
        os.close(self._terminal)

    def _let_go(self) -> None:
        if self._end is not None:
            os.close(self._end)
            self._end = None

    def _read(self) -> bool:
        is_there, _, _ = select.select([self._terminal], [], [], SECONDS)
        assert is_there, f"nothing came for {SECONDS} s after:\n{self.shown}"
        try:
            chunk = os.read(self._terminal, 4096)
        except OSError:  # the other end is closed
            return False
        self._let_go()
        self.shown += chunk.decode(errors="replace")
        return bool(chunk)


def _open_terminal(columns: int) -> tuple[int, int]:
    """Open a terminal; return our end and that of a program."""
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    return terminal, end


_ENVIRONMENT = {"TERM": "xterm-256color", "DISPLAY": "", "COLUMNS": ""}


@contextmanager
def open_python(*arguments: object, **pipes: Any) -> Iterator[Session]:
    """Start Python on a terminal of its own; `pipes` are streams that go elsewhere."""
    terminal, end = _open_terminal(80)

    def take_terminal() -> None:
        fcntl.ioctl(end, termios.TIOCSCTTY, 0)  # whose Ctrl-C it gets
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # tests may run where it is ignored

    process = start_python(
        *arguments,
        env=_ENVIRONMENT,
        start_new_session=True,
        preexec_fn=take_terminal,
        **{"stdin": end, "stdout": end, "stderr": end} | pipes,
    )
    os.close(end)
    with closing(Session(terminal, process)) as session:
        yield session


@contextmanager
def open_session(
    forks: Forks, *arguments: object, columns: int = 80, env: dict[str, str] | None = None
) -> Iterator[Session]:
    """Start the program on a terminal of its own, in this folder, with our cache of digits."""
    terminal, end = _open_terminal(columns)
    name = "DIGIT_SEQUENCE_CACHE"
    process = forks.start(
        *arguments,
        folder=Path.cwd(),
        terminal=os.ttyname(end),
        env={**_ENVIRONMENT, name: os.environ[name], **(env or {})},
    )
    with closing(Session(terminal, process, end)) as session:
        yield session
