"""What Ctrl-C does, and other signals that ask a program to end.

==================================  ==============================================
first, while tasks run              those under way are finished; then it ends
second Ctrl-C                       it ends at once; what is finished is kept
at any other time                   it ends at once
==================================  ==============================================

Tasks run in ablate, build, verify and export; not yet while a cluster is waited for. SIGTERM, which
batch systems send, and SIGHUP, when a terminal is closed, do the same as a first Ctrl-C. The exit
code is 130 in any case.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from digit_sequence.base.errors import BuildStopped
from digit_sequence.base.stops import IS_WAITING, take_stops
from digit_sequence.cli.terminal import echo


@contextmanager
def _taking_stops(take: Callable[..., Any]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # which alone gets signals
        return
    before = take_stops(take)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def drain_on_signal(
    end: str = "the shards that have begun are done",
) -> Iterator[Callable[[], bool]]:
    """Give a function that says whether to stop, which the first signal turns true.

    The second Ctrl-C stops at once; `end` says when it stops without one.
    """
    is_stopping = False

    def stop(number: int, _frame: Any) -> None:
        nonlocal is_stopping
        if IS_WAITING.get():
            raise KeyboardInterrupt
        if is_stopping:
            if number == signal.SIGINT:
                raise KeyboardInterrupt("stopped at once; what is finished is kept")
            return
        is_stopping = True
        with suppress(OSError, RuntimeError):  # the terminal is closed, or is being written to
            echo(f"\nstopping when {end}; Ctrl-C again: now", err=True)

    with _taking_stops(stop):
        yield lambda: is_stopping


@contextmanager
def stop_on_signal() -> Iterator[None]:
    """Turn a signal that nothing else has taken into a `BuildStopped`."""
    with _taking_stops(signal.default_int_handler):
        try:
            yield
        except KeyboardInterrupt as stop:
            # One that comes within `exec`, as where an import makes a dataclass, has Python end by
            # the signal, whatever the exit code is, unless another `exec` follows.
            exec("")  # noqa: S102
            raise BuildStopped(str(stop) or "stopped") from None


@contextmanager
def telling_stop(told: str) -> Iterator[None]:
    """Have a signal that ends what is within this say what that means."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(told) from None


def ignore_signals() -> Any:
    """Return a context in which no signal ends what is said last."""
    return _taking_stops(lambda *_: None)
