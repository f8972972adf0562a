"""How far a command is: one live line on a terminal, plain lines elsewhere, JSON for programs.

==============  ==================================================================================
a terminal      one line, drawn anew four times a second; what is printed meanwhile stands above it
no terminal     a line each `PLAIN_SECONDS`, so what is done sooner prints none
``--json``      an object each `JSON_SECONDS` if there is something new; see `terminal`
``--quiet``     nothing
==============  ==================================================================================
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

from digit_sequence.base.progress import TALLY, OnProgress, Tally
from digit_sequence.base.text import count_things
from digit_sequence.cli.terminal import echo, find_manner

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

PLAIN_SECONDS = 60.0
"""Between two plain lines."""
JSON_SECONDS = 1.0
"""Between two JSON objects."""
WINDOW_SECONDS = 60.0
"""That a rate is an average of."""
REFRESHES = 4
"""Of the live line, a second."""
MIN_SECONDS = 2.0
"""Of work that a time left is told from."""
STALL_SECONDS, STALL_TASKS = 5.0, 10
"""Nothing was done for so long, and for so many times what a task takes: it stands still, or the
process did."""
MIN_RATE = 0.1
"""A second, to be told."""
MIN_BAR, MAX_BAR = 8, 40
"""Columns of a bar; with less room there is none."""


@dataclass
class Meter:
    """What is done of a count, how fast, and what became of the tasks."""

    total: int
    unit: str = "image"
    tally: Tally | None = None
    done: int = 0
    made: int = 0
    """What this run has done; the rest was there."""
    clock: Callable[[], float] = time.monotonic
    _began: float = 0.0
    _marks: deque[tuple[float, int]] = field(default_factory=deque)
    """When something was done, and how much was made by then; first what the rate counts from."""
    _is_cold: bool = True
    """Whether that is the beginning, after which workers start, and not something done."""

    def __post_init__(self) -> None:
        self._began = self.clock()
        self._marks.append((self._began, 0))

    def advance(self, count: int, is_new: bool) -> None:
        """Note what is done, and whether this run has done it."""
        self.done += count
        if not is_new:
            return
        self.made += count
        now = self.clock()
        if self._is_stalled:
            self._marks.clear()
            self._is_cold = False
        elif len(self._marks) > 1 and now - self._marks[-2][0] < 1 / REFRESHES:
            self._marks.pop()
        self._marks.append((now, self.made))
        if self._is_cold and len(self._marks) > 2 * self._n_workers + 1:
            self._marks.popleft()
            self._is_cold = False
        while len(self._marks) > 2 and self._marks[1][0] < now - WINDOW_SECONDS:
            self._marks.popleft()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return self.clock() - self._began

    @property
    def rate(self) -> float:
        """How many a second, of late."""
        then, made = self._marks[0]
        return (self.made - made) / max(self._find_end() - then, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        """Until all is done at that rate; None if there is none, or too little to tell.

        That is two tasks of each worker, one after a halt, or a quarter of what there is to do.
        """
        now, (first, made) = self.clock(), self._marks[0]
        counted, left = self.made - made, self.total - self.done
        is_early = self._is_cold or len(self._marks) <= self._n_workers
        is_told = 4 * counted >= counted + left or not is_early
        if not (is_told and self.rate) or now - first < MIN_SECONDS or self._is_stalled:
            return None
        return max(0.0, left / self.rate - (now - self._find_end()))

    @property
    def _n_workers(self) -> int:
        return max(1, self.tally.threads if self.tally else 1)

    @property
    def _is_stalled(self) -> bool:
        """Whether nothing was done for far longer than usual."""
        silent, tasks = self.clock() - self._marks[-1][0], STALL_TASKS * self._n_workers
        return len(self._marks) > 3 and silent > max(STALL_SECONDS, tasks * self._find_usual())

    def _find_usual(self) -> float:
        """Return the seconds between two marks, on average."""
        return (self._marks[-1][0] - self._marks[0][0]) / max(len(self._marks) - 1, 1)

    def _find_end(self) -> float:
        """Return when something was done last; or now, if nothing was for an unusual time."""
        last, now = self._marks[-1][0], self.clock()
        return last if now - last <= 2 * self._find_usual() else now

    def make_record(self) -> dict[str, Any]:
        """Return all of it for programs."""
        left, tally = self.seconds_left, self.tally or Tally()
        return {
            "done": self.done,
            "total": self.total,
            "unit": f"{self.unit}s",
            "per_second": round(self.rate, 1),
            "seconds": round(self.seconds, 1),
            "seconds_left": None if left is None else round(left, 1),
            "workers": tally.threads or None,
            "retries": tally.retries,
            "failures": tally.failures,
        }

    def list_words(self) -> list[str]:
        """Return it for people, what matters most first."""
        is_over = self.done >= self.total
        left, tally = self.seconds_left, self.tally or Tally()
        words = [f"{self.done:,}/{self.total:,} {self.unit}s"]
        if is_over:
            words.append(f"in {describe_seconds(self.seconds)}")
        elif left is not None:
            words.append(f"{describe_seconds(left)} left")
        if tally.failures:
            words.append(f"{tally.failures:,} failed")
        if self.rate >= MIN_RATE:
            words.append(f"{describe_rate(self.rate)}/s")
        if tally.retries:
            words.append(f"{tally.retries:,} retried")
        if tally.threads and not is_over:
            words.append(count_things(tally.threads, "worker"))
        return words

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield a line as wide as the terminal: what others print then begins on the next one."""
        from rich.segment import Segment
        from rich.style import Style

        width = options.max_width
        share = f"{self.done / self.total if self.total else 1:4.0%}"
        words = self.list_words()
        if width <= len(" ".join([share, ", ".join(words[:2])])) + MIN_BAR:
            words = [words[0].partition(" ")[0], *words[1:2]]  # rather a bar than the unit
        text = ""
        while words and len(text := " ".join([share, ", ".join(words)])) > width:
            words.pop()
        text = text if words else share
        bar = min(MAX_BAR, width - len(text) - 1)
        if bar >= MIN_BAR:
            filled = round(bar * min(1.0, self.done / self.total if self.total else 1))
            full, empty = "=-" if options.ascii_only else "━─"
            yield Segment(f"{share} ")
            yield Segment(full * filled, Style(color="green"))
            yield Segment(empty * (bar - filled), Style(color="bright_black"))
            text = text.removeprefix(share)
            width -= len(share) + 1 + bar
        yield Segment(text[:width].ljust(width))


