"""The watch over a cluster: how many tasks it may hold."""

from __future__ import annotations

import time

import pytest

from digit_sequence.run import watch
from digit_sequence.run.watch import Watch


@pytest.mark.parametrize(
    ("results_per_second", "window"), [(0.5, 8), (10, 10), (30, 30), (1000, 32)]
)
def test_window_holds_a_second_of_work(monkeypatch, results_per_second, window):
    """Two threads have from 4 to 16 tasks each, as many as take a second."""
    now = 0.0
    monkeypatch.setattr(watch, "count_threads", lambda *_: 2)
    monkeypatch.setattr(time, "monotonic", lambda: now)
    looker = Watch(None, 10)
    for _ in range(int(10 * results_per_second)):
        looker.note_result()
    now = 10.0
    assert looker.window() == window
