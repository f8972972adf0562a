"""What is used of Dask beyond its documentation: all of it is here.

`list_missing` tells what of it the installed Dask does not have; a test asks.
"""

from __future__ import annotations

import inspect
import logging
import sys
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

from dask.utils import key_split

from digit_sequence.run.waiting import call_within

ANSWER_SECONDS = 10.0
"""How long a scheduler may take to answer."""
_LOSS_LOGGERS = ("distributed.client", "distributed.batched", "distributed.core")
"""What Dask says, with tracebacks, when it has lost a scheduler."""
_ALL_LOGGERS = ("distributed", *_LOSS_LOGGERS, "tornado", "tornado.application", "asyncio")
"""All of what it says in a process: the others are below these."""


def list_missing() -> list[str]:
    """Return what this module needs and Dask does not have any more."""
    from distributed import Client, Scheduler  # noqa: PLC0415 - takes half a second
    from distributed.scheduler import WorkerState  # noqa: PLC0415

    options = inspect.signature(Client.get).parameters
    needed = {
        "dask.utils.key_split.cache_clear": hasattr(key_split, "cache_clear"),
        **{
            f"distributed.Scheduler.{name}": hasattr(Scheduler, name)
            for name in ("get_ncores", "handle_worker_status_change", "_reschedule")
        },
        "distributed.Client.scheduler.address": "scheduler" in Client.__init__.__code__.co_names,
        "distributed.Client.status": "status" in Client.__init__.__code__.co_names,
        "distributed.Client._loop_runner": "_loop_runner" in Client.__init__.__code__.co_names,
    }
    for option in ("sync", "fifo_timeout"):
        needed[f"distributed.Client.get(..., {option}=)"] = option in options
    for field in ("last_seen", "memory_limit", "nthreads", "processing"):
        needed[f"distributed.scheduler.WorkerState.{field}"] = hasattr(WorkerState, field)
    for name in _LOSS_LOGGERS:
        logger = getattr(import_module(name), "logger", None)
        needed[f"the logger {name}"] = getattr(logger, "name", None) == name
    return [name for name, is_there in needed.items() if not is_there]


def silence_losses() -> None:
    """Keep Dask from telling, with tracebacks, what it tries in vain when a scheduler is lost."""
    for name in (*_LOSS_LOGGERS, "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def silence_all() -> None:
    """Keep Dask from telling anything in this process but what ends it."""
    for name in _ALL_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def dask_setup(_worker: Any) -> None:
    """Silence a worker that starts: Dask calls this in each that has this module as a preload."""
    silence_all()


def is_running(client: Any) -> bool:
    """Tell whether a client has its scheduler, as far as it knows."""
    return bool(client.status == "running")


def stop_loop(client: Any) -> None:
    """End the thread of a client that is closed: Dask leaves it to one that never connected."""
    client._loop_runner.stop()


def is_closed(client: Any) -> bool:
    """Tell whether a client has given its scheduler up."""
    return client.status in ("closed", "closing")


def find_own_address() -> str:
    """Return the address of the worker that runs this thread's task; nothing if there is none."""
    if "distributed.worker" not in sys.modules:
        return ""
    try:
        address: str = sys.modules["distributed.worker"].get_worker().address
    except ValueError:  # this is no worker's thread
        return ""
    return address


def find_unfit(client: Any, key: str) -> str:
    """Return the worker that could not begin a task; nothing if it began, or none can say."""

    def find(dask_scheduler: Any) -> list[str]:
        task = dask_scheduler.tasks.get(key)
        there = dask_scheduler.workers
        return sorted(address for address in task.erred_on if address in there) if task else []

    found = _ask_scheduler(client, find)
    return found[0] if found else ""


def set_apart(client: Any, address: str) -> bool:
    """Have the scheduler give a worker no more tasks, and those that it has to others.

    Returns whether it could.
    """

    def pause(dask_scheduler: Any) -> bool:
        worker = dask_scheduler.workers.get(address)
        if worker is None:
            return False
        dask_scheduler.handle_worker_status_change("paused", worker, "digit-sequence")
        for task in list(worker.processing):
            dask_scheduler._reschedule(task.key, address, stimulus_id="digit-sequence")
        return True

    return _ask_scheduler(client, pause) is True


def take_back(client: Any, addresses: Iterable[str]) -> None:
    """Have the scheduler give tasks to workers again that were set apart."""

    def resume(dask_scheduler: Any) -> None:
        for address in addresses:
            worker = dask_scheduler.workers.get(address)
            if worker is not None:
                dask_scheduler.handle_worker_status_change("running", worker, "digit-sequence")

    _ask_scheduler(client, resume)


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


def count_threads(client: Any, apart: Collection[str] = ()) -> int | None:
    """Return the threads of all workers but some; None if the scheduler does not answer."""
    try:
        threads: dict[str, int] = client.sync(
            client.scheduler.ncores, callback_timeout=ANSWER_SECONDS
        )
        return sum(count for address, count in threads.items() if address not in apart)
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