def describe_seconds(seconds: float) -> str:
    """Return a duration as people read it.

    >>> describe_seconds(5), describe_seconds(75), describe_seconds(7384)
    ('0:05', '1:15', '2:03:04')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def describe_rate(rate: float) -> str:
    """Return a rate, of little ones a decimal.

    >>> describe_rate(1234.5), describe_rate(0.25)
    ('1,234', '0.2')
    """
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


@contextmanager
def show_progress(total: int, unit: str = "image") -> Iterator[OnProgress]:
    """Show how far it is; give a function that takes counts of what is done, and whether it is new.

    Parameters
    ----------
    total : int
        How many there are.
    unit : str
        What is counted, one of it.
    """
    manner, meter = find_manner(), Meter(total, unit, TALLY.get())
    if manner.is_quiet:
        yield meter.advance
    elif manner.is_json:
        yield _tell_now_and_then(
            meter, JSON_SECONDS, lambda: manner.send("progress", **meter.make_record())
        )
    elif sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        with _living(meter):
            yield meter.advance
    else:
        yield _tell_now_and_then(
            meter, PLAIN_SECONDS, lambda: echo(", ".join(meter.list_words()), err=True)
        )


def _tell_now_and_then(meter: Meter, seconds: float, tell: Callable[[], None]) -> OnProgress:
    """Return what notes counts, and tells of them every so many seconds."""
    told = time.monotonic()

    def advance(count: int, is_new: bool) -> None:
        nonlocal told
        meter.advance(count, is_new)
        now = time.monotonic()
        if now - told >= seconds:
            told = now
            tell()

    return advance


class _Terminal:
    """A terminal that may be closed: what is done goes on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write what can be written."""
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Show what can be shown."""
        with suppress(OSError):
            self._stream.flush()


@contextmanager
def _living(meter: Meter) -> Iterator[None]:
    """Keep a line at the end of the terminal up to date, by a thread that ends with it."""
    from rich.console import Console
    from rich.live import Live

    terminal: Any = _Terminal(sys.stderr)
    console = Console(file=terminal, force_terminal=True, highlight=False)
    live = Live(
        meter,
        console=console,
        auto_refresh=False,
        redirect_stdout=sys.stdout.isatty(),  # else it goes elsewhere, and must
    )
    is_over = threading.Event()

    def refresh() -> None:
        while not is_over.wait(1 / REFRESHES):
            live.refresh()

    thread = threading.Thread(target=refresh, daemon=True)
    with live:
        console.show_cursor(True)  # a program that is killed cannot show it again
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()
