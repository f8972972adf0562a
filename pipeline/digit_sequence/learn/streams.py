"""PyTorch datasets over the reader (extra ``torch``).

::

    train = open_dataset("data/default")["train"]
    stream = NumberStream(train, seed=1)
    loader = DataLoader(stream, batch_size=64, num_workers=4, collate_fn=collate)
    for epoch in range(10):
        for batch in loader:
            loss = ctc(model(batch.images), batch.targets, batch.input_widths // 4,
                       batch.target_lengths)

`NumberStream` is iterable: its ranks and workers share out each epoch among themselves.
`NumberDataset` is map-style, for any sampler; `ShardBatchSampler` gives it the same order, also
shared among ranks. All are shuffled by (seed, epoch), and can go on in the middle of an epoch, with
any other number of ranks and workers: the order stays what it is. Each iteration is the next epoch,
unless one is set. The rank is found when an iteration begins.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from digit_sequence.base.errors import ConfigError
from digit_sequence.learn.batches import (
    BLANK,
    CtcBatch,
    Example,
    collate,
    count_classes,
    decode_classes,
    encode_numbers,
)
from digit_sequence.learn.course import Course, SplitCourse
from digit_sequence.learn.dataset import NumberDataset, Transform
from digit_sequence.learn.deal import Deal, Place, Step
from digit_sequence.learn.epochs import EpochClock
from digit_sequence.learn.mix import Mix, MixCourse
from digit_sequence.learn.ranks import (
    Parent,
    Rank,
    check_rank,
    describe_parent,
    find_batch_size,
    find_rank,
    find_worker,
)
from digit_sequence.learn.sampler import ShardBatchSampler
from digit_sequence.learn.states import VERSION, check_batch_size, check_state
from digit_sequence.read.split import Split

__all__ = [
    "BLANK",
    "CtcBatch",
    "Example",
    "Mix",
    "NumberDataset",
    "NumberStream",
    "ShardBatchSampler",
    "collate",
    "count_classes",
    "decode_classes",
    "encode_numbers",
]


class NumberStream(IterableDataset):  # type: ignore[misc]
    """A split or a mix as an iterable dataset: an epoch is shared out to all ranks and workers.

    Parameters
    ----------
    split : Split or Mix
    seed : int
    shuffle : bool
    rank, world_size : int, optional
        Default: when an iteration begins, those of the process group of torch.distributed, else
        those of the environment, RANK and WORLD_SIZE. In a loader that Accelerate prepared, which
        shares out by itself, the stream gives everything.
    drop_uneven : bool
        Leave out the few samples that would make one stream longer than another, for training
        that needs the same number of batches on every rank.
    batch_size : int, optional
        Samples that the loader takes in a row. Default: asked of PyTorch's DataLoader, which tells
        datasets nothing of it, when an iteration begins; 1 if another loader iterates.
    boxes, transform
        As of `NumberDataset`.

    Notes
    -----
    Each iteration that begins is the next epoch, unless `set_epoch` chose one. So what begins on
    one rank begins on all: to look at a batch on one rank alone, make another stream.

    The order of an epoch is that of its seed, and is dealt to ranks and workers batch by batch, as
    `digit_sequence.learn.deal` says. Load ``stream.state_after(n_batches, batch_size)`` into a
    stream to go on in the middle of an epoch, with any number of ranks and workers and any batch
    size. What torchdata's StatefulDataLoader saves by itself goes on with the same ones alone.
    """

    def __init__(
        self,
        split: Split | Mix,
        *,
        seed: int = 0,
        shuffle: bool = True,
        rank: int | None = None,
        world_size: int | None = None,
        drop_uneven: bool = False,
        batch_size: int | None = None,
        boxes: bool = False,
        transform: Transform | None = None,
    ) -> None:
        self._course: Course = (
            MixCourse(split, seed, shuffle, boxes, transform)
            if isinstance(split, Mix)
            else SplitCourse(NumberDataset(split, boxes, transform), seed, shuffle)
        )
        self._drop_uneven = drop_uneven
        self._given = check_rank(rank, world_size)
        if batch_size is not None and batch_size < 1:
            raise ConfigError(f"batch_size: expected 1 or more, got {batch_size}")
        self._given_size = batch_size
        self._parent: Parent | None = None
        self._clock = EpochClock()
        self._running: int | None = None
        """Epoch of the iteration at hand, once it began."""
        self._place = Place(0, 0)
        self._batch_size: int | None = None
        """That the loader of the iteration at hand asks for."""
        self._base: tuple[int, int] = (0, 0)
        """Epoch of the state that was loaded last, and what was done of it."""
        self._resume: Mapping[str, Any] | None = None
        self._loader: int | None = None
        """Process that loaded the state."""

    def __len__(self) -> int:
        """Return the samples of an epoch on this rank, as it is known now.

        To a DataLoader, which divides by its batch size: so many that it arrives at its number of
        batches, the last of which may not be full.
        """
        rank = self._find_rank()
        caller = sys._getframe(1).f_locals.get("self")
        loader = caller if isinstance(caller, DataLoader) and caller.dataset is self else None
        wanted: int | None = None if loader is None else loader.batch_size
        batch_size = wanted or self._given_size or 1
        n_full, last = self._deal(rank, batch_size, 0).sizes(rank.rank)
        if loader is None or wanted is None:
            return n_full * batch_size + sum(last)
        n_batches = n_full + sum(size == batch_size or not loader.drop_last for size in last)
        return n_batches * batch_size

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration, also to go on in that of a loaded state."""
        state = self._take_state()
        self._clock.set(epoch)
        self._base = (0, 0)
        if state is not None and state["epoch"] == epoch:
            self._keep_state(state)

    def _find_rank(self) -> Rank:
        return find_rank(self._given, self._parent)

    def _deal(self, rank: Rank, batch_size: int, done: int) -> Deal:
        n_samples = self._course.n_samples
        if self._drop_uneven:
            n_samples -= (n_samples - done) % rank.world_size
        return Deal(n_samples, rank.world_size, batch_size)

    def __iter__(self) -> Iterator[Example]:
        """Return the examples of this worker of this rank that are not done."""
        state = self._take_state()
        worker, n_workers = find_worker()
        self._running, self._batch_size = None, None
        self._place = Place(0, worker)
        if state is not None:
            self._place = self._find_place(state, worker)
            self._running = int(state["epoch"])
            if self._loader == os.getpid():
                # StatefulDataLoader asks nothing of an iterator whose epoch is done.
                self._clock.begin(self._running)
        return self._generate(n_workers, self._running, state)

    def _find_place(self, state: Mapping[str, Any], worker: int) -> Place:
        """Return where this worker goes on: behind what all have done, or where it was itself."""
        turn, begun = state.get("turn", 0), state.get("begun", 0)
        is_own = self._is_worker_state()
        here, there = self._describe(), state.get("of")
        if (turn or begun or is_own) and there != here:
            raise ConfigError(
                f"state: expected that of {here}, as here, got {there}; go on with what it was "
                "saved with, or with what state_after returned"
            )
        return Place(state["samples"], turn if is_own else worker + turn, begun)

    def _is_worker_state(self) -> bool:
        """Whether a worker itself was given its state."""
        return get_worker_info() is not None and self._loader == os.getpid()

    def _describe(self) -> str:
        """Say which of how many workers this is."""
        worker, n_workers = find_worker()
        rank = self._find_rank()
        return f"worker {worker}/{n_workers} of rank {rank.rank}/{rank.world_size}"

    def _generate(
        self, n_workers: int, epoch: int | None, state: Mapping[str, Any] | None
    ) -> Iterator[Example]:
        # A DataLoader may make an iterator that nobody asks for a sample: no epoch begins then. Nor
        # does one while there are workers to be started, which would miss the state.
        if epoch is None or self._loader != os.getpid():
            epoch = self._running = self._clock.begin(epoch)
        place, rank = self._place, self._find_rank()
        self._batch_size = find_batch_size(self._given_size)
        check_batch_size(state or {}, place, self._batch_size)
        deal = self._deal(rank, self._batch_size, place.done)
        ahead: deque[tuple[int, Step]] = deque()

        def list_parts() -> Iterator[tuple[int, int]]:
            begun = place.begun
            for step in deal.steps(place.done, place.turn, n_workers):
                start, stop = deal.part(step, rank.rank)
                if start + begun < stop:
                    ahead.append((stop - start, step))
                    yield start + begun, stop
                begun = 0

        for example in self._course.examples(epoch, list_parts()):
            self._place = self._place.advance(*ahead[0], n_workers)
            if not self._place.begun:
                ahead.popleft()
            yield example

    def state_dict(self) -> dict[str, Any]:
        """Return where this worker of this rank is."""
        epoch = self._clock.next() if self._running is None else self._running
        place = {
            "turn": self._place.turn,
            "begun": self._place.begun,
            "batch_size": self._batch_size,
            "of": self._describe(),
        }
        return self._make_state(epoch, self._place.done) | place

    def state_after(self, n_batches: int, batch_size: int) -> dict[str, Any]:
        """Return the state after a DataLoader gave out some batches on every rank.

        Parameters
        ----------
        n_batches : int
            Since the epoch began, or since it was gone on with.
        batch_size : int
            Of the loader on each rank; how many workers it has does not matter.

        Returns
        -------
        dict
            Of the epoch that began last, or was set since; the same on every rank. It goes on with
            any number of ranks and workers.
        """
        epoch = self._clock.current()
        base_epoch, done = self._base
        if epoch != base_epoch:
            done = 0
        deal = self._deal(self._find_rank(), batch_size, done)
        return self._make_state(epoch, deal.place_after(done, n_batches))

    def _make_state(self, epoch: int, done: int) -> dict[str, Any]:
        course = self._course
        place = {"epoch": epoch, "samples": done}
        return {"version": VERSION, **course.identify(), **place, **course.describe(epoch)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where a state was taken, in the same order; the next iteration only.

        Raises
        ------
        ConfigError
            If the state is of other samples, or of another order.
        """
        check_state(state, self._course.identify(), self._course.n_samples)
        self._course.adopt(state)
        self._clock.set(state["epoch"])
        self._keep_state(state)

    def _keep_state(self, state: Mapping[str, Any]) -> None:
        self._resume, self._loader = state, os.getpid()
        self._base = state["epoch"], state["samples"]

    def _take_state(self) -> Mapping[str, Any] | None:
        """Return the state to go on with, once.

        The main process does not see that its workers took theirs, so what it loaded counts until
        an iteration has begun; what a worker loaded itself is its own.
        """
        state, self._resume = self._resume, None
        return state if self._is_worker_state() or not self._clock.has_begun() else None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_parent": describe_parent()}
