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

import json
import logging
import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from itertools import islice
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import Any

import dask
from dask.delayed import Delayed
from dask.utils import key_split

from digit_sequence.base.current_folder import (
    is_current_folder_lost,
    leave_current_folder_out,
)
from digit_sequence.base.errors import BuildError, ConfigError, OutputError

LOCAL_SCHEDULERS = ("synchronous", "threads", "processes")
TASKS_PER_THREAD = 4
"""Tasks that a cluster holds for each of its threads, at least."""
_MOST_TASKS_PER_THREAD = 16
"""How many it may hold of tasks so short that more of them take `_AHEAD_SECONDS`."""
_AHEAD_SECONDS = 1.0
_PRELOADED = ["distributed", "digit_sequence.build.dataset", "digit_sequence.render.kernels"]
"""What the process imports whose forks local workers are; without numba not the last one."""
_CONNECT_SECONDS = 10.0
"""How long a scheduler may take to answer at first."""
_PROBE_SECONDS = 120.0
"""How long all workers may take, at least, to import this package and try the output."""
_TICK_SECONDS = 1.0
"""How often a cluster is looked at while no result comes."""
_RECOUNT_SECONDS = 1.0
"""How often its threads and its results are counted while results come."""
_FORGET_AFTER = 10_000
"""Results after which Dask's processes are told to forget the names of tasks."""
_ANSWER_SECONDS = 10.0
"""How long its scheduler may take to say how many they are."""


@dataclass(frozen=True)
class TaskLost:
    """What is handed over for a task that has no result, because of what happened to its worker."""

    key: str
    error: str


@dataclass(frozen=True)
class Run:
    """An open scheduler."""

    kind: str
    """As people name it: threads, tcp://..."""
    threads: int
    """How many tasks run at a time, when it was opened."""
    execute: Callable[[Iterable[Delayed], Callable[[Any], None], Callable[[], bool]], None]
    """Runs tasks. Gets a function for each result, in any order, and one that says whether to stop:
    then no new task is started, and those under way are waited for."""
    probe: Callable[[Callable[..., Any], tuple[Any, ...]], dict[str, Any]]
    """Runs a function once on every worker there is; returns results, or exceptions, by worker."""
    dashboard: str | None = None
    client: Any = None
    """Of distributed, where there is a cluster."""


@dataclass(frozen=True)
class SchedulerOptions:
    """Which scheduler to open: one of the first three, or none."""

    scheduler: str | None = None
    """One of `LOCAL_SCHEDULERS`, or an address."""
    scheduler_file: str | None = None
    """File that a scheduler wrote its address to."""
    cluster: str | None = None
    """``module:factory`` or ``path.py:factory`` of a function that returns a Dask cluster."""
    workers: int | None = None
    """Local threads or processes; default: one for each core."""
    worker_timeout_seconds: float = 300.0
    """How long to wait for a worker when a cluster has none, and for a scheduler that is silent."""
    is_profiled: bool = False
    """Whether local processes note where their time goes, for a report: 0.1 MB a second each."""

    @property
    def name(self) -> str | None:
        """One of `LOCAL_SCHEDULERS`, or an address; None if a file or a factory is to give it."""
        if any(way is not None for way in (self.scheduler, self.scheduler_file, self.cluster)):
            return self.scheduler
        name: str = dask.config.get("scheduler-address", None) or "processes"
        return name


