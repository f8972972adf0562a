"""An open scheduler: what runs tasks, and what comes of a task that is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from dask.delayed import Delayed

from digit_sequence.base.progress import Tally
from digit_sequence.run.limits import MemoryLimit

Execute = Callable[[Iterable[Delayed], Callable[[Any], None], Callable[[], bool]], None]
"""Runs tasks. Gets a function for each result, in any order, and one that says whether to stop:
then no new task is started, and those under way are waited for."""


@dataclass(frozen=True)
class TaskLost:
    """What is handed over for a task that has no result, because of what happened to its worker."""

    key: str
    error: str
    worker: str = ""
    """Address of the worker, if it cannot even begin a task; nothing if it is gone."""


def _have_no_worker_to(_address: str) -> bool:
    return False


def _have_none_apart() -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Run:
    """An open scheduler."""

    kind: str
    """As people name it: threads, tcp://..."""
    threads: int
    """How many tasks run at a time, when it was opened."""
    execute: Execute
    probe: Callable[[Callable[..., Any], tuple[Any, ...]], dict[str, Any]]
    """Runs a function once on every worker there is; returns results, or exceptions, by worker."""
    find_memory_limit: Callable[[], MemoryLimit | None]
    """Returns what a task may need at most; None if the cluster sets no limit or does not say."""
    set_apart: Callable[[str], bool] = _have_no_worker_to
    """Sees to it that the worker at an address gets no more tasks; returns whether it could."""
    take_back: Callable[[], None] = _have_none_apart
    """Ends that for all."""
    dashboard: str | None = None
    client: Any = None
    """Of distributed, where there is a cluster."""
    tally: Tally = field(default_factory=Tally)
