"""Running a stream of tasks on Dask: the same graph, any scheduler, memory that does not grow.

==================  ==============================================================================
synchronous         in this thread; for debugging
threads             a pool of threads in this process
processes           a local cluster of processes, one thread each (the default)
tcp://HOST:PORT     a running cluster
==================  ==============================================================================

Tasks are taken from an iterator a window at a time, and their results are handed over as they
come, so neither the client nor the scheduler ever holds all of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from importlib.util import find_spec
from itertools import islice
from typing import Any

import dask
from dask.callbacks import Callback
from dask.delayed import Delayed

from pipeline.errors import ConfigError

LOCAL_SCHEDULERS = ("synchronous", "threads", "processes")
TASKS_PER_THREAD = 4
"""Tasks that a cluster holds for each of its threads."""
LOCAL_WINDOW = 256
"""Tasks of one graph on the synchronous and the threaded scheduler."""

Run = Callable[[Iterable[Delayed], Callable[[Any], None]], None]
"""Runs tasks in any order and calls a function with each result."""


def open_scheduler(
    scheduler: str | None, workers: int | None, announce: Callable[[str], None]
) -> AbstractContextManager[Run]:
    """Open a scheduler to run tasks on.

    Parameters
    ----------
    scheduler : str or None
        One of `LOCAL_SCHEDULERS` or the address of a cluster. Default: the address in
        ``DASK_SCHEDULER_ADDRESS`` or in Dask's own config, else processes.
    workers : int or None
        Threads or processes to use locally; default: one for each core.
    announce : callable
        Called with a line about the cluster, its dashboard included.

    Raises
    ------
    ConfigError
        If there is no such scheduler, or the cluster does not answer.
    """
    scheduler = scheduler or dask.config.get("scheduler-address", None) or "processes"
    if scheduler in ("synchronous", "threads"):
        return _open_in_process(scheduler, workers or os.cpu_count() or 1)
    if scheduler == "processes":
        return _open_processes(workers or os.cpu_count() or 1, announce)
    if "://" in scheduler:
        return _open_cluster(scheduler, announce)
    raise ConfigError(
        f"--scheduler: expected one of {', '.join(LOCAL_SCHEDULERS)} or an address such as "
        f"tcp://127.0.0.1:8786, got {scheduler!r}"
    )


@contextmanager
def _open_in_process(scheduler: str, workers: int) -> Iterator[Run]:
    def run(tasks: Iterable[Delayed], hand_over: Callable[[Any], None]) -> None:
        def on_done(_key: Any, result: Any, *_state: Any) -> None:
            hand_over(result)

        tasks = iter(tasks)
        with Callback(posttask=on_done):
            while window := list(islice(tasks, LOCAL_WINDOW)):
                dask.compute(*window, scheduler=scheduler, num_workers=workers)

    yield run


@contextmanager
def _open_processes(workers: int, announce: Callable[[str], None]) -> Iterator[Run]:
    from distributed import Client, LocalCluster  # noqa: PLC0415 - takes half a second

    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0" if find_spec("bokeh") else None,
        ) as cluster,
        Client(cluster) as client,
    ):
        announce(f"{workers} processes" + _dashboard(client))
        yield partial(_run_on_cluster, client)


@contextmanager
def _open_cluster(address: str, announce: Callable[[str], None]) -> Iterator[Run]:
    from distributed import Client  # noqa: PLC0415 - takes half a second

    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"--scheduler: {address}: no Dask scheduler answers: {error}; start one with "
            "`dask scheduler`, or leave the option out to build on this machine"
        ) from error
    with client:
        announce(f"cluster {address}, {_count_threads(client)} threads" + _dashboard(client))
        yield partial(_run_on_cluster, client)


def _dashboard(client: Any) -> str:
    return f", dashboard {client.dashboard_link}" if find_spec("bokeh") else ""


def _count_threads(client: Any) -> int:
    return sum(client.nthreads().values())


def _run_on_cluster(
    client: Any,
    tasks: Iterable[Delayed],
    hand_over: Callable[[Any], None],
) -> None:
    from distributed import as_completed  # noqa: PLC0415 - takes half a second

    tasks = iter(tasks)
    window = TASKS_PER_THREAD * max(1, _count_threads(client))
    running = as_completed(map(client.compute, islice(tasks, window)), with_results=True)
    for _, result in running:
        hand_over(result)
        for task in islice(tasks, 1):
            running.add(client.compute(task))
