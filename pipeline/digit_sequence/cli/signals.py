"""What Ctrl-C does.

==================================  ==============================================
first, or SIGTERM, while tasks run  those under way are finished; then it ends
second                              it ends at once; what is finished is kept
at any other time                   it ends at once
==================================  ==============================================

Tasks run in build, verify and export. The exit code is 130 in any case.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from digit_sequence.base.errors import BuildStopped
from digit_sequence.cli.terminal import echo


@contextmanager
def drain_on_signal() -> Iterator[Callable[[], bool]]:
    """Give a function that says whether to stop, which the first Ctrl-C or SIGTERM turns true.

    The second Ctrl-C stops at once.
    """
    is_stopping = False

    def stop(number: int, _frame: Any) -> None:
        nonlocal is_stopping
        if is_stopping and number == signal.SIGINT:
            raise KeyboardInterrupt
        is_stopping = True
        echo("\nstopping when the shards under way are done; Ctrl-C again: now", err=True)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: is_stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def stop_on_interrupt() -> Iterator[None]:
    """Turn a Ctrl-C that nothing else has taken into a `BuildStopped`."""
    try:
        yield
    except KeyboardInterrupt:
        # One that comes within `exec`, as where an import makes a dataclass, has Python end by
        # the signal, whatever the exit code is, unless another `exec` follows.
        exec("")  # noqa: S102
        raise BuildStopped("stopped at once; what is finished is kept") from None
