"""Local worker processes, one thread each, and the process whose forks they are."""

from __future__ import annotations

import logging
import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from multiprocessing import forkserver, resource_tracker
from typing import Any

import dask

from digit_sequence.base.current_folder import is_current_folder_lost, leave_current_folder_out
from digit_sequence.run.dask_internals import NANNY_LOGGER


@contextmanager
def open_processes(workers: int, is_profiled: bool) -> Iterator[Any]:
    """Run a local cluster."""
    from distributed import LocalCluster  # noqa: PLC0415 - takes half a second

    settings = {
        "distributed.worker.memory.terminate": False,
        "distributed.worker.profile.enabled": is_profiled,
    }
    with leave_current_folder_out(), _hold_interrupts(), dask.config.set(settings):
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0" if find_spec("bokeh") else None,
        )
    with leave_current_folder_out(), cluster:
        yield cluster
        # Everything is built: that a busy machine ends a process slowly is no news.
        logging.getLogger(NANNY_LOGGER).setLevel(logging.ERROR)


def start_fork_server(modules: Sequence[str]) -> None:
    """Start the process whose forks local workers are.

    It imports what they need while its caller goes on, once instead of in each of them. Only for
    a program's own start: all that `multiprocessing` forks is deaf to Ctrl-C from then on.

    Parameters
    ----------
    modules : sequence of str
        What their tasks import; those that cannot be imported are left out.
    """
    dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"})
    multiprocessing.get_context("forkserver").set_forkserver_preload(["distributed", *modules])
    if is_current_folder_lost():
        return  # the first worker starts it
    with leave_current_folder_out(), _hold_interrupts():
        forkserver.ensure_running()


@contextmanager
def _hold_interrupts() -> Iterator[None]:
    """Keep Ctrl-C in the terminal from the processes that are started, and from those after them.

    Processes and threads inherit which signals are blocked. A Ctrl-C that comes meanwhile is not
    lost: it reaches this process afterwards.
    """
    resource_tracker.ensure_running()  # it would unblock signals when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
