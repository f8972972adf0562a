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
shared among ranks. All are shuffled by (seed, epoch), and can go on in the middle of an epoch. Each
iteration is the next epoch, unless one is set. The rank is found when an iteration begins.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

from digit_sequence.learn.batches import (
    BLANK,
    CtcBatch,
    Example,
    collate,
    count_classes,
    decode_classes,
    encode_numbers,
)
from digit_sequence.learn.epochs import EpochClock
from digit_sequence.learn.ranks import Parent, Rank, check_rank, describe_parent, find_rank
from digit_sequence.learn.sampler import ShardBatchSampler, check_same
from digit_sequence.learn.shuffle import EpochOrder, find_blocks, share
from digit_sequence.read.dataset import Batch, Positions, Split

__all__ = [
    "BLANK",
    "CtcBatch",
    "Example",
    "NumberDataset",
    "NumberStream",
    "ShardBatchSampler",
    "collate",
    "count_classes",
    "decode_classes",
    "encode_numbers",
]

_READ_SAMPLES = 64
_NO_BOXES = np.empty((0, 5), np.int32)

Transform = Callable[[NDArray[np.uint8]], Any]


class NumberDataset(Dataset):  # type: ignore[misc]
    """A split as a map-style dataset.

    Parameters
    ----------
    split : Split
    boxes : bool
        Whether examples carry boxes.
    transform : callable, optional
        Applied to every image, uint8 (H, W); must be picklable for workers. `collate` scales
        uint8 to 0 to 1, and takes anything else as it is.
    """

    def __init__(
        self, split: Split, boxes: bool = False, transform: Transform | None = None
    ) -> None:
        self.split = split
        self._has_boxes = boxes
        self._columns = ["key", "number", *(["boxes"] if boxes else [])]
        self._transform = transform
        self._max_digits = split.max_digits

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, position: int) -> Example:
        """Return the example at a position."""
        return self.__getitems__([position])[0]

    def __getitems__(self, positions: Positions) -> list[Example]:
        """Return the examples at some positions, which is how a DataLoader asks for a batch."""
        return self._make_examples(self.split.read_batch(positions, self._columns))

    def stream(self, positions: NDArray[np.int64]) -> Iterator[Example]:
        """Yield the examples at some positions, in that order."""
        for batch in self.split.read_batches(positions, _READ_SAMPLES, self._columns):
            yield from self._make_examples(batch)

    def _make_examples(self, batch: Batch) -> list[Example]:
        images: Iterable[Any] = batch.cut()
        if self._transform is not None:
            images = map(self._transform, images)
        boxes = batch.boxes if self._has_boxes else [_NO_BOXES] * len(batch.images)
        keys = batch.labels["key"].to_pylist()
        longest = [self._max_digits] * len(keys)
        return list(map(Example, images, batch.numbers, keys, boxes, longest))


