"""Signals that ask a program to end. Nothing that takes time is imported here."""

from __future__ import annotations

import signal
from contextvars import ContextVar

TYPE_CHECKING = False  # as that of typing, whose import takes longer than this one
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

FROM_TERMINALS = {getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)}
"""Ctrl-C, and a terminal that is closed: all processes in it get them."""
STOPS = {*FROM_TERMINALS, signal.SIGTERM}
"""These, and what batch systems send."""
STOPPED = 130
"""The exit code of what was stopped, by whatever signal."""

IS_WAITING: ContextVar[bool] = ContextVar("IS_WAITING", default=False)
"""Whether this program waits for a cluster: nothing has begun that would have to be finished."""


def take_stops(take: Callable[..., object]) -> dict[int, Any]:
    """Have signals taken by a function; those that are ignored, as under nohup, stay so.

    Returns who took each before.
    """
    return {
        number: signal.signal(number, take)
        for number in STOPS
        if signal.getsignal(number) != signal.SIG_IGN
    }
