"""Looking after a cluster while tasks are on it: how many it may hold, whether it is alive."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

from digit_sequence.base.errors import BuildError
from digit_sequence.base.progress import Tally
from digit_sequence.run.dask_internals import (
    count_threads,
    forget_names,
    is_closed,
    list_silences,
)

TASKS_PER_THREAD = 4
"""Tasks that a cluster holds for each of its threads, at least."""
_MOST_TASKS_PER_THREAD = 16
"""How many it may hold of tasks so short that more of them take `_AHEAD_SECONDS`."""
_AHEAD_SECONDS = 1.0
_GATHER_SECONDS = 0.25
"""For how long results are gathered where they come faster, and a task takes longer."""
RECOUNT_SECONDS = 1.0
"""How often its threads and its results are counted while results come."""
FORGET_AFTER = 10_000
"""Results after which Dask's processes are told to forget the names of tasks."""


class Watch:
    """Looks after a cluster while tasks are on it."""

    def __init__(
        self,
        client: Any,
        patience_seconds: float,
        apart: Collection[str] = (),
        tally: Tally | None = None,
    ) -> None:
        self._client = client
        self._patience = patience_seconds
        self._apart = apart
        self._tally = tally or Tally()
        self._alive_at = self._counted_at = self._result_at = time.monotonic()
        self._threads = count_threads(client, apart) or 1
        self._n_results = self._n_counted = 0
        self._rate = 0.0
        self._window = TASKS_PER_THREAD * self._threads

    def note_result(self) -> None:
        """Note that a result has come."""
        self._alive_at = self._result_at = time.monotonic()
        self._n_results += 1
        if self._n_results % FORGET_AFTER == 0:
            forget_names(self._client)

    def window(self) -> int:
        """Return how many tasks the cluster may hold; it may have grown, shrunk or gone faster."""
        seconds = time.monotonic() - self._counted_at
        if seconds > RECOUNT_SECONDS:
            self._threads = count_threads(self._client, self._apart) or self._threads
            self._tally.threads = self._threads
            self._rate = (self._n_results - self._n_counted) / seconds
            ahead = int(self._rate * _AHEAD_SECONDS)
            least, most = (n * self._threads for n in (TASKS_PER_THREAD, _MOST_TASKS_PER_THREAD))
            self._window = min(max(ahead, least), most)
            self._counted_at, self._n_counted = time.monotonic(), self._n_results
        return self._window

    def pause(self) -> float:
        """Return for how many seconds to wait for more results, to take many at a time."""
        n_meanwhile = self._rate * _GATHER_SECONDS
        return _GATHER_SECONDS if 1 < n_meanwhile < self._threads else 0.0

    def check(self, n_running: int) -> None:
        """Raise a BuildError if nothing can come any more."""
        threads = count_threads(self._client, self._apart)
        if threads:
            self._alive_at = time.monotonic()
            if self._alive_at - self._result_at > 2 * self._patience:
                self._check_silence(n_running)
            return
        waited = time.monotonic() - self._alive_at
        if waited > self._patience or is_closed(self._client):
            problem = "no worker is left" if threads == 0 else "the scheduler does not answer"
            raise lose(f"{problem} since {waited:.0f} s,", n_running)

    def _check_silence(self, n_running: int) -> None:
        """Raise a BuildError if a worker is there and says nothing: frozen, or cut off."""
        for address, seconds in list_silences(self._client).items():
            if seconds > self._patience:
                raise lose(f"worker {address} is silent since {seconds:.0f} s: end it;", n_running)


def lose(problem: str, n_running: int) -> BuildError:
    """Return the error of a run whose cluster is lost."""
    return BuildError(
        f"{problem} with {n_running} shards under way; what is built is kept: run the same command "
        "again"
    )
