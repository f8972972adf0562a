"""PyTorch datasets over the reader (extra ``torch``).

::

    train = open_dataset("data/default")["train"]
    stream = NumberStream(train, seed=1)
    loader = DataLoader(stream, batch_size=64, num_workers=4, collate_fn=collate)
    for epoch in range(10):
        stream.set_epoch(epoch)
        for batch in loader:
            loss = ctc(model(batch.images), batch.targets, batch.input_widths // 4,
                       batch.target_lengths)

`NumberStream` is iterable: its ranks and workers share out each epoch among themselves.
`NumberDataset` is map-style, for any sampler; `ShardBatchSampler` gives it the same order, also
shared among ranks. All are shuffled by (seed, epoch), and can go on in the middle of an epoch.
Classes for CTC are 0 for blank and digit + 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, IterableDataset, Sampler, get_worker_info

from digit_sequence.base.errors import ConfigError
from digit_sequence.learn.shuffle import EpochOrder, find_blocks, share
from digit_sequence.read.dataset import Batch, Positions, Split

BLANK = 0
"""CTC class that stands for no digit; digit d is class d + 1."""
N_CLASSES = 11
_READ_SAMPLES = 64

Transform = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


class Example(NamedTuple):
    """One sample, as datasets give it to `collate`."""

    image: NDArray[np.uint8]
    """(H, W)"""
    number: str
    key: str
    boxes: NDArray[np.int32] | None
    """(D, 5) digit, top, left, bottom, right; None unless asked for."""


class CtcBatch(NamedTuple):
    """B samples, ready for a network and ``torch.nn.CTCLoss``."""

    images: Any
    """float32 (B, 1, H, W), 0 to 1."""
    targets: Any
    """int64, all classes of all numbers, one number after another."""
    target_lengths: Any
    """int64 (B,), digits of each number."""
    input_widths: Any
    """int64 (B,), columns of each image; divide by the stride of the network."""
    numbers: list[str]
    keys: list[str]
    boxes: list[dict[str, Any]]
    """As torchvision's detectors take them: `boxes` float32 (D, 4) left, top, right, bottom, and
    `labels` int64 (D,), digit + 1. Empty unless asked for."""


def encode_numbers(numbers: Sequence[str]) -> tuple[Any, Any]:
    """Return the classes of numbers one after another, and the length of each, both int64.

    >>> encode_numbers(["007", "4"])
    (tensor([1, 1, 8, 5]), tensor([3, 1]))
    """
    digits = np.frombuffer("".join(numbers).encode(), np.uint8).astype(np.int64)
    lengths = torch.tensor([len(number) for number in numbers], dtype=torch.int64)
    return torch.from_numpy(digits - ord("0") + 1), lengths


def decode_classes(classes: Any) -> list[str]:
    """Turn the best class of every step into numbers: drop repetitions, then blanks.

    Greedy CTC decoding (Graves et al., "Connectionist temporal classification", ICML 2006).

    Parameters
    ----------
    classes : Tensor of integers, shape (B, T)

    Examples
    --------
    >>> decode_classes(torch.tensor([[0, 1, 1, 0, 1, 8, 8, 0]]))
    ['007']
    """
    return ["".join(_collapse(row)) for row in classes.tolist()]


def _collapse(row: list[int]) -> Iterator[str]:
    previous = BLANK
    for label in row:
        if label not in (previous, BLANK):
            yield str(label - 1)
        previous = label


def collate(examples: Sequence[Example]) -> CtcBatch:
    """Make a batch of examples."""
    images = torch.from_numpy(np.stack([example.image for example in examples]))
    targets, lengths = encode_numbers([example.number for example in examples])
    return CtcBatch(
        images=images.unsqueeze(1).to(torch.float32).div_(255),
        targets=targets,
        target_lengths=lengths,
        input_widths=torch.full((len(examples),), images.shape[-1], dtype=torch.int64),
        numbers=[example.number for example in examples],
        keys=[example.key for example in examples],
        boxes=[_to_target(example.boxes) for example in examples if example.boxes is not None],
    )


def _to_target(boxes: NDArray[np.int32]) -> dict[str, Any]:
    digit, top, left, bottom, right = boxes.T
    corners = np.stack([left, top, right, bottom], axis=1).astype(np.float32)
    return {
        "boxes": torch.from_numpy(corners),
        "labels": torch.from_numpy(digit.astype(np.int64) + 1),
    }


class NumberDataset(Dataset):  # type: ignore[misc]
    """A split as a map-style dataset.

    Parameters
    ----------
    split : Split
    boxes : bool
        Whether examples carry boxes.
    transform : callable, optional
        Applied to every image, uint8 (H, W); must be picklable for workers.
    """

    def __init__(
        self, split: Split, boxes: bool = False, transform: Transform | None = None
    ) -> None:
        self.split = split
        self._has_boxes = boxes
        self._columns = ["key", "number", *(["boxes"] if boxes else [])]
        self._transform = transform

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
        images: Iterable[NDArray[np.uint8]] = batch.images
        if self._transform is not None:
            images = map(self._transform, images)
        boxes = batch.boxes if self._has_boxes else [None] * len(batch.images)
        keys = batch.labels["key"].to_pylist()
        return list(map(Example, images, batch.numbers, keys, boxes))


class ShardBatchSampler(Sampler):  # type: ignore[misc]
    """Batches of positions for `NumberDataset`, shuffled shard by shard, shared among ranks.

    Give it to ``DataLoader(..., batch_sampler=...)``. Ranks get the same number of batches or
    differ by one; with `drop_last` the same number of full ones.

    Parameters
    ----------
    split : Split
    batch_size : int
    seed : int
    shuffle : bool
    rank, world_size : int, optional
        Default: those of torch.distributed, if it is in use.
    drop_last : bool
        Leave out what does not fill a batch on every rank.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        *,
        seed: int = 0,
        shuffle: bool = True,
        rank: int | None = None,
        world_size: int | None = None,
        drop_last: bool = False,
    ) -> None:
        self._blocks = find_blocks(split)
        self._batch_size = _check_count("batch_size", batch_size)
        self._seed, self._shuffle, self._drop_last = seed, shuffle, drop_last
        self._rank, self._world_size = _find_rank(rank, world_size)
        self._epoch = 0
        self._done = 0
        self._skipped = 0

    def __len__(self) -> int:
        start, stop = self._part()
        return (stop - start + self._batch_size - 1) // self._batch_size

    def _part(self) -> tuple[int, int]:
        n_samples = self._blocks.n_samples
        if self._drop_last:
            per_rank = n_samples // (self._batch_size * self._world_size) * self._batch_size
            n_samples = per_rank * self._world_size
        return share(n_samples, self._rank, self._world_size)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; call it before each, also to go on in the epoch of a loaded state."""
        if epoch != self._epoch:
            self._skipped = 0
        self._epoch, self._done = epoch, self._skipped

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the batches of the epoch; after `load_state_dict`, once, those not done yet."""
        self._done, self._skipped = self._skipped, 0
        order = EpochOrder(self._blocks, self._seed, self._epoch, self._shuffle)
        start, stop = self._part()
        start = min(start + self._done * self._batch_size, stop)
        waiting: list[int] = []
        for window in order.positions(start, stop):
            waiting += window.tolist()
            while len(waiting) >= self._batch_size:
                self._done += 1
                yield waiting[: self._batch_size]
                del waiting[: self._batch_size]
        if waiting:
            self._done += 1
            yield waiting

    def state_dict(self) -> dict[str, Any]:
        """Return where the sampler is.

        A plain DataLoader asks ahead of what it gives out: save ``state_dict() | {"batches": n}``
        with your own count then; torchdata's StatefulDataLoader does that by itself.
        """
        return {"epoch": self._epoch, "batches": self._done, **self._identity()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on after the first `batches` batches of `epoch`.

        Raises
        ------
        ConfigError
            If the state is that of a sampler with other batches.
        """
        _check_same(state, self._identity())
        self._epoch, self._done = state["epoch"], state["batches"]
        self._skipped = self._done

    def _identity(self) -> dict[str, Any]:
        """Return what decides the batches."""
        return {
            "seed": self._seed,
            "batch_size": self._batch_size,
            "rank": self._rank,
            "world_size": self._world_size,
        }


class NumberStream(IterableDataset):  # type: ignore[misc]
    """A split as an iterable dataset: each sample once an epoch over all ranks and workers.

    Parameters
    ----------
    split : Split
    seed : int
    shuffle : bool
    rank, world_size : int, optional
        Default: those of torch.distributed, if it is in use.
    drop_uneven : bool
        Leave out the few samples that would make one stream longer than another, for training
        that needs the same number of batches on every rank.
    boxes, transform
        As of `NumberDataset`.

    Notes
    -----
    In the middle of an epoch, torchdata's StatefulDataLoader saves and restores the position by
    itself. With a plain DataLoader, load ``stream.state_after(n_batches, batch_size, num_workers)``
    into the stream, then begin with `set_epoch` of that epoch.
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
        self._rank, self._world_size = _find_rank(rank, world_size)
        # Shared memory: workers that persist see the epoch that the main process sets.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()
        self._stream: int | None = None
        self._position = 0
        self._resume: Mapping[str, Any] | None = None

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; call it before each, also to go on in the epoch of a loaded state."""
        self._epoch.fill_(epoch)
        if self._resume is not None and self._resume["epoch"] != epoch:
            self._resume = None

    def _part(self, worker: int, n_workers: int) -> tuple[int, int]:
        """Return the part of the epoch's order that a worker of this rank takes."""
        n_streams = self._world_size * n_workers
        n_samples = self._blocks.n_samples
        if self._drop_uneven:
            n_samples -= n_samples % n_streams
        return share(n_samples, self._rank * n_workers + worker, n_streams)

    def __iter__(self) -> Iterator[Example]:
        """Return the examples of this worker of this rank that are not done."""
        worker, n_workers = _find_worker()
        self._stream, self._position = self._take_resumed(worker, n_workers)
        start, stop = self._part(self._stream, n_workers)
        return self._generate(min(start + self._position, stop), stop)

    def _generate(self, start: int, stop: int) -> Iterator[Example]:
        order = EpochOrder(self._blocks, self._seed, int(self._epoch), self._shuffle)
        for window in order.positions(start, stop):
            for example in self._examples.stream(window):
                self._position += 1
                yield example

    def _take_resumed(self, worker: int, n_workers: int) -> tuple[int, int]:
        """Return how many samples of this worker a loaded state counts as done; only once."""
        state, self._resume = self._resume, None
        if state is None:
            return worker, 0
        _check_same(state, self._identity(n_workers))
        stream = (worker + state["turn"]) % n_workers
        return stream, int(state["done"].get(str(stream), 0))

    def state_dict(self) -> dict[str, Any]:
        """Return where this worker of this rank is."""
        worker, n_workers = _find_worker()
        stream = worker if self._stream is None else self._stream
        return self._make_state(n_workers, {stream: self._position}, (stream - worker) % n_workers)

    def state_after(self, n_batches: int, batch_size: int, num_workers: int) -> dict[str, Any]:
        """Return the state after a DataLoader gave out the first `n_batches` of the epoch."""
        n_workers = max(1, num_workers)
        parts = [self._part(worker, n_workers) for worker in range(n_workers)]
        sizes = [stop - start for start, stop in parts]
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
        return self._make_state(n_workers, done, turn)

    def _make_state(self, n_workers: int, done: Mapping[int, int], turn: int) -> dict[str, Any]:
        return {
            "epoch": int(self._epoch),
            "turn": turn,
            "done": {str(stream): count for stream, count in done.items()},
            **self._identity(n_workers),
        }

    def _identity(self, n_workers: int) -> dict[str, Any]:
        """Return what decides the order of each worker."""
        return {
            "seed": self._seed,
            "rank": self._rank,
            "world_size": self._world_size,
            "workers": n_workers,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where a state was taken, in the same order; the next iteration only."""
        self._epoch.fill_(state["epoch"])
        self._resume = state


def _check_same(state: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    differing = [name for name, value in identity.items() if state.get(name) != value]
    if differing:
        (name, *_) = differing
        raise ConfigError(
            f"state: expected {name} {identity[name]}, as here, got {state.get(name)}; go on with "
            "what it was saved with, or from the beginning of an epoch"
        )


def _find_worker() -> tuple[int, int]:
    """Return which DataLoader worker this is, and of how many."""
    info = get_worker_info()
    return (info.id, info.num_workers) if info else (0, 1)


def _find_rank(rank: int | None, world_size: int | None) -> tuple[int, int]:
    """Return the rank and the number of ranks, those given or those of torch.distributed."""
    distributed = torch.distributed
    if rank is None and world_size is None:
        if distributed.is_available() and distributed.is_initialized():
            return distributed.get_rank(), distributed.get_world_size()
        return 0, 1
    if rank is None or world_size is None or not 0 <= rank < world_size:
        raise ConfigError(
            f"expected both rank and world_size with 0 <= rank < world_size, got {rank} and "
            f"{world_size}"
        )
    return rank, world_size


def _check_count(name: str, value: int) -> int:
    if value < 1:
        raise ConfigError(f"{name}: expected at least 1, got {value}")
    return value
