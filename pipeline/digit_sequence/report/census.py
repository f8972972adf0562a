"""What occurs how often in which split: glyphs, allographs, writers, numbers and images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.names import SPLITS
from digit_sequence.report.batch import Batch
from digit_sequence.report.words import WordCounts
from digit_sequence.sources.hands import NOBODY, WRITERS


class Census:
    """Counts of all that should not come again too often, or in two splits."""

    def __init__(self) -> None:
        self.glyphs = WordCounts()
        """Those of the source."""
        self.allographs = WordCounts()
        """Glyphs that were made for other shapes."""
        self.writers = WordCounts()
        """Those who are known."""
        self.numbers = WordCounts()
        """By the hash of their text."""
        self.images = WordCounts()
        """By the hash of their pixels."""
        self._splits: set[str] = set()

    def observe(self, batch: Batch) -> None:
        """Count label rows."""
        self._splits.add(batch.split)
        glyphs = batch.values("glyph_ids")
        if batch.has("allograph"):
            is_own = batch.values("allograph") == ""
            self.allographs.add(batch.split, glyphs[~is_own])
            glyphs = glyphs[is_own]
        self.glyphs.add(batch.split, glyphs)
        self.images.add(batch.split, batch.values("pixel_hash"))
        self.numbers.add(batch.split, _hash_texts(batch.values("number")))
        if batch.has(WRITERS.name):
            writers = batch.values(WRITERS.name)
            self.writers.add(batch.split, writers[writers != NOBODY])

    @property
    def splits(self) -> list[str]:
        """Splits with samples, in order."""
        return [split for split in SPLITS if split in self._splits]

    def list_counts(self) -> Iterator[tuple[str, WordCounts]]:
        """Yield what is counted, in the plural, and its counts, if there are any."""
        for name in ("glyphs", "allographs", "writers", "numbers", "images"):
            words: WordCounts = getattr(self, name)
            if words.n_kept:
                yield name, words


def _hash_texts(texts: NDArray[np.object_]) -> NDArray[np.int64]:
    """Return the XXH3-64 of each text (B,)."""
    from xxhash import xxh3_64_intdigest

    return np.array([xxh3_64_intdigest(text.encode()) for text in texts], np.uint64).view(np.int64)
