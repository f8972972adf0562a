"""Local worker processes, one thread each, and the process whose forks they are."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dask

from digit_sequence.base.current_folder import is_current_folder_lost, leave_current_folder_out
from digit_sequence.base.errors import BuildError, list_causes
from digit_sequence.base.stops import FROM_TERMINALS
from digit_sequence.run.dask_internals import silence_all

OPEN_FILES, OPEN_FILES_PER_WORKER = 40, 8
"""That the driver of local processes has open at once, at most: 44 in all were enough for two."""

TASKS, TASKS_PER_WORKER = 16, 8
"""Processes and threads that local processes need beside the driver: 40 in all were enough for two
workers, and with 20 Dask tried for six minutes."""
FORK_SECONDS = 120.0
"""How long a call in a fork is waited for."""
_FORKED = threading.Event()
"""Whether the process is there whose forks local workers are."""
GROUPS = Path("/proc/self/cgroup")
GROUP_FOLDER = Path("/sys/fs/cgroup")


@contextmanager
def open_processes(workers: int, is_profiled: bool) -> Iterator[Any]:
    """Run a local cluster, whose processes alone have the key to it: it is made for the run.

    Without a key whoever has an account on the machine could reach the scheduler and have it run
    any code.

    Raises
    ------
    BuildError
        If a process cannot be started.
    """
    _check_main()
    _check_open_files(workers)
    _check_tasks(workers)
    from distributed import LocalCluster  # noqa: PLC0415 - takes half a second
    from distributed.security import Security  # noqa: PLC0415

    silence_all()  # what goes wrong is this program's to tell
    preload = [*dask.config.get("distributed.worker.preload", []), silence_all.__module__]

    settings = {
        "distributed.worker.memory.terminate": False,
        "distributed.worker.profile.enabled": is_profiled,
        # For each worker, and for each in this process again, by default 50 and 2 times a second.
        "distributed.admin.tick.interval": "1s",
        "distributed.admin.tick.limit": "10s",
        "distributed.admin.system-monitor.interval": "5s",
    }
    try:
        with leave_current_folder_out(), _hold_interrupts(), dask.config.set(settings):
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                host="127.0.0.1",
                protocol="tls://",
                security=Security.temporary(),
                dashboard_address="127.0.0.1:0" if find_spec("bokeh") else None,
                silence_logs=logging.CRITICAL,
                preload=preload,
            )
    except Exception as error:  # whatever Dask raises around what the system has refused
        raise BuildError(
            f"the scheduler processes cannot start {workers} of them: {_find_cause(error)}; give "
            "fewer --workers, or --scheduler threads"
        ) from error
    with leave_current_folder_out(), cluster:
        yield cluster


def _check_main() -> None:
    """End a process that is to be a worker, and runs its caller's whole script for that.

    Python's own refusal is a page long.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        sys.exit(
            "error: each worker process imports this script, which builds again: put what it does "
            'below if __name__ == "__main__":'
        )


def _check_open_files(workers: int) -> None:
    """Raise a BuildError where the system lets a process open too few files for so many workers.

    Python's fork server would print a traceback of its own.
    """
    if sys.platform == "win32":
        return
    try:
        import resource  # noqa: PLC0415 - some systems lack it
    except ImportError:
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = OPEN_FILES + OPEN_FILES_PER_WORKER * workers
    if limit != resource.RLIM_INFINITY and limit < needed:
        raise BuildError(
            f"the scheduler processes: expected a limit of at least {needed} open files for "
            f"{workers} workers, got {limit}; raise it (ulimit -n 1024), give fewer --workers, or "
            "--scheduler threads"
        )


def _check_tasks(workers: int) -> None:
    """Raise a BuildError where a container may have too few processes and threads for the workers.

    Dask would tell each that cannot begin, and try for minutes.
    """
    room = count_free_tasks()
    needed = TASKS + TASKS_PER_WORKER * workers
    if room is not None and room < needed:
        raise BuildError(
            f"the scheduler processes: expected room for {needed} more processes and threads for "
            f"{workers} workers, got {room} (pids.max of the container); raise it, give fewer "
            "--workers, or --scheduler threads"
        )


def count_free_tasks() -> int | None:
    """Return how many more processes and threads this container may have; None if any number."""
    rooms = []
    with suppress(OSError):
        for line in GROUPS.read_text().splitlines():
            _, kinds, place = line.split(":", 2)
            if kinds not in ("", "pids"):
                continue
            for folder in (GROUP_FOLDER / kinds, GROUP_FOLDER / kinds / place.lstrip("/")):
                with suppress(OSError, ValueError):  # it is not there, or it says "max"
                    limit = int((folder / "pids.max").read_text())
                    rooms.append(limit - int((folder / "pids.current").read_text()))
    return min(rooms, default=None)


def _find_cause(error: BaseException) -> str:
    """Return the error at the beginning of a chain of them."""
    *_, first = list_causes(error)
    return f"{type(first).__name__}: {first}"


def start_fork_server(modules: Sequence[str]) -> None:
    """Start the process whose forks local workers are.

    It imports what they need while its caller goes on, once instead of in each of them. Only for
    a program's own start: all that `multiprocessing` forks is deaf to Ctrl-C from then on.

    Parameters
    ----------
    modules : sequence of str
        What their tasks import; those that cannot be imported are left out.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return  # Windows: each worker is a process of its own
    dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"})
    multiprocessing.get_context("forkserver").set_forkserver_preload([*modules, "distributed"])
    if is_current_folder_lost():
        return  # the first worker starts it
    from multiprocessing import forkserver  # noqa: PLC0415 - Windows has none

    with leave_current_folder_out(), _hold_interrupts():
        forkserver.ensure_running()
    _FORKED.set()


def call_in_fork(call: Callable[..., None], *args: Any) -> Callable[[], None]:
    """Begin a call in a fork of that process, if it was started; return what waits for its end."""
    if sys.platform == "win32" or not _FORKED.is_set():
        return lambda: None

    def do() -> None:
        context = multiprocessing.get_context("forkserver")
        process = context.Process(target=call, args=args, daemon=True)
        with suppress(OSError, EOFError):  # that process has ended
            process.start()  # waits while it imports
            process.join()

    thread = threading.Thread(target=do, daemon=True)
    thread.start()
    return lambda: thread.join(FORK_SECONDS)


@contextmanager
def _hold_interrupts() -> Iterator[None]:
    """Keep signals of the terminal from the processes that are started, and from those after them.

    Processes and threads inherit which signals are blocked. A Ctrl-C that comes meanwhile is not
    lost: it reaches this process afterwards.
    """
    if sys.platform == "win32":  # which has none of this
        yield
        return
    from multiprocessing import resource_tracker  # noqa: PLC0415

    resource_tracker.ensure_running()  # it would unblock signals when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, FROM_TERMINALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
