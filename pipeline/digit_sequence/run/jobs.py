"""Jobs: many tasks of one kind on an open scheduler, and what is done about failures.

========  ========================================================================================
task      tried `MAX_ATTEMPTS` times in all, unless another try would fail as well; the others go
          on meanwhile
worker    asked before a job whether it can take part; where one that came later cannot open what
          the job is about, or not begin a task, its failures are its own: they use up no attempt,
          and it gets no more tasks; where that cannot be arranged they are bounded, too
cluster   no new task is begun when most of the latest results are failures
========  ========================================================================================

Build, verification, repair and export are jobs; what a task does is passed in.
"""

from __future__ import annotations

import os
import pickle
import platform
import time
import traceback
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import dask
from dask.delayed import Delayed

from digit_sequence.base.errors import (
    ConfigError,
    OutputError,
    PipelineError,
    RenderError,
    SourceError,
)
from digit_sequence.base.text import list_first
from digit_sequence.run.dask_internals import find_own_address
from digit_sequence.run.run import Run, TaskLost

MAX_ATTEMPTS = 3
"""How often a task is tried, all in all."""
MAX_UNFIT = 2 * MAX_ATTEMPTS
"""How often, beside that, it may come to a worker that cannot take part."""
ABORT_AFTER = 8
"""Results after which a job gives up, if most of them are failures."""
_RECENT_RESULTS = 16
"""How many results are looked at for that: a disk may be full late in a build."""
_KEPT_TRACEBACKS = 20
UNFIT_SECONDS = 10.0
"""How long a worker takes to say that it cannot take part: it is not to get all tasks for that."""


@dataclass(frozen=True)
class Work:
    """What the tasks of a job do: functions of modules, which travel by their names."""

    subject: Any
    """What the job is about; small, for it travels with every task."""
    call: Callable[..., Any]
    """Does a task: gets the subject and the task's arguments, returns a small record."""
    open: Callable[[Any], Any]
    """Opens the subject, once in a process; a worker where it raises cannot take part."""
    probe: Callable[[Any], Any] | None = None
    """Tries more than `open`, once on every worker there is before the job begins."""
    find_sample: Callable[..., str | None] | None = None
    """Gets what `call` got when that failed, but for files; returns the key of the bad sample."""


@dataclass(frozen=True)
class Done:
    """What came out of a task."""

    name: str
    result: Any


@dataclass(frozen=True)
class Failure:
    """Why a task has no result."""

    name: str
    error: str
    traceback: str = ""
    is_final: bool = False
    """Whether another try would fail as well."""
    is_unfit: bool = False
    """Whether the worker cannot take part, whatever the task."""
    is_of_files: bool = False
    is_expected: bool = True
    """Whether it is the user's to solve; else the traceback is what helps."""
    worker: str = ""
    """HOST:PID of the process that failed; nothing if it is gone."""
    address: str = ""
    """Of the worker on a cluster."""
    sample: str | None = None
    """Key of the sample that cannot be drawn, if it is one."""

    def describe(self) -> str:
        """Return the error, with its traceback if it is a defect of this program."""
        return self.error if self.is_expected else self.traceback or self.error


def probe_workers(run: Run, work: Work) -> None:
    """Ask every worker there is whether it can take part.

    Raises
    ------
    OutputError
        If one cannot; tells of each.
    """
    results = run.probe(_try_out, (work,))
    problems = [f"{worker}: {error}" for worker, error in results.items() if error is not None]
    if problems:
        raise OutputError(
            f"{len(problems):,} of {len(results):,} workers cannot take part:\n"
            f"{list_first(problems)}"
        )


def _try_out(work: Work) -> None:
    """Return nothing, for what is opened stays where it is."""
    (work.probe or work.open)(work.subject)


def attempt_task(work: Work, name: str, arguments: tuple[Any, ...]) -> Done | Failure:
    """Do a task in a worker, and return what went wrong instead of raising it."""
    is_open = False
    try:
        try:
            work.open(work.subject)
        except Exception:
            time.sleep(UNFIT_SECONDS)
            raise
        is_open = True
        return Done(name, work.call(work.subject, *arguments))
    except Exception as error:  # reported with its traceback, the others go on
        is_of_files = isinstance(error, OutputError | SourceError)
        where = f" on {platform.node()}" if is_of_files else ""
        find_sample = work.find_sample if is_open and not is_of_files else None
        return Failure(
            name,
            f"{type(error).__name__}{where}: {error}",
            traceback.format_exc(),
            is_final=is_open and isinstance(error, RenderError | ConfigError),
            is_unfit=not is_open,
            is_of_files=is_of_files,
            is_expected=isinstance(error, PipelineError),
            worker=f"{platform.node()}:{os.getpid()}",
            address=find_own_address(),
            sample=find_sample(work.subject, *arguments) if find_sample else None,
        )


