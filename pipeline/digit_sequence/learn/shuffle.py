"""The order of an epoch: shuffled, the same everywhere, and kind to disks and object stores.

Shards are shuffled; then the samples of a few shards at a time, a window, are shuffled among
themselves. So a reader is in few shards at once, needs memory for one window alone, and any part
of the order can be computed without the rest. How many read does not matter to it: `deal` says who
takes which part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.randomness import RandomWords
from digit_sequence.read.split import Split

WINDOW_SHARDS = 8
"""Shards whose samples are shuffled together."""
_WINDOW_SAMPLES = 1 << 13
_MAX_PARTS = 256
"""Parts of an order that are asked for ahead."""


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

    def positions(self, parts: Iterable[tuple[int, int]]) -> Iterator[NDArray[np.int64]]:
        """Yield positions in the split: those of some parts of the order, each (start, stop).

        Parts follow each other, and need not be known before they are come to. One array for each
        window, so memory does not grow with the number of samples. The order is that of the split
        if it is not to be shuffled.
        """
        waiting = [np.empty(0, np.int64)]
        place, window = 0, np.empty(0, np.int64)
        for start, stop in parts:
            while start < stop:
                if start >= place + len(window):
                    if sum(map(len, waiting)):
                        yield np.concatenate(waiting)
                    waiting = [np.empty(0, np.int64)]
                    place, window = self._find_window(start)
                end = min(stop, place + len(window))
                if len(waiting) > _MAX_PARTS:
                    yield np.concatenate(waiting)
                    waiting.clear()
                waiting.append(window[start - place : end - place])
                start = end  # noqa: PLW2901 - a part may reach into the next window
        if sum(map(len, waiting)):
            yield np.concatenate(waiting)

    def _find_window(self, place: int) -> tuple[int, NDArray[np.int64]]:
        """Return where the window around a place of the order begins, and its positions."""
        if not self.is_shuffled:
            start = place // _WINDOW_SAMPLES * _WINDOW_SAMPLES
            stop = min(start + _WINDOW_SAMPLES, self.blocks.n_samples)
            return start, np.arange(start, stop, dtype=np.int64)
        shards, ends = self._shards
        index = int(np.searchsorted(ends, place, side="right")) // self.window_shards
        begin = index * self.window_shards
        members = shards[begin : begin + self.window_shards]
        chosen = np.concatenate([self.blocks.positions(int(block)) for block in members])
        order = self._permute("samples", index, len(chosen))
        return int(ends[begin - 1]) if begin else 0, chosen[order]

    @cached_property
    def _shards(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The shards in their order, and where each ends."""
        shards = self._permute("shards", 0, len(self.blocks.starts) - 1)
        return shards, np.cumsum(np.diff(self.blocks.starts)[shards])

    def _permute(self, what: str, index: int, count: int) -> NDArray[np.int64]:
        """Return a permutation that only the seed, the epoch and `what` decide."""
        words = RandomWords(self.seed, "order").draw(f"{what}/{self.epoch}", index, count)
        return np.argsort(words, kind="stable").astype(np.int64)
