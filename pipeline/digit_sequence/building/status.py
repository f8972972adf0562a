"""How far a build is: from its directory and from the events of its last run."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from digit_sequence.base.names import MANIFEST_PATH
from digit_sequence.base.text import escape_line
from digit_sequence.plan.plan import Shard
from digit_sequence.run.events import PROGRESS_SECONDS, read_last_run
from digit_sequence.store.ledger import FileSizes, check_shard, list_labelled, map_shards
from digit_sequence.store.plan_file import load_outline
from digit_sequence.store.records import Outline, load_manifest
from digit_sequence.store.storage import Storage

_LONGEST_SECONDS = 1e9
_SHOWN = 200
"""Characters of what a run log says, at most."""
_SILENT_SECONDS = 12 * PROGRESS_SECONDS


def describe_status(storage: Storage) -> str:
    """Return what is done, missing and failed, the rate, and the time left.

    Raises
    ------
    OutputError
        If the directory holds no build, or a manifest that cannot be read.
    """
    outline = load_outline(storage)
    lines = [f"{'split':8}{'shards':>10}{'done':>10}{'missing':>10}"]
    failed, done = _list_failed(read_last_run(storage)), set()
    n_done, samples_left = Counter[str](), sum(outline.samples.values())
    for shard in _find_done(storage, outline):
        n_done[shard.split] += 1
        samples_left -= shard.n_samples
        if shard.name in failed:
            done.add(shard.name)
    for name in outline.samples:
        n_shards = outline.n_shards(name)
        lines.append(f"{name:8}{n_shards:10,}{n_done[name]:10,}{n_shards - n_done[name]:10,}")
    lines += _describe_run(read_last_run(storage), samples_left, done)
    if storage.size(MANIFEST_PATH) is not None:
        load_manifest(storage)
        lines.append("complete")
    elif n_done.total() == sum(map(outline.n_shards, outline.samples)):
        lines.append("all shards are done, the manifest is not written: give the command again")
    else:
        lines.append("not complete: the same build command goes on")
    return "\n".join(lines)


def _find_done(storage: Storage, outline: Outline) -> Iterator[Shard]:
    """Yield the shards that are done; what is in them, `verify` tells."""
    labelled = list_labelled(storage, outline)  # first: what has these, has its images by now
    sizes = FileSizes(storage.walk("images"))

    def find(shard: Shard) -> Shard | None:
        return None if check_shard(storage, outline, shard, sizes.get)[1] else shard

    return filter(None, map_shards(find, labelled))


def _list_failed(events: list[dict[str, Any]]) -> set[str]:
    return {event["shard"] for event in events if "shard" in event}


def _describe_run(events: list[dict[str, Any]], samples_left: int, done: set[str]) -> list[str]:
    if not events:
        return ["no run is on record"]
    lines = []
    begin, last = events[0], events[-1]
    if failed := _list_failed(events) - done:
        lines.append(f"failed in the last run: {', '.join(map(_show, sorted(failed)[:10]))}")
    if last["event"] == "end":
        lines.append(f"last run ended {last['time']}: {_show(last.get('outcome', 'unknown'))}")
        return lines
    if begin.get("host") == platform.node() and not _is_alive(begin.get("pid")):
        lines.append(f"last run began {begin['time']} and was killed")
        return lines
    age = datetime.now(UTC) - datetime.fromisoformat(last["time"])
    rate = next((e["images_per_second"] for e in reversed(events) if "images_per_second" in e), 0)
    if age > timedelta(seconds=_SILENT_SECONDS):
        lines.append(f"last run began {begin['time']} and is silent since {last['time']}")
    elif rate:
        left = timedelta(seconds=round(min(samples_left / rate, _LONGEST_SECONDS)))
        lines.append(f"running since {begin['time']}, {rate:,.0f} images/s, about {left} left")
    else:
        lines.append(f"running since {begin['time']}")
    return lines


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
