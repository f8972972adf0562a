"""How far something is: what long-running functions tell, and to whom.

::

    def show_progress(n_samples):  # as the parameter of that name
        with tqdm(total=n_samples) as bar:
            yield lambda samples, is_new: bar.update(samples)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

OnProgress = Callable[[int, bool], None]
"""Gets a count of samples, and whether this run has done them; else they were there before."""
ShowProgress = Callable[[int], AbstractContextManager[OnProgress]]
"""Gets how many samples there are in all; while its block runs, its value is told of them."""


@contextmanager
def hide_progress(_n_samples: int) -> Iterator[OnProgress]:
    """Show nothing."""
    yield lambda _samples, _is_new: None
