"""How far something is: what long-running functions tell, and to whom.

::

    def show_progress(n_samples):  # as the parameter of that name
        with rich.progress.Progress() as progress:
            task = progress.add_task("", total=n_samples)
            yield lambda samples, is_new: progress.advance(task, samples)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

OnProgress = Callable[[int, bool], None]
"""Gets a count of samples, and whether this run has done them; else they were there before."""
ShowProgress = Callable[[int], AbstractContextManager[OnProgress]]
"""Gets how many samples there are in all; while its block runs, its value is told of them."""


@contextmanager
def hide_progress(_n_samples: int) -> Iterator[OnProgress]:
    """Show nothing."""
    yield lambda _samples, _is_new: None


@dataclass
class Tally:
    """What became of the tasks so far."""

    retries: int = 0
    """Tasks that were begun again."""
    failures: int = 0
    """Tasks that have failed, each time."""
    threads: int = 0
    """How many tasks run at a time, by the latest count."""


TALLY: ContextVar[Tally | None] = ContextVar("tally", default=None)
"""That of the scheduler which is open: who shows progress may tell of it."""
