"""Which epoch it is: each iteration that begins is the next one, unless one is set.

The main process does not see that its workers begin, and they do not see each other. So the epoch
that began last is in memory that a process shares with its workers; each worker keeps what stood
there when it was started, and counts on by itself if it persists. All workers of an iteration so
agree, however late one of them begins.
"""

from __future__ import annotations

import os
import weakref
from typing import Any

import torch
from torch.utils.data import get_worker_info

_EPOCH, _BEGUN, _SET, _N_SET = range(4)
"""Cells: the epoch that is next or began last, whether it began, the epoch that was set last, and
how often one was set."""


class EpochClock:
    """The epoch of a dataset, in a process and its DataLoader workers."""

    def __init__(self) -> None:
        self._adopt([0, 0, 0, 0])
        _clocks.add(self)

    def _adopt(self, cells: list[int]) -> None:
        """Keep time for this process and the workers to come."""
        self._cells = torch.tensor(cells, dtype=torch.int64).share_memory_()
        self._owner: int | None = os.getpid()
        self._start = cells
        """The cells when this process was started; in the main process, of no use."""
        self._last: int | None = None
        """Of this worker."""

    def _read(self) -> list[int]:
        """Return the cells; in a process that has got the clock of another, first get its own."""
        if get_worker_info() is None and self._owner != os.getpid():
            self._adopt(self._start)
        cells: list[int] = self._cells.tolist()
        return cells

    def keep_start(self) -> None:
        """Remember the cells for a process that is about to be started."""
        if get_worker_info() is None:
            self._start = self._read()

    def set(self, epoch: int) -> None:
        """Choose the epoch of the next iteration; in the main process alone."""
        if get_worker_info() is None:
            n_set = self._read()[_N_SET]
            self._cells.copy_(torch.tensor([epoch, 0, epoch, n_set + 1]))

    def next(self) -> int:
        """Return the epoch of an iteration that would begin now."""
        cells = self._read()
        if get_worker_info() is None:
            return cells[_EPOCH] + cells[_BEGUN]
        if self._last is None:
            return self._start[_EPOCH] + self._start[_BEGUN]
        return cells[_SET] if cells[_N_SET] != self._start[_N_SET] else self._last + 1

    def begin(self, resumed: int | None = None) -> int:
        """Begin an iteration, and return its epoch.

        Parameters
        ----------
        resumed : int, optional
            The epoch, if this goes on with one.
        """
        epoch = self.next() if resumed is None else resumed
        if get_worker_info() is not None:
            n_set = int(self._cells[_N_SET])
            if self._last is not None:
                self._start[_N_SET] = n_set
            self._last = epoch
            if self._start[_N_SET] != n_set:
                return epoch  # what was set meanwhile is for the next iteration
        self._cells[_EPOCH] = epoch
        self._cells[_BEGUN] = 1
        return epoch

    def has_begun(self) -> bool:
        """Whether an iteration began since an epoch was set: in a worker, when it was started."""
        cells = self._read() if get_worker_info() is None else self._start
        return bool(cells[_BEGUN])

    def current(self) -> int:
        """Return the epoch that began last, or that was set since."""
        return self._read()[_EPOCH]

    def __getstate__(self) -> dict[str, Any]:
        self.keep_start()
        return {"_cells": self._cells, "_start": self._start}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._cells, self._start = state["_cells"], state["_start"]
        self._owner = self._last = None
        _clocks.add(self)


_clocks: weakref.WeakSet[EpochClock] = weakref.WeakSet()


def _keep_starts() -> None:
    for clock in list(_clocks):
        clock.keep_start()


if hasattr(os, "register_at_fork"):  # where there is a fork
    os.register_at_fork(before=_keep_starts)