@contextmanager
def open_scheduler(options: SchedulerOptions = SchedulerOptions()) -> Iterator[Run]:
    """Open a scheduler to run tasks on, and close it again.

    Without any option it is the one at ``DASK_SCHEDULER_ADDRESS`` or in Dask's own config, else
    local processes.

    Raises
    ------
    ConfigError
        If there is no such scheduler, or it does not answer.
    """
    given = [
        f"--{field.replace('_', '-')}"
        for field in ("scheduler", "scheduler_file", "cluster")
        if getattr(options, field) is not None
    ]
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(given)}: expected one of them")
    name = options.name
    workers = options.workers or os.cpu_count() or 1
    if name == "synchronous":
        yield _make_local_run(name, 1)
    elif name == "threads":
        yield _make_local_run(name, workers)
    elif name is not None and name != "processes" and "://" not in name:
        raise ConfigError(
            f"--scheduler: expected one of {', '.join(LOCAL_SCHEDULERS)} or an address such as "
            f"tcp://127.0.0.1:8786, got {name!r}"
        )
    elif name == "processes":
        with (
            leave_current_folder_out(),
            _open_processes(workers, options.is_profiled) as cluster,
            _connect(cluster) as client,
        ):
            yield _make_cluster_run(name, client, options)
    elif options.cluster is not None:
        factory = load_factory(options.cluster)
        with (
            leave_current_folder_out(),
            _open_factory(options.cluster, factory) as cluster,
            _connect(cluster) as client,
        ):
            yield _make_cluster_run(options.cluster, client, options)
    else:
        with _open_client(name, options.scheduler_file) as client:
            yield _make_cluster_run(name or client.scheduler.address, client, options)


def probe_workers(run: Run, call: Callable[..., None], *args: Any) -> None:
    """Run a function once on every worker there is.

    Raises
    ------
    OutputError
        If it raises anything; tells it of each worker.
    """
    results = run.probe(call, args)
    problems = [f"  {worker}: {error}" for worker, error in results.items() if error is not None]
    if problems:
        raise OutputError(
            f"{len(problems)} of {len(results)} workers cannot take part:\n" + "\n".join(problems)
        )


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
                _call_within(_ANSWER_SECONDS, lambda: _end_report(run, report))
            raise
        report.__exit__(None, None, None)


def _end_report(run: Run, report: Any) -> None:
    with run.client.as_current():
        report.__exit__(None, None, None)


# -- in this process ------------------------------------------------------------------------------


def _make_local_run(scheduler: str, workers: int) -> Run:
    return Run(
        kind=scheduler,
        threads=workers,
        execute=partial(_run_on_threads, workers) if scheduler == "threads" else _run_here,
        probe=lambda call, args: {scheduler: _try(call, *args)},
    )


def _run_here(
    tasks: Iterable[Delayed], hand_over: Callable[[Any], None], should_stop: Callable[[], bool]
) -> None:
    tasks = iter(tasks)
    while not should_stop() and (task := next(tasks, None)) is not None:
        hand_over(_compute(task))


def _run_on_threads(
    workers: int,
    tasks: Iterable[Delayed],
    hand_over: Callable[[Any], None],
    should_stop: Callable[[], bool],
) -> None:
    tasks = iter(tasks)
    waiting: queue.SimpleQueue[Delayed | None] = queue.SimpleQueue()
    done: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def work() -> None:
        while (task := waiting.get()) is not None:
            done.put(_try(_compute, task))

    # A second Ctrl-C must not wait for them, as it would for those of an executor.
    for _ in range(workers):
        threading.Thread(target=work, daemon=True).start()
    running = 0
    try:
        while True:
            for task in islice(tasks, 0 if should_stop() else workers - running):
                waiting.put(task)
                running += 1
            if not running:
                return
            result = done.get()
            running -= 1
            if isinstance(result, Exception):
                raise result
            hand_over(result)
    finally:
        for _ in range(workers):
            waiting.put(None)


def _compute(task: Delayed) -> Any:
    """Run the graph of one task in this thread."""
    return task.compute(scheduler="synchronous")


def _try(call: Callable[..., Any], *args: Any) -> Any:
    """Return what a function returns or raises."""
    try:
        return call(*args)
    except Exception as error:
        return error


# -- clusters -------------------------------------------------------------------------------------


