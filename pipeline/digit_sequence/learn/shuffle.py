"""The order of an epoch: shuffled, the same everywhere, and kind to disks and object stores.

Shards are shuffled; then the samples of a few shards at a time, a window, are shuffled among
themselves. So a reader is in few shards at once, needs memory for one window alone, and any part
of the order can be computed without the rest: streams (a worker of a rank) take consecutive parts
of it, and together take each sample exactly once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.randomness import RandomWords
from digit_sequence.read.split import Split

WINDOW_SHARDS = 8
"""Shards whose samples are shuffled together."""
_WINDOW_SAMPLES = 1 << 13


@dataclass(frozen=True)
class Blocks:
    """The samples of a split, shard by shard."""

    starts: NDArray[np.int64]
    """Where each shard begins in the order of the shards, and the end of the last."""
    grouped: NDArray[np.int64] | None
    """Positions in the split, shard by shard; None if they stand so already."""

    @property
    def n_samples(self) -> int:
        """Samples of all shards."""
        return int(self.starts[-1])

    def positions(self, block: int) -> NDArray[np.int64]:
        """Return the positions in the split of the samples of one shard."""
        start, stop = int(self.starts[block]), int(self.starts[block + 1])
        if self.grouped is None:
            return np.arange(start, stop, dtype=np.int64)
        return self.grouped[start:stop]


def find_blocks(split: Split) -> Blocks:
    """Group the samples of a split by shard; of a whole split, in a few bytes for each shard."""
    shard_samples = split.dataset.shard_samples
    ordinals = split.ordinals
    grouped: NDArray[np.int64] | None
    if isinstance(ordinals, range) and ordinals.step == 1:
        first, last = ordinals.start // shard_samples + 1, -(-ordinals.stop // shard_samples)
        inner = np.arange(first, last, dtype=np.int64) * shard_samples - ordinals.start
        grouped = None
    else:
        shards = np.asarray(ordinals, np.int64) // shard_samples
        grouped = np.argsort(shards, kind="stable")
        inner = np.flatnonzero(np.diff(shards[grouped])) + 1
    return Blocks(np.concatenate([[0], inner, [len(ordinals)]]), grouped)


@dataclass(frozen=True)
class EpochOrder:
    """The order in which one epoch shows the samples of a split."""

    blocks: Blocks
    seed: int
    epoch: int
    is_shuffled: bool = True
    window_shards: int = WINDOW_SHARDS

    def positions(self, start: int, stop: int) -> Iterator[NDArray[np.int64]]:
        """Yield positions in the split: the part from `start` to `stop` - 1 of the order.

        One array for each window, so memory does not grow with the number of samples. The order
        is that of the split if it is not to be shuffled.
        """
        if not self.is_shuffled:
            for begin in range(start, stop, _WINDOW_SAMPLES):
                yield np.arange(begin, min(begin + _WINDOW_SAMPLES, stop), dtype=np.int64)
            return
        n_blocks = len(self.blocks.starts) - 1
        shards = self._permute("shards", 0, n_blocks)
        ends = np.cumsum(np.diff(self.blocks.starts)[shards])
        first = int(np.searchsorted(ends, start, side="right")) // self.window_shards
        for window in range(first, -(-n_blocks // self.window_shards)):
            begin = window * self.window_shards
            offset = int(ends[begin - 1]) if begin else 0
            if offset >= stop:
                return
            members = shards[begin : begin + self.window_shards]
            chosen = np.concatenate([self.blocks.positions(int(block)) for block in members])
            order = self._permute("samples", window, len(chosen))
            yield chosen[order][max(0, start - offset) : stop - offset]

    def _permute(self, what: str, index: int, count: int) -> NDArray[np.int64]:
        """Return a permutation that only the seed, the epoch and `what` decide."""
        words = RandomWords(self.seed, "order").draw(f"{what}/{self.epoch}", index, count)
        return np.argsort(words, kind="stable").astype(np.int64)


def share(n_samples: int, stream: int, n_streams: int) -> tuple[int, int]:
    """Return the part of an epoch, start and stop, that one of several streams takes.

    The parts follow each other, cover everything, and differ by one sample at most.

    >>> [share(10, stream, 3) for stream in range(3)]
    [(0, 3), (3, 6), (6, 10)]
    """
    return stream * n_samples // n_streams, (stream + 1) * n_samples // n_streams
