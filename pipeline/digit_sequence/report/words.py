"""How often each of very many things occurs in each split, in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.names import SPLITS

MOST_WORDS = 1 << 22
"""Different words that are kept, some twenty bytes each; beyond them every second one."""


class WordCounts:
    """Counts of words, int64, by split: of all, or of an even share of the words if they are many.

    Whether a word is of the share depends on the word alone, so its counts are exact.
    """

    def __init__(self) -> None:
        self.halvings = 0
        """How often the share was halved."""
        self._words = np.empty(0, np.int64)
        self._counts = np.empty((0, len(SPLITS)), np.int32)
        self._waiting: list[tuple[int, NDArray[np.int64]]] = []
        self._n_waiting = 0

    def add(self, split: str, words: NDArray[np.integer]) -> None:
        """Count words of a split."""
        chosen = self._choose(words.astype(np.int64))
        self._waiting.append((SPLITS.index(split), chosen))
        self._n_waiting += len(chosen)
        if self._n_waiting > max(1 << 20, len(self._words) // 2):
            self._gather()

    def _choose(self, words: NDArray[np.int64]) -> NDArray[np.int64]:
        if not self.halvings:
            return words
        chosen: NDArray[np.int64] = words[_mix(words) >> np.uint64(64 - self.halvings) == 0]
        return chosen

    def _gather(self) -> None:
        """Count what waits."""
        places = [np.full(len(words), split) for split, words in self._waiting]
        n_kept = len(self._words)
        words = np.concatenate([self._words, *(words for _, words in self._waiting)])
        self._waiting, self._n_waiting = [], 0
        found, owners = np.unique(words, return_inverse=True)
        counts = np.zeros((len(found), len(SPLITS)), np.int32)
        counts[owners[:n_kept]] = self._counts
        if places:
            np.add.at(counts, (owners[n_kept:], np.concatenate(places)), 1)
        self._words, self._counts = found, counts
        while len(self._words) > MOST_WORDS:
            self.halvings += 1
            is_kept = _mix(self._words) >> np.uint64(64 - self.halvings) == 0
            self._words, self._counts = self._words[is_kept], self._counts[is_kept]

    @property
    def share(self) -> float:
        """Share of the words that was looked at."""
        return 0.5**self.halvings

    def table(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Return the words (N,), ascending, and their counts (N, 3) in train, val and test."""
        if self._n_waiting:
            self._gather()
        return self._words, self._counts

    @property
    def n_kept(self) -> int:
        """Different words that were looked at."""
        return len(self.table()[0])

    @property
    def n_different(self) -> int:
        """Different words: an estimate if not all were looked at."""
        return round(self.n_kept / self.share)

    def count_shared(self, splits: Sequence[str]) -> int:
        """Return how many words occur in all of some splits; an estimate likewise."""
        _, counts = self.table()
        places = [SPLITS.index(split) for split in splits]
        return round(int((counts[:, places] > 0).all(axis=1).sum()) / self.share)


def _mix(words: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return well spread words, by the multiplier of Fibonacci hashing (Knuth, vol. 3, 6.4)."""
    return words.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