@contextmanager
def _open_processes(workers: int, is_profiled: bool) -> Iterator[Any]:
    from distributed import LocalCluster  # noqa: PLC0415 - takes half a second

    settings = {
        "distributed.worker.memory.terminate": False,
        "distributed.worker.profile.enabled": is_profiled,
    }
    with _hold_interrupts(), dask.config.set(settings):
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0" if find_spec("bokeh") else None,
        )
    with cluster:
        yield cluster
        # Everything is built: that a busy machine ends a process slowly is no news.
        logging.getLogger("distributed.nanny").setLevel(logging.ERROR)


def start_fork_server() -> None:
    """Start the process whose forks local workers are.

    It imports what they need while its caller goes on, once instead of in each of them. Only for
    a program's own start: all that `multiprocessing` forks is deaf to Ctrl-C from then on.
    """
    dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"})
    multiprocessing.get_context("forkserver").set_forkserver_preload(_PRELOADED)
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


def _open_factory(name: str, factory: Callable[[], Any]) -> Any:
    """Call ``module:factory`` and return the cluster."""
    try:
        cluster = factory()
        if not hasattr(cluster, "scheduler_address"):
            raise TypeError(f"expected a Dask cluster from {name}, got {cluster!r}")
        return cluster
    except Exception as error:  # whatever a cluster's package raises
        _, *frames = traceback.extract_tb(error.__traceback__)
        place = f"{frames[0].filename}:{frames[0].lineno}" if frames else name
        told = f"--cluster: {place}: {type(error).__name__}: {error}"
        if isinstance(error, ImportError) and error.name:
            package = error.name.partition(".")[0].replace("_", "-")
            told += f"; it needs the package {package}: pip install {package}"
        raise ConfigError(told) from error


def load_factory(name: str) -> Callable[[], Any]:
    """Load the function that ``module:factory`` or ``path.py:factory`` names.

    Raises
    ------
    ConfigError
        If there is none.
    """
    module_name, colon, factory_name = name.rpartition(":")
    try:
        if not colon:
            raise ValueError("there is no colon")
        if module_name.endswith(".py"):
            spec = spec_from_file_location(Path(module_name).stem, module_name)
            assert spec is not None
            assert spec.loader is not None
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
        else:
            # Last: nothing there may take the place of what is installed, in workers neither.
            with suppress(FileNotFoundError):  # it was deleted
                sys.path.append(str(Path.cwd()))
            module = import_module(module_name)
        factory: Callable[[], Any] = getattr(module, factory_name)
        if not callable(factory):
            raise ValueError(f"{factory_name} is not a function")
    except Exception as error:  # whatever the module raises
        raise ConfigError(
            f"--cluster: expected module:factory or path.py:factory, got {name!r}: "
            f"{type(error).__name__}: {error}"
        ) from error
    return factory


def _open_client(address: str | None, scheduler_file: str | None) -> Any:
    place = address or scheduler_file
    try:
        if address is None and scheduler_file is not None:  # Client would wait for it for ever
            address = json.loads(Path(scheduler_file).read_text())["address"]
        # Its own timeout does not cover a peer that takes the connection and says nothing.
        return _call_within(
            2 * _CONNECT_SECONDS, lambda: _connect(address, timeout=_CONNECT_SECONDS)
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(
            f"--scheduler: {place}: no Dask scheduler answers: {type(error).__name__}: {error}; "
            "start one with `dask scheduler`, or leave the option out to build on this machine"
        ) from error


def _call_within(seconds: float, call: Callable[[], Any]) -> Any:
    """Return what a function returns; a TimeoutError if it takes longer, and it is left alone."""
    outcome: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=lambda: outcome.put(_try(call)), daemon=True).start()
    try:
        result = outcome.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"silent for {seconds:g} s") from None
    if isinstance(result, Exception):
        raise result
    return result


