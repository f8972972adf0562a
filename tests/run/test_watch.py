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
    assert watch_results(monkeypatch, results_per_second).window() == window


@pytest.mark.parametrize(("results_per_second", "pause"), [(3, 0), (6, 0.25), (9, 0)])
def test_results_are_gathered_while_every_thread_has_work(monkeypatch, results_per_second, pause):
    """A quarter of a second is waited for more, if some come and none of two threads ends twice."""
    looker = watch_results(monkeypatch, results_per_second)
    assert looker.pause() == 0  # nothing is known of the rate yet
    looker.window()
    assert looker.pause() == pause


def watch_results(monkeypatch, results_per_second):
    """Return what has watched two threads for ten seconds."""
    now = 0.0
    monkeypatch.setattr(watch, "count_threads", lambda *_: 2)
    monkeypatch.setattr(time, "monotonic", lambda: now)
    looker = Watch(None, 10)
    for _ in range(int(10 * results_per_second)):
        looker.note_result()
    now = 10.0
    return looker