class NumberStream(IterableDataset):  # type: ignore[misc]
    """A split as an iterable dataset: each sample once an epoch over all ranks and workers.

    Parameters
    ----------
    split : Split
    seed : int
    shuffle : bool
    rank, world_size : int, optional
        Default: when an iteration begins, those of the process group of torch.distributed, else
        those of the environment, RANK and WORLD_SIZE. In a loader that Accelerate prepared, which
        shares out by itself, the stream gives everything.
    drop_uneven : bool
        Leave out the few samples that would make one stream longer than another, for training
        that needs the same number of batches on every rank.
    boxes, transform
        As of `NumberDataset`.

    Notes
    -----
    Each iteration that begins is the next epoch, unless `set_epoch` chose one. So what begins on
    one rank begins on all: to look at a batch on one rank alone, make another stream.

    In the middle of an epoch, torchdata's StatefulDataLoader saves and restores the position by
    itself. With a plain DataLoader, load ``stream.state_after(n_batches, batch_size, num_workers)``
    into the stream.
    """

    def __init__(
        self,
        split: Split,
        *,
        seed: int = 0,
        shuffle: bool = True,
        rank: int | None = None,
        world_size: int | None = None,
        drop_uneven: bool = False,
        boxes: bool = False,
        transform: Transform | None = None,
    ) -> None:
        self._examples = NumberDataset(split, boxes, transform)
        self._blocks = find_blocks(split)
        self._seed, self._shuffle, self._drop_uneven = seed, shuffle, drop_uneven
        self._given = check_rank(rank, world_size)
        self._parent: Parent | None = None
        self._clock = EpochClock()
        self._running: int | None = None
        """Epoch of the iteration at hand, once it began."""
        self._stream: int | None = None
        self._position = 0
        self._resume: Mapping[str, Any] | None = None
        self._loader: int | None = None
        """Process that loaded the state."""

    def __len__(self) -> int:
        """Return the samples of an epoch on this rank, as it is known now.

        To a DataLoader, which divides by its batch size: so many that it arrives at its number of
        batches. Each of its workers may end with a batch that is not full.
        """
        rank = self._find_rank()
        caller = sys._getframe(1).f_locals.get("self")
        if not isinstance(caller, DataLoader) or caller.dataset is not self:
            return sum(self._sizes(rank, 1))
        sizes = self._sizes(rank, max(1, caller.num_workers))
        if caller.batch_size is None:
            return sum(sizes)
        batch_size: int = caller.batch_size
        added: int = 0 if caller.drop_last else batch_size - 1
        n_batches: int = sum((size + added) // batch_size for size in sizes)
        return n_batches * batch_size

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration, also to go on in that of a loaded state."""
        state = self._take_state()
        self._clock.set(epoch)
        if state is not None and state["epoch"] == epoch:
            self._keep_state(state)

    def _find_rank(self) -> Rank:
        return find_rank(self._given, self._parent)

    def _part(self, rank: Rank, worker: int, n_workers: int) -> tuple[int, int]:
        """Return the part of the epoch's order that a worker of a rank takes."""
        n_streams = rank.world_size * n_workers
        n_samples = self._blocks.n_samples
        if self._drop_uneven:
            n_samples -= n_samples % n_streams
        return share(n_samples, rank.rank * n_workers + worker, n_streams)

    def _sizes(self, rank: Rank, n_workers: int) -> list[int]:
        """Return how many samples each worker of a rank takes."""
        parts = [self._part(rank, worker, n_workers) for worker in range(n_workers)]
        return [stop - start for start, stop in parts]

    def __iter__(self) -> Iterator[Example]:
        """Return the examples of this worker of this rank that are not done."""
        state = self._take_state()
        self._running, self._position = None, 0
        worker, n_workers = _find_worker()
        self._stream = worker
        if state is not None:
            check_same(state, self._identity(n_workers))
            self._stream = (worker + state["turn"]) % n_workers
            self._position = int(state["done"].get(str(self._stream), 0))
            self._running = int(state["epoch"])
            if self._loader == os.getpid():
                # StatefulDataLoader asks nothing of an iterator whose epoch is done.
                self._clock.begin(self._running)
        return self._generate(self._stream, n_workers, self._running)

    def _generate(self, stream: int, n_workers: int, epoch: int | None) -> Iterator[Example]:
        # A DataLoader may make an iterator that nobody asks for a sample: no epoch begins then. Nor
        # does one while there are workers to be started, which would miss the state.
        if epoch is None or self._loader != os.getpid():
            epoch = self._running = self._clock.begin(epoch)
        start, stop = self._part(self._find_rank(), stream, n_workers)
        order = EpochOrder(self._blocks, self._seed, epoch, self._shuffle)
        for window in order.positions(min(start + self._position, stop), stop):
            for example in self._examples.stream(window):
                self._position += 1
                yield example

    def state_dict(self) -> dict[str, Any]:
        """Return where this worker of this rank is."""
        worker, n_workers = _find_worker()
        stream = worker if self._stream is None else self._stream
        epoch = self._clock.next() if self._running is None else self._running
        turn = (stream - worker) % n_workers
        return self._make_state(epoch, n_workers, {stream: self._position}, turn)

    def state_after(self, n_batches: int, batch_size: int, num_workers: int) -> dict[str, Any]:
        """Return the state after a DataLoader gave out the first `n_batches` of the epoch.

        The epoch is the one that began last, or was set since.
        """
        n_workers = max(1, num_workers)
        sizes = self._sizes(self._find_rank(), n_workers)
        # Workers take turns. None has more than one batch more than another, so only in the last
        # round are there workers without a turn.
        rounds = min(n_batches // n_workers, min(sizes) // batch_size)
        rest = n_batches - rounds * n_workers
        turn = rest % n_workers
        done = {}
        for worker, size in enumerate(sizes):
            has_turn = rest > 0 and rounds * batch_size < size
            rest -= has_turn
            done[worker] = min(size, (rounds + has_turn) * batch_size)
        return self._make_state(self._clock.current(), n_workers, done, turn)

    def _make_state(
        self, epoch: int, n_workers: int, done: Mapping[int, int], turn: int
    ) -> dict[str, Any]:
        return {
            "epoch": epoch,
            "turn": turn,
            "done": {str(stream): count for stream, count in done.items()},
            **self._identity(n_workers),
        }

    def _identity(self, n_workers: int) -> dict[str, Any]:
        """Return what decides the order of each worker."""
        return {"seed": self._seed, **self._find_rank()._asdict(), "workers": n_workers}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where a state was taken, in the same order; the next iteration only."""
        self._clock.set(state["epoch"])
        self._keep_state(state)

    def _keep_state(self, state: Mapping[str, Any]) -> None:
        self._resume, self._loader = state, os.getpid()

    def _take_state(self) -> Mapping[str, Any] | None:
        """Return the state to go on with, once.

        The main process does not see that its workers took theirs, so what it loaded counts until
        an iteration has begun; what a worker loaded itself is its own.
        """
        state, self._resume = self._resume, None
        is_own = get_worker_info() is not None and self._loader == os.getpid()
        return state if is_own or not self._clock.has_begun() else None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_parent": describe_parent()}


def _find_worker() -> tuple[int, int]:
    """Return which DataLoader worker this is, and of how many."""
    info = get_worker_info()
    return (info.id, info.num_workers) if info else (0, 1)