def _connect(place: Any, **options: Any) -> Any:
    from distributed import Client  # noqa: PLC0415 - takes half a second

    # What is lost is this module's to tell, without tracebacks of what Dask tries in vain.
    for name in ("distributed.client", "distributed.batched", "distributed.core", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return Client(place, **options)


def _make_cluster_run(kind: str, client: Any, options: SchedulerOptions) -> Run:
    _wait_for_worker(client, options.worker_timeout_seconds)

    def execute(
        tasks: Iterable[Delayed], hand_over: Callable[[Any], None], should_stop: Callable[[], bool]
    ) -> None:
        _run_on_cluster(client, tasks, hand_over, should_stop, options.worker_timeout_seconds)

    def probe(call: Callable[..., Any], args: tuple[Any, ...]) -> dict[str, Any]:
        try:
            results: dict[str, Any] = _call_within(
                max(_PROBE_SECONDS, options.worker_timeout_seconds),
                lambda: client.run(call, *args, on_error="return"),
            )
        except TimeoutError as error:
            raise BuildError(f"{kind}: a worker does not answer: {error}") from error
        except Exception as error:  # what Dask raises when it has lost its scheduler
            raise BuildError(
                f"{kind}: the scheduler is gone: {error}; run the same command again"
            ) from error
        return results

    return Run(
        kind=kind,
        threads=_count_threads(client) or 0,
        execute=execute,
        probe=probe,
        dashboard=client.dashboard_link if find_spec("bokeh") else None,
        client=client,
    )


def _wait_for_worker(client: Any, seconds: float) -> None:
    address = client.scheduler.address
    try:
        # Its own timeout does not cover a scheduler that says nothing.
        _call_within(
            seconds + _CONNECT_SECONDS, lambda: client.wait_for_workers(1, timeout=seconds)
        )
    except TimeoutError as error:
        raise BuildError(
            f"{address}: no worker came within {seconds:g} s; start workers with `dask worker`, "
            "and run the same command again"
        ) from error
    except Exception as error:  # what Dask raises when it has lost its scheduler
        raise BuildError(
            f"{address}: the scheduler is gone: {error}; run the same command again"
        ) from error


def _count_threads(client: Any) -> int | None:
    """Return the threads of all workers; None if the scheduler does not answer."""
    try:
        threads: dict[str, int] = client.sync(
            client.scheduler.ncores, callback_timeout=_ANSWER_SECONDS
        )
        return sum(threads.values())
    except (OSError, TimeoutError, RuntimeError, AttributeError):
        return None


def _list_silences(client: Any) -> dict[str, float]:
    """Return how many seconds ago the scheduler heard of each worker; nothing if it cannot say."""

    def list_silences(dask_scheduler: Any) -> dict[str, float]:
        return {
            address: time.time() - worker.last_seen
            for address, worker in dask_scheduler.workers.items()
        }

    try:
        silences: dict[str, float] = _call_within(
            _ANSWER_SECONDS, lambda: client.run_on_scheduler(list_silences)
        )
    except Exception:  # it may be lost, or may not run this
        return {}
    return silences


def _run_on_cluster(
    client: Any,
    tasks: Iterable[Delayed],
    hand_over: Callable[[Any], None],
    should_stop: Callable[[], bool],
    patience_seconds: float,
) -> None:
    done: queue.SimpleQueue[Any] = queue.SimpleQueue()
    running: dict[str, Any] = {}
    tasks = iter(tasks)
    watch = _Watch(client, patience_seconds)

    def refill() -> None:
        # Many in one graph: a scheduler keeps a record of each graph that it ever got.
        window = watch.window()
        if len(running) > window // 2 or should_stop():
            return
        batch = list(islice(tasks, window - len(running)))
        if not batch:
            return
        graph = {key: node for task in batch for key, node in task.dask.items()}
        try:
            # No graph may overtake those before it, as it might within that time.
            futures = client.get(graph, [task.key for task in batch], sync=False, fifo_timeout=0)
        except Exception as error:  # what Dask raises when it has given its scheduler up
            if client.status == "running":
                raise
            raise _lose("the scheduler is gone", len(running)) from error
        for future in futures:
            running[future.key] = future
            future.add_done_callback(done.put)

    refill()
    while running:
        try:
            future = done.get(timeout=_TICK_SECONDS)
        except queue.Empty:
            watch.check(len(running))
            continue
        result = _take_result(future, min(60.0, patience_seconds))
        if future.status == "cancelled" or (
            isinstance(result, TaskLost) and client.status != "running"
        ):
            raise _lose("the scheduler is gone", len(running))
        del running[future.key]
        hand_over(result)
        watch.note_result()
        refill()


def _forget_names(client: Any) -> None:
    """Empty the cache that Dask keeps in each process for 100,000 names of tasks, 18 MB."""

    def forget() -> None:
        client.run_on_scheduler(key_split.cache_clear)
        client.run(key_split.cache_clear, on_error="ignore")

    with suppress(Exception):  # a cluster that may not run this, or is about to be lost
        _call_within(_ANSWER_SECONDS, forget)


def _take_result(future: Any, seconds: float) -> Any:
    """Return the result of a task that has ended, or a `TaskLost`."""
    try:
        if future.status == "error":
            error = future.exception(timeout=seconds)
            return TaskLost(future.key, f"{type(error).__name__}: {error}")
        return future.result(timeout=seconds)
    except (OSError, CancelledError) as error:  # its worker died with it, and no other had it since
        return TaskLost(future.key, f"its result was lost: {type(error).__name__}: {error}")


def _lose(problem: str, n_running: int) -> BuildError:
    return BuildError(
        f"{problem} with {n_running} shards under way; what is built is kept: run the same command "
        "again"
    )


class _Watch:
    """Looks after a cluster while tasks are on it."""

    def __init__(self, client: Any, patience_seconds: float) -> None:
        self._client = client
        self._patience = patience_seconds
        self._alive_at = self._counted_at = self._result_at = time.monotonic()
        self._threads = _count_threads(client) or 1
        self._n_results = self._n_counted = 0
        self._window = TASKS_PER_THREAD * self._threads

    def note_result(self) -> None:
        """Note that a result has come."""
        self._alive_at = self._result_at = time.monotonic()
        self._n_results += 1
        if self._n_results % _FORGET_AFTER == 0:
            _forget_names(self._client)

    def window(self) -> int:
        """Return how many tasks the cluster may hold; it may have grown, shrunk or gone faster."""
        seconds = time.monotonic() - self._counted_at
        if seconds > _RECOUNT_SECONDS:
            self._threads = _count_threads(self._client) or self._threads
            ahead = int((self._n_results - self._n_counted) / seconds * _AHEAD_SECONDS)
            least, most = (n * self._threads for n in (TASKS_PER_THREAD, _MOST_TASKS_PER_THREAD))
            self._window = min(max(ahead, least), most)
            self._counted_at, self._n_counted = time.monotonic(), self._n_results
        return self._window

    def check(self, n_running: int) -> None:
        """Raise a BuildError if nothing can come any more."""
        threads = _count_threads(self._client)
        if threads:
            self._alive_at = time.monotonic()
            if self._alive_at - self._result_at > 2 * self._patience:
                self._check_silence(n_running)
            return
        waited = time.monotonic() - self._alive_at
        if waited > self._patience or self._client.status in ("closed", "closing"):
            problem = "no worker is left" if threads == 0 else "the scheduler does not answer"
            raise _lose(f"{problem} since {waited:.0f} s,", n_running)

    def _check_silence(self, n_running: int) -> None:
        """Raise a BuildError if a worker is there and says nothing: frozen, or cut off."""
        for address, seconds in _list_silences(self._client).items():
            if seconds > self._patience:
                raise _lose(f"worker {address} is silent since {seconds:.0f} s: end it;", n_running)
