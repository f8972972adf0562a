"""Who takes which part of an epoch's order: in steps, so that how many take changes no order.

In a step every rank takes a batch; what is left at the end, less than that, all ranks share. So
batches follow each other in the order of the epoch, and what is done of it is one count::

    order     0 ............ 7 8 ........... 15 16 .... 21
    steps     rank 0 | rank 1  rank 0 | rank 1  0   | 1      batches of 4
    workers   worker 0         worker 1         worker 0     of each rank
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple


class Step(NamedTuple):
    """A part of the order, of which each rank takes a batch."""

    start: int
    stop: int


class Place(NamedTuple):
    """Where a worker is in the order of an epoch."""

    done: int
    """Samples before it, of all ranks."""
    turn: int
    """Steps from there to its own."""
    begun: int = 0
    """Samples that it has of its own."""

    def advance(self, size: int, step: Step, n_workers: int) -> Place:
        """Return its place after one more sample of its rank's part of a step, of some size."""
        if self.begun + 1 < size:
            return self._replace(begun=self.begun + 1)
        return Place(step.stop, n_workers - 1)


@dataclass(frozen=True)
class Deal:
    """How the order of an epoch is dealt to ranks."""

    n_samples: int
    n_ranks: int
    batch_size: int
    is_even: bool = False
    """Whether no rank goes without a batch in the last step, where there are samples for that: the
    step before is smaller then."""

    @property
    def step_samples(self) -> int:
        """Samples of a step, but for the last ones."""
        return self.n_ranks * self.batch_size

    def steps(self, done: int = 0, first: int = 0, every: int = 1) -> Iterator[Step]:
        """Yield every so many steps after the first `done` samples, beginning at a step.

        >>> list(Deal(22, n_ranks=2, batch_size=4).steps())
        [Step(start=0, stop=8), Step(start=8, stop=16), Step(start=16, stop=22)]
        """
        n_full = self._count_full(done)
        for index in range(first, n_full, every):
            start = done + index * self.step_samples
            yield Step(start, start + self.step_samples)
        for index, step in enumerate(self._list_last(done), start=n_full):
            if index >= first and (index - first) % every == 0:
                yield step

    def _count_full(self, done: int) -> int:
        """Return how many steps there are before the last ones, which may be smaller."""
        return max(0, (self.n_samples - done - self.n_ranks) // self.step_samples)

    def _list_last(self, done: int) -> Iterator[Step]:
        start = done + self._count_full(done) * self.step_samples
        while start < self.n_samples:
            stop = start + self._find_size(self.n_samples - start)
            yield Step(start, stop)
            start = stop

    def _find_size(self, left: int) -> int:
        """Return the samples of the step when so many are left."""
        behind = left - self.step_samples
        is_uneven = self.is_even and 0 < behind < self.n_ranks and self.batch_size > 1
        return left - self.n_ranks if is_uneven else min(left, self.step_samples)

    def part(self, step: Step, rank: int) -> tuple[int, int]:
        """Return the part of a step, start and stop, that a rank takes."""
        start, stop = share(step.stop - step.start, rank, self.n_ranks)
        return step.start + start, step.start + stop

    def sizes(self, rank: int) -> tuple[int, list[int]]:
        """Return how many full batches a rank takes, and the sizes of those behind them."""
        parts = [self.part(step, rank) for step in self._list_last(0)]
        return self._count_full(0), [stop - start for start, stop in parts if start < stop]

    def place_after(self, done: int, n_steps: int) -> int:
        """Return how many samples are done when further steps are."""
        step = next(self.steps(done, n_steps - 1), None) if n_steps else Step(done, done)
        return self.n_samples if step is None else step.stop


def share(n_samples: int, rank: int, n_ranks: int) -> tuple[int, int]:
    """Return the part of some samples, start and stop, that one of several ranks takes.

    The parts follow each other, cover everything, and differ by one sample at most.

    >>> [share(10, rank, 3) for rank in range(3)]
    [(0, 3), (3, 6), (6, 10)]
    """
    return rank * n_samples // n_ranks, (rank + 1) * n_samples // n_ranks
