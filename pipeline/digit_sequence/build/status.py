"""How far a build is: from its directory and from the events of its last run."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

from digit_sequence.base.names import MANIFEST_PATH
from digit_sequence.plan.plan import Shard, SplitPlan
from digit_sequence.run.events import PROGRESS_SECONDS, read_last_run
from digit_sequence.store.labels import read_commit
from digit_sequence.store.manifest import label_path, load_plan
from digit_sequence.store.storage import Storage

_LONGEST_SECONDS = 1e9
_SILENT_SECONDS = 12 * PROGRESS_SECONDS


def describe_status(storage: Storage) -> str:
    """Return what is done, missing and failed, the rate, and the time left.

    Raises
    ------
    OutputError
        If the directory holds no build.
    """
    plan = load_plan(storage, any_versions=True)
    lines = [f"{'split':8}{'shards':>10}{'done':>10}{'missing':>10}"]
    done: set[str] = set()
    samples_left = 0
    for name, split in plan.splits.items():
        shards = _find_done(storage, split)
        samples_left += split.n_samples - sum(shard.n_samples for shard in shards)
        done.update(shard.name for shard in shards)
        n_missing = split.n_shards - len(shards)
        lines.append(f"{name:8}{split.n_shards:10,}{len(shards):10,}{n_missing:10,}")
    lines += _describe_run(read_last_run(storage), samples_left, done)
    if storage.size(MANIFEST_PATH) is not None:
        lines.append("complete")
    elif len(done) == plan.n_shards:
        lines.append("all shards are done, the manifest is not written: give the command again")
    else:
        lines.append("not complete: the same build command goes on")
    return "\n".join(lines)


def _find_done(storage: Storage, split: SplitPlan) -> list[Shard]:
    """Return the shards that have a label file; what is in it, `verify` tells."""
    done = []
    for path in sorted(storage.list(f"labels/{split.name}")):
        index = PurePosixPath(path).stem.removeprefix(f"{split.name}-")
        if re.fullmatch("[0-9]{5,18}", index) and int(index) < split.n_shards:
            shard = split.shard(int(index))
            if path == label_path(shard):
                done.append(shard)
    if done and _has_grown(storage, done[-1]):
        done.pop()
    return done


def _has_grown(storage: Storage, shard: Shard) -> bool:
    """Return whether a shard has more samples than when it was built: the last one may have."""
    with storage.open(label_path(shard)) as file:
        commit = read_commit(file)
    return commit is not None and commit.rows < shard.n_samples


def _describe_run(events: list[dict[str, Any]], samples_left: int, done: set[str]) -> list[str]:
    if not events:
        return ["no run is on record"]
    lines = []
    begin, last = events[0], events[-1]
    failed = {event["shard"] for event in events if "shard" in event} - done
    if failed:
        lines.append(f"failed in the last run: {', '.join(sorted(failed)[:10])}")
    if last["event"] == "end":
        lines.append(f"last run ended {last['time']}: {last.get('outcome', 'unknown')}")
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


def _is_alive(pid: Any) -> bool:
    """Return whether a process of this machine is there; true of what is no number of one."""
    if type(pid) is not int or not 0 < pid < 2**31:
        return True
    try:
        os.kill(pid, 0)
    except OSError as error:
        return not isinstance(error, ProcessLookupError)
    return True
