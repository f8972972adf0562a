"""A Dask cluster as a scheduler: reached, filled task by task, and never waited for without end."""

from __future__ import annotations

import json
import queue
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from dask.delayed import Delayed

from digit_sequence.base.errors import BuildError, ConfigError
from digit_sequence.base.progress import Tally
from digit_sequence.run.dask_internals import (
    count_threads,
    find_address,
    find_unfit,
    is_running,
    list_memory_limits,
    set_apart,
    silence_losses,
    stop_loop,
    submit,
    take_back,
)
from digit_sequence.run.limits import limit_workers
from digit_sequence.run.options import SchedulerOptions
from digit_sequence.run.run import Run, TaskLost
from digit_sequence.run.waiting import call_within
from digit_sequence.run.watch import Watch, lose

CONNECT_SECONDS = 10.0
"""How long a scheduler may take to answer at first."""
_PROBE_SECONDS = 120.0
"""How long all workers may take, at least, to import this package and try the output."""
_TICK_SECONDS = 1.0
"""How often a cluster is looked at while no result comes."""


def open_client(address: str | None, scheduler_file: str | None) -> Any:
    """Connect to a scheduler that runs somewhere, by its address or the file that has it."""
    place = address or scheduler_file
    try:
        if address is None and scheduler_file is not None:  # Client would wait for it for ever
            address = json.loads(Path(scheduler_file).read_text())["address"]
        return connect(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(
            f"--scheduler: {place}: no Dask scheduler answers: {type(error).__name__}: {error}; "
            "start one with `dask scheduler`, or leave the option out to build on this machine"
        ) from error


def connect(place: Any, **options: Any) -> Any:
    """Return a client of a cluster."""
    from distributed import Client  # noqa: PLC0415 - takes half a second
    from distributed.versions import VersionMismatchWarning  # noqa: PLC0415

    class OwnClient(Client):  # type: ignore[misc]  # Dask has no types
        """One that is closed at once, with its thread, if it cannot connect.

        Dask closes it when it is found as garbage, and lets its thread run. If that is in the
        thread of the next client, which has just begun, the two wait for each other, and the next
        one fails after 10 s.
        """

        def start(self, timeout: float, **options: Any) -> None:
            start = partial(super().start, timeout=timeout, **options)
            try:
                # Its own timeout does not cover a peer that takes the connection and says nothing.
                call_within(2 * timeout, start)
            except Exception:
                with suppress(Exception):  # it never began
                    self.close()
                stop_loop(self)
                raise

    silence_losses()  # what is lost is this program's to tell
    with warnings.catch_warnings():  # and so is which worker has other versions
        warnings.simplefilter("ignore", VersionMismatchWarning)
        return OwnClient(place, **options)


def make_cluster_run(kind: str, client: Any, options: SchedulerOptions) -> Run:
    """Return a cluster that a client is connected to, once it has a worker."""
    _wait_for_worker(client, options.worker_timeout_seconds)
    apart: set[str] = set()
    tally = Tally()

    def execute(
        tasks: Iterable[Delayed], hand_over: Callable[[Any], None], should_stop: Callable[[], bool]
    ) -> None:
        watch = Watch(client, options.worker_timeout_seconds, apart, tally)
        patience = min(60.0, options.worker_timeout_seconds)
        _run_on_cluster(client, tasks, hand_over, should_stop, watch, patience)

    def put_apart(address: str) -> bool:
        is_apart = bool(address) and set_apart(client, address)
        if is_apart:
            apart.add(address)
        return is_apart

    def take_all_back() -> None:
        if apart:
            take_back(client, sorted(apart))
            apart.clear()

    def probe(call: Callable[..., Any], args: tuple[Any, ...]) -> dict[str, Any]:
        try:
            results: dict[str, Any] = call_within(
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
        threads=count_threads(client) or 0,
        execute=execute,
        probe=probe,
        find_memory_limit=lambda: limit_workers(
            list_memory_limits(client), options.memory_limit_bytes
        ),
        set_apart=put_apart,
        take_back=take_all_back,
        dashboard=client.dashboard_link if find_spec("bokeh") else None,
        client=client,
        tally=tally,
    )


def _wait_for_worker(client: Any, seconds: float) -> None:
    address = find_address(client)
    try:
        # Its own timeout does not cover a scheduler that says nothing.
        call_within(seconds + CONNECT_SECONDS, lambda: client.wait_for_workers(1, timeout=seconds))
    except TimeoutError as error:
        raise BuildError(
            f"{address}: no worker came within {seconds:g} s; start workers with `dask worker`, "
            "and run the same command again"
        ) from error
    except Exception as error:  # what Dask raises when it has lost its scheduler
        raise BuildError(
            f"{address}: the scheduler is gone: {error}; run the same command again"
        ) from error


def _run_on_cluster(
    client: Any,
    tasks: Iterable[Delayed],
    hand_over: Callable[[Any], None],
    should_stop: Callable[[], bool],
    watch: Watch,
    patience_seconds: float,
) -> None:
    done: queue.SimpleQueue[Any] = queue.SimpleQueue()
    running: dict[str, Any] = {}
    tasks = iter(tasks)

    def refill() -> None:
        # Many in one graph: a scheduler keeps a record of each graph that it ever got.
        window = watch.window()
        if len(running) > window // 2 or should_stop():
            return
        batch = list(islice(tasks, window - len(running)))
        if not batch:
            return
        for future in _submit_all(client, batch, len(running)):
            running[future.key] = future
            future.add_done_callback(done.put)

    refill()
    while running:
        ended = _wait_for_some(done, watch)
        if not ended:
            watch.check(len(running))
            continue
        for future, result in _take_results(client, ended, patience_seconds):
            if _is_cluster_lost(client, future, result):
                raise lose("the scheduler is gone", len(running))
            del running[future.key]
            hand_over(result)
            watch.note_result()
        refill()


def _submit_all(client: Any, tasks: list[Delayed], n_running: int) -> Sequence[Any]:
    """Start tasks in one graph; return their futures."""
    graph = {key: node for task in tasks for key, node in task.dask.items()}
    try:
        return submit(client, graph, [task.key for task in tasks])
    except Exception as error:  # what Dask raises when it has given its scheduler up
        if is_running(client):
            raise
        raise lose("the scheduler is gone", n_running) from error


def _wait_for_some(done: queue.SimpleQueue[Any], watch: Watch) -> list[Any]:
    """Return the futures of tasks that have ended; none if there is none within a tick."""
    ended = []
    with suppress(queue.Empty):
        ended.append(done.get(timeout=_TICK_SECONDS))
        time.sleep(watch.pause())
        while True:
            ended.append(done.get_nowait())
    return ended


def _take_results(client: Any, futures: list[Any], seconds: float) -> Iterator[tuple[Any, Any]]:
    """Yield the results of tasks that have ended, fetched all at a time, or a `TaskLost` each."""
    finished = [future for future in futures if future.status == "finished"]
    results: dict[Any, Any] = {}
    if len(finished) > 1:
        with suppress(Exception):  # one of them is lost: each is taken by itself, and tells why
            found = call_within(seconds, lambda: client.gather(finished))
            results = dict(zip(finished, found, strict=True))
    for future in futures:
        is_fetched = future in results
        yield future, results[future] if is_fetched else _take_result(client, future, seconds)


def _is_cluster_lost(client: Any, future: Any, result: Any) -> bool:
    is_lost = isinstance(result, TaskLost) and not is_running(client)
    return is_lost or future.status == "cancelled"


def _take_result(client: Any, future: Any, seconds: float) -> Any:
    """Return the result of a task that has ended, or a `TaskLost`."""
    try:
        if future.status == "error":
            error = future.exception(timeout=seconds)
            # What a task itself raises is its result: this was raised before it began.
            unfit = "" if _is_killed(error) else find_unfit(client, future.key)
            return TaskLost(future.key, f"{type(error).__name__}: {error}", unfit)
        return future.result(timeout=seconds)
    except (OSError, CancelledError) as error:  # its worker died with it, and no other had it since
        return TaskLost(future.key, f"its result was lost: {type(error).__name__}: {error}")


def _is_killed(error: BaseException) -> bool:
    """Tell whether a task is lost since worker after worker has died over it."""
    from distributed.scheduler import KilledWorker  # noqa: PLC0415 - takes half a second

    return isinstance(error, KilledWorker)
