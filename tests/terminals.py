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
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from builds import start_python

SECONDS = 120
"""That anything may take."""


class Session:
    """A program whose input and output are a terminal."""

    def __init__(self, terminal: int, process: Any) -> None:
        self.process = process
        self.shown = ""
        """All that came, control sequences too."""
        self._terminal = terminal
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
        return int(self.process.wait(timeout=SECONDS))

    def _read(self) -> bool:
        is_there, _, _ = select.select([self._terminal], [], [], SECONDS)
        assert is_there, f"nothing came for {SECONDS} s after:\n{self.shown}"
        try:
            chunk = os.read(self._terminal, 4096)
        except OSError:  # the other end is closed
            return False
        self.shown += chunk.decode(errors="replace")
        return bool(chunk)


@contextmanager
def open_python(
    *arguments: object, columns: int = 80, env: dict[str, str] | None = None, **pipes: Any
) -> Iterator[Session]:
    """Start Python on a terminal of its own; `pipes` are streams that go elsewhere."""
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))

    def take_terminal() -> None:
        fcntl.ioctl(end, termios.TIOCSCTTY, 0)  # whose Ctrl-C it gets
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # tests may run where it is ignored

    process = start_python(
        *arguments,
        env={"TERM": "xterm-256color", "DISPLAY": "", "COLUMNS": ""} | (env or {}),
        start_new_session=True,
        preexec_fn=take_terminal,
        **{"stdin": end, "stdout": end, "stderr": end} | pipes,
    )
    os.close(end)
    try:
        yield Session(terminal, process)
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def open_session(*arguments: object, **options: Any) -> AbstractContextManager[Session]:
    """Start the program on a terminal of its own; options as of `open_python`."""
    return open_python("-m", "digit_sequence", *arguments, **options)
