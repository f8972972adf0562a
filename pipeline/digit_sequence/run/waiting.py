"""No wait is without a bound."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any


def call_within(seconds: float, call: Callable[[], Any]) -> Any:
    """Return what a function returns; a TimeoutError if it takes longer, and it is left alone."""
    outcome: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=lambda: outcome.put(catch(call)), daemon=True).start()
    try:
        result = outcome.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"silent for {seconds:g} s") from None
    if isinstance(result, Exception):
        raise result
    return result


def catch(call: Callable[..., Any], *args: Any) -> Any:
    """Return what a function returns or raises."""
    try:
        return call(*args)
    except Exception as error:
        return error
