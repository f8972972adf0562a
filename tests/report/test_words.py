"""How often words occur in each split, also of an even share of them."""

from __future__ import annotations

from collections import Counter

import numpy as np

from digit_sequence.report import words as module
from digit_sequence.report.words import WordCounts


def test_counts_by_split():
    """Each word has its counts in train, val and test."""
    words = WordCounts()
    words.add("train", np.array([7, -3, 7], np.int32))
    words.add("test", np.array([7], np.int64))
    found, counts = words.table()
    assert found.tolist() == [-3, 7]
    assert counts.tolist() == [[1, 0, 0], [2, 0, 1]]
    assert (words.n_different, words.share) == (2, 1.0)
    assert words.count_shared(["train", "test"]) == 1
    assert words.count_shared(["train", "val"]) == 0


def test_nothing_is_counted():
    """Of no words there are none."""
    assert WordCounts().n_different == 0


def test_share_of_many_words(monkeypatch):
    """Beyond the limit half of the words are kept, with all of their counts."""
    monkeypatch.setattr(module, "MOST_WORDS", 1000)
    drawn = np.random.default_rng(0).integers(0, 4000, 20_000)
    words = WordCounts()
    for part in np.array_split(drawn, 7):
        words.add("train", part)
        words.table()
    found, counts = words.table()
    assert 0 < len(found) <= 1000
    assert words.share in (1 / 4, 1 / 8)
    expected = Counter(drawn.tolist())
    assert counts[:, 0].tolist() == [expected[word] for word in found.tolist()]
    assert abs(words.n_different - len(expected)) < 0.2 * len(expected)
