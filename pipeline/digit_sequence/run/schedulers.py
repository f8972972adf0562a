"""Running a stream of tasks on Dask: the same graph, any scheduler, memory that does not grow.

==================  ==============================================================================
synchronous         in this thread; for debugging
threads             a pool of threads in this process
processes           a local cluster of processes, one thread each (the default)
tcp://HOST:PORT     a running cluster; tls:// with the certificates that Dask's config names
==================  ==============================================================================

Tasks are taken from an iterator as others end, and their results are handed over as they come, so
neither the client nor the scheduler ever holds more than a few for each thread, or what takes a
second. No wait is without a bound: when the scheduler or the last worker of a cluster is gone, the
run ends with an error.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from digit_sequence.base.current_folder import leave_current_folder_out
from digit_sequence.base.progress import TALLY
from digit_sequence.base.stops import IS_WAITING
from digit_sequence.run.cluster import connect, make_cluster_run, open_client
from digit_sequence.run.dask_internals import ANSWER_SECONDS, find_address
from digit_sequence.run.factories import load_factory, open_factory
from digit_sequence.run.local import make_local_run
from digit_sequence.run.options import LOCAL_SCHEDULERS, SchedulerOptions
from digit_sequence.run.processes import call_in_fork, open_processes, start_fork_server
from digit_sequence.run.run import Run, TaskLost
from digit_sequence.run.waiting import call_within

__all__ = [
    "LOCAL_SCHEDULERS",
    "Run",
    "SchedulerOptions",
    "TaskLost",
    "call_in_fork",
    "load_factory",
    "open_scheduler",
    "report_performance",
    "start_fork_server",
]


_DEFAULTS = SchedulerOptions()


@contextmanager
def open_scheduler(options: SchedulerOptions = _DEFAULTS) -> Iterator[Run]:
    """Open a scheduler to run tasks on, and close it again.

    Without any option it is the one at ``DASK_SCHEDULER_ADDRESS`` or in Dask's own config, else
    local processes.

    Raises
    ------
    ConfigError
        If there is no such scheduler, or it does not answer.
    """
    with ExitStack() as stack:
        waiting = IS_WAITING.set(options.name not in LOCAL_SCHEDULERS)
        try:
            run = stack.enter_context(_open_scheduler(options))
        finally:
            IS_WAITING.reset(waiting)
        run.tally.threads = run.threads
        token = TALLY.set(run.tally)
        try:
            yield run
        finally:
            TALLY.reset(token)


@contextmanager
def _open_scheduler(options: SchedulerOptions) -> Iterator[Run]:
    options.check()
    name = options.name
    workers = options.workers or os.cpu_count() or 1
    if name in ("synchronous", "threads"):
        n_threads = workers if name == "threads" else 1
        yield make_local_run(name, n_threads, options.memory_limit_bytes)
    elif name == "processes":
        with open_processes(workers, options.is_profiled) as cluster, connect(cluster) as client:
            yield make_cluster_run(name, client, options)
    elif options.cluster is not None:
        factory = load_factory(options.cluster)
        with (
            leave_current_folder_out(),
            open_factory(options.cluster, factory) as client,
        ):
            yield make_cluster_run(options.cluster, client, options)
    else:
        with open_client(name, options.scheduler_file) as client:
            yield make_cluster_run(name or find_address(client), client, options)


@contextmanager
def report_performance(run: Run, path: str) -> Iterator[None]:
    """Write Dask's report of what is run meanwhile, an HTML page; needs a cluster and bokeh."""
    from distributed import performance_report  # noqa: PLC0415 - takes half a second

    with run.client.as_current():
        report = performance_report(filename=path)
        report.__enter__()
        try:
            yield
        except BaseException:
            with suppress(Exception):  # the cluster may be gone, and why is more than the report
                call_within(ANSWER_SECONDS, lambda: _end_report(run, report))
            raise
        report.__exit__(None, None, None)


def _end_report(run: Run, report: Any) -> None:
    with run.client.as_current():
        report.__exit__(None, None, None)
