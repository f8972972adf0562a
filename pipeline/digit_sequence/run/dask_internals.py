"""What is used of Dask beyond its documentation: all of it is here.

`list_missing` tells what of it the installed Dask does not have; a test asks.
"""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

from dask.utils import key_split

from digit_sequence.run.waiting import call_within

ANSWER_SECONDS = 10.0
"""How long a scheduler may take to answer."""
NANNY_LOGGER = "distributed.nanny"
_LOSS_LOGGERS = ("distributed.client", "distributed.batched", "distributed.core")
"""What Dask says, with tracebacks, when it has lost a scheduler."""


def list_missing() -> list[str]:
    """Return what this module needs and Dask does not have any more."""
    from distributed import Client, Scheduler  # noqa: PLC0415 - takes half a second
    from distributed.scheduler import WorkerState  # noqa: PLC0415

    options = inspect.signature(Client.get).parameters
    needed = {
        "dask.utils.key_split.cache_clear": hasattr(key_split, "cache_clear"),
        "distributed.Scheduler.get_ncores": hasattr(Scheduler, "get_ncores"),
        "distributed.Client.scheduler.address": "scheduler" in Client.__init__.__code__.co_names,
        "distributed.Client.status": "status" in Client.__init__.__code__.co_names,
    }
    for option in ("sync", "fifo_timeout"):
        needed[f"distributed.Client.get(..., {option}=)"] = option in options
    for field in ("last_seen", "memory_limit", "nthreads"):
        needed[f"distributed.scheduler.WorkerState.{field}"] = hasattr(WorkerState, field)
    for name in (NANNY_LOGGER, *_LOSS_LOGGERS):
        logger = getattr(import_module(name), "logger", None)
        needed[f"the logger {name}"] = getattr(logger, "name", None) == name
    return [name for name, is_there in needed.items() if not is_there]


def silence_losses() -> None:
    """Keep Dask from telling, with tracebacks, what it tries in vain when a scheduler is lost."""
    for name in (*_LOSS_LOGGERS, "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def is_running(client: Any) -> bool:
    """Tell whether a client has its scheduler, as far as it knows."""
    return bool(client.status == "running")


def is_closed(client: Any) -> bool:
    """Tell whether a client has given its scheduler up."""
    return client.status in ("closed", "closing")


def find_address(client: Any) -> str:
    """Return the address of a client's scheduler."""
    address: str = client.scheduler.address
    return address


def submit(client: Any, graph: Mapping[str, Any], keys: Sequence[str]) -> Sequence[Any]:
    """Start many tasks in one graph; return their futures.

    No graph may overtake those before it, as it might within the time that is zero here.
    """
    futures: Sequence[Any] = client.get(graph, keys, sync=False, fifo_timeout=0)
    return futures


def count_threads(client: Any) -> int | None:
    """Return the threads of all workers; None if the scheduler does not answer."""
    try:
        threads: dict[str, int] = client.sync(
            client.scheduler.ncores, callback_timeout=ANSWER_SECONDS
        )
        return sum(threads.values())
    except (OSError, TimeoutError, RuntimeError, AttributeError):
        return None


def list_silences(client: Any) -> dict[str, float]:
    """Return how many seconds ago the scheduler heard of each worker; nothing if it cannot say."""

    def list_silences(dask_scheduler: Any) -> dict[str, float]:
        return {
            address: time.time() - worker.last_seen
            for address, worker in dask_scheduler.workers.items()
        }

    silences: dict[str, float] = _ask_scheduler(client, list_silences)
    return silences


def list_memory_limits(client: Any) -> dict[str, int]:
    """Return the bytes that each worker has for each of its threads, 0 if it has no limit.

    Nothing if the scheduler cannot say.
    """

    def list_limits(dask_scheduler: Any) -> dict[str, int]:
        return {
            address: (worker.memory_limit or 0) // worker.nthreads
            for address, worker in dask_scheduler.workers.items()
        }

    limits: dict[str, int] = _ask_scheduler(client, list_limits)
    return limits


def _ask_scheduler(client: Any, question: Any) -> Any:
    """Return what a function finds in the scheduler; nothing if it is lost, or runs none."""
    try:
        return call_within(ANSWER_SECONDS, lambda: client.run_on_scheduler(question))
    except Exception:  # whatever either of them raises
        return {}


def forget_names(client: Any) -> None:
    """Empty the cache that Dask keeps in each process for 100,000 names of tasks, 18 MB."""

    def forget() -> None:
        client.run_on_scheduler(key_split.cache_clear)
        client.run(key_split.cache_clear, on_error="ignore")

    with suppress(Exception):  # a cluster that may not run this, or is about to be lost
        call_within(ANSWER_SECONDS, forget)