def make_tasks(
    work: Work, names: Iterable[str], find_arguments: Callable[[str], tuple[Any, ...]]
) -> Iterator[Delayed]:
    """Yield the Dask graph, one task for each name, keyed by name and run."""
    run = uuid.uuid4().hex[:8]
    load = dask.delayed(pickle.loads, pure=False)
    for name in names:
        attempt = pickle.dumps(_Attempt(work, name, find_arguments(name)))
        yield load(attempt, dask_key_name=f"{name}-{run}")


@dataclass(frozen=True)
class _Attempt:
    """A call of `attempt_task`, which to load its pickle makes.

    To Dask a task is bytes. So a worker that lacks this package fails at it; what a worker cannot
    even receive ends it, and all that it has counts as killed with it.
    """

    work: Work
    name: str
    arguments: tuple[Any, ...]

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return attempt_task, (self.work, self.name, self.arguments)


def _ignore(*_: Any) -> None:
    """Do nothing."""


class Job:
    """Tasks by their names: what came out, what is to be tried again.

    Parameters
    ----------
    work : Work
    find_arguments : callable
        Returns the arguments of the task of a name.
    collect : callable
        Gets name and result of each task that is done, in any order.
    should_stop : callable
        Asked before every new task; true: finish those under way and begin no more.
    on_failure, on_retry : callable
        Called with each `Failure`; with the name and the number of each further attempt.
    """

    def __init__(
        self,
        work: Work,
        find_arguments: Callable[[str], tuple[Any, ...]],
        collect: Callable[[str, Any], None],
        *,
        should_stop: Callable[[], bool] = lambda: False,
        on_failure: Callable[[Failure], None] = _ignore,
        on_retry: Callable[[str, int], None] = _ignore,
    ) -> None:
        self.failures: dict[str, Failure] = {}
        """Tasks without a result, with the latest reason."""
        self._work = work
        self._find_arguments = find_arguments
        self._collect = collect
        self._should_stop = should_stop
        self._on_failure = on_failure
        self._on_retry = on_retry
        self._is_failure: deque[bool] = deque(maxlen=_RECENT_RESULTS)
        self._n_failed: Counter[str] = Counter()
        self._n_unfit: Counter[str] = Counter()

    @property
    def is_hopeless(self) -> bool:
        """Whether most of the latest results were failures."""
        n_results = len(self._is_failure)
        return n_results >= ABORT_AFTER and sum(self._is_failure) > n_results / 2

    def do(self, run: Run, names: Iterable[str]) -> None:
        """Do the tasks, some of them repeatedly; `failures` has what is left at the end.

        Raises
        ------
        BuildError
            If the cluster is gone.
        """
        try:
            while names := self._do_once(run, names):
                for name in names:
                    run.tally.retries += 1
                    self._on_retry(name, self._n_failed[name] + self._n_unfit[name] + 1)
        finally:
            run.take_back()

    def _do_once(self, run: Run, names: Iterable[str]) -> list[str]:
        """Do tasks; return those to do again."""
        tasks = make_tasks(self._work, names, self._find_arguments)
        run.execute(tasks, lambda outcome: self._take(run, outcome), self._is_over)
        return [] if self._is_over() else self._list_again()

    def _list_again(self) -> list[str]:
        return [
            name
            for name, failure in self.failures.items()
            if not failure.is_final
            and self._n_failed[name] < MAX_ATTEMPTS
            and self._n_unfit[name] < MAX_UNFIT
        ]

    def _is_over(self) -> bool:
        return self._should_stop() or self.is_hopeless

    def _take(self, run: Run, outcome: Done | Failure | TaskLost) -> None:
        run.tally.failures += not isinstance(outcome, Done)
        if isinstance(outcome, TaskLost):
            name = outcome.key.rpartition("-")[0]
            # Several workers died over it, or beside it: it gets one more chance.
            outcome = Failure(
                name,
                outcome.error,
                is_final=self._n_failed[name] > 0 and not outcome.worker,
                is_unfit=bool(outcome.worker),
                address=outcome.worker,
            )
        if isinstance(outcome, Failure) and outcome.is_unfit and run.set_apart(outcome.address):
            self._on_failure(outcome)
            self.failures[outcome.name] = outcome  # it is tried again, however often
            return
        self._is_failure.append(isinstance(outcome, Failure))
        if isinstance(outcome, Failure):
            self._note(outcome)
        else:
            self.failures.pop(outcome.name, None)
            self._collect(outcome.name, outcome.result)

    def _note(self, failure: Failure) -> None:
        self._on_failure(failure)
        (self._n_unfit if failure.is_unfit else self._n_failed)[failure.name] += 1
        if len(self.failures) >= _KEPT_TRACEBACKS:
            failure = replace(failure, traceback="")
        self.failures[failure.name] = failure
