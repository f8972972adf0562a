"""Tasks in this process: in this thread, or in a pool of threads."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from typing import Any

from dask.delayed import Delayed

from digit_sequence.run.limits import share_machine
from digit_sequence.run.run import Run
from digit_sequence.run.waiting import catch


def make_local_run(scheduler: str, workers: int, memory_limit: int | None) -> Run:
    """Return a scheduler in this process: synchronous or threads."""
    return Run(
        kind=scheduler,
        threads=workers,
        execute=partial(_run_on_threads, workers) if scheduler == "threads" else _run_here,
        probe=lambda call, args: {scheduler: catch(call, *args)},
        find_memory_limit=lambda: share_machine(workers, memory_limit),
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
            done.put(catch(_compute, task))

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
