"""How far a build is: from its directory and from the events of its last run."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from digit_sequence.base.names import MANIFEST_PATH, SplitName
from digit_sequence.base.tables import fold_table
from digit_sequence.base.text import escape_line
from digit_sequence.plan.plan import Shard
from digit_sequence.run.events import PROGRESS_SECONDS, describe_end, describe_time, read_last_run
from digit_sequence.store.done import check_shard
from digit_sequence.store.ledger import FileSizes, list_labelled, map_shards
from digit_sequence.store.plan_file import load_outline
from digit_sequence.store.records import Outline, load_manifest
from digit_sequence.store.storage import Storage

_LONGEST_SECONDS = 1e9
_SHOWN = 200
"""Characters of what a run log says, at most."""
_SILENT_SECONDS = 12 * PROGRESS_SECONDS


State = Literal["none", "running", "silent", "killed", "ended"]
BuildState = Literal["complete", "damaged", "unfinished", "incomplete"]
"""Damaged: the manifest is written, and shards are missing. Unfinished: all shards are done, and it
is not written."""


@dataclass(frozen=True)
class LastRun:
    """What the record of the last run says."""

    state: State
    """None: there is no record."""
    began: str | None = None
    latest: str | None = None
    """When it said something last. Times are of ISO 8601."""
    outcome: str | None = None
    """How it ended: complete, or the name of an error."""
    end: str | None = None
    """The same in words."""
    images_per_second: float | None = None
    """Of one that is running."""
    seconds_left: float | None = None
    failed: tuple[str, ...] = ()
    """Shards that have failed and are not done."""


@dataclass(frozen=True)
class Status:
    """How far a build is."""

    state: BuildState
    splits: Mapping[SplitName, Mapping[str, int]]
    """Of each split: shards, and how many of them are done."""
    samples: int
    samples_done: int
    run: LastRun

    def list_rows(self) -> list[tuple[str, ...]]:
        """Return the shards of each split as a table without remarks."""
        rows: list[tuple[str, ...]] = [("split", "shards", "done", "missing", "")]
        for name, split in self.splits.items():
            counts = (split["shards"], split["done"], split["shards"] - split["done"])
            rows.append((name, *(f"{count:,}" for count in counts), ""))
        return rows

    def list_lines(self) -> list[str]:
        """Return what there is to say of the last run and of what is left to do."""
        is_running = self.state == "incomplete" and self.run.state == "running"
        end = "not complete yet" if is_running else _ENDS[self.state]
        return [*(line.removesuffix(f": {end}") for line in _describe_run(self.run)), end]

    def describe(self) -> str:
        """Return it all as text."""
        return "\n".join([*fold_table(self.list_rows()), *self.list_lines()])


_ENDS = {
    "complete": "complete",
    "damaged": "complete once; verify --repair builds again what is missing",
    "unfinished": "all shards are done, the manifest is not written: give the command again",
    "incomplete": "not complete: the same build command goes on",
}


def find_status(storage: Storage) -> Status:
    """Return what is done, missing and failed, the rate, and the time left.

    Raises
    ------
    OutputError
        If the directory holds no build, or a manifest that cannot be read.
    """
    outline = load_outline(storage)
    failed, mended = _list_failed(read_last_run(storage)), set()
    counts, samples_done = Counter[str](), 0
    for shard in _find_done(storage, outline):
        counts[shard.split] += 1
        samples_done += shard.n_samples
        if shard.name in failed:
            mended.add(shard.name)
    splits = {
        name: {"shards": outline.n_shards(name), "done": counts[name]} for name in outline.samples
    }
    samples = sum(outline.samples.values())
    run = _judge_run(read_last_run(storage), samples - samples_done, mended)
    is_whole = counts.total() == sum(map(outline.n_shards, outline.samples))
    state: BuildState = "unfinished" if is_whole else "incomplete"
    if storage.size(MANIFEST_PATH) is not None:
        load_manifest(storage)
        state = "complete" if is_whole else "damaged"
    return Status(state, splits, samples, samples_done, run)


def _find_done(storage: Storage, outline: Outline) -> Iterator[Shard]:
    """Yield the shards that are done; what is in them, `verify` tells."""
    labelled = list_labelled(storage, outline)  # first: what has these, has its images by now
    sizes = FileSizes(storage.walk("images"))

    def find(shard: Shard) -> Shard | None:
        return None if check_shard(storage, outline, shard, sizes.get)[1] else shard

    return filter(None, map_shards(find, labelled))


def _list_failed(events: list[dict[str, Any]]) -> set[str]:
    return {event["shard"] for event in events if "shard" in event}


def _judge_run(events: list[dict[str, Any]], samples_left: int, mended: set[str]) -> LastRun:
    if not events:
        return LastRun("none")
    begin, last = events[0], events[-1]
    began, latest = begin["time"], last["time"]
    failed = tuple(map(_show, sorted(_list_failed(events) - mended)))
    if last["event"] == "end":
        outcome = _show(last.get("outcome", "unknown"))
        return LastRun("ended", began, latest, outcome, _show(describe_end(last)), failed=failed)
    if begin.get("host") == platform.node() and not _is_alive(begin.get("pid")):
        return LastRun("killed", began, latest, failed=failed)
    age = datetime.now(UTC) - datetime.fromisoformat(latest)
    rate = next((e["images_per_second"] for e in reversed(events) if "images_per_second" in e), 0)
    if age > timedelta(seconds=_SILENT_SECONDS):
        return LastRun("silent", began, latest, failed=failed)
    left = min(samples_left / rate, _LONGEST_SECONDS) if rate else None
    return LastRun("running", began, latest, None, None, rate or None, left, failed)


def _describe_run(run: LastRun) -> list[str]:
    lines = []
    if run.failed:
        lines.append(f"failed in the last run: {', '.join(run.failed[:10])}")
    began, latest = (describe_time(it) if it else "" for it in (run.began, run.latest))
    if run.state == "running" and run.seconds_left is not None:
        left = timedelta(seconds=round(run.seconds_left))
        lines.append(
            f"running since {began}, {run.images_per_second:,.0f} images/s, about {left} left"
        )
        return lines
    return [
        *lines,
        {
            "none": "no run is on record",
            "ended": f"last run ended {latest}: {run.end}",
            "killed": f"last run began {began} and was killed",
            "silent": f"last run began {began} and is silent since {latest}",
            "running": f"running since {began}",
        }[run.state],
    ]


def _show(text: str) -> str:
    return escape_line(text[:_SHOWN])


def _is_alive(pid: Any) -> bool:
    """Return whether a process of this machine is there; true of what is no number of one."""
    if type(pid) is not int or not 0 < pid < 2**31:
        return True
    try:
        os.kill(pid, 0)
    except OSError as error:
        return not isinstance(error, ProcessLookupError)
    return True
