"""How far a build is: from its directory and from the events of its last run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.events import PROGRESS_SECONDS, read_last_run
from pipeline.manifest import MANIFEST_PATH, label_path, load_plan
from pipeline.storage import Storage

_SILENT_SECONDS = 12 * PROGRESS_SECONDS


def describe_status(storage: Storage) -> str:
    """Return what is done, missing and failed, the rate, and the time left.

    Raises
    ------
    OutputError
        If the directory holds no build.
    """
    plan = load_plan(storage)
    labelled = storage.list("labels")
    lines = [f"{'split':8}{'shards':>10}{'done':>10}{'missing':>10}"]
    total_done = samples_left = 0
    for name, split in plan.splits.items():
        done = [shard for shard in split.shards() if label_path(shard) in labelled]
        samples_left += split.n_samples - sum(shard.n_samples for shard in done)
        total_done += len(done)
        lines.append(f"{name:8}{split.n_shards:10,}{len(done):10,}{split.n_shards - len(done):10,}")
    events = read_last_run(storage)
    lines += _describe_run(events, samples_left)
    if storage.size(MANIFEST_PATH) is not None:
        lines.append("complete")
    elif total_done == plan.n_shards:
        lines.append("all shards are done, the manifest is not written: give the command again")
    else:
        lines.append("not complete: the same build command goes on")
    return "\n".join(lines)


def _describe_run(events: list[dict[str, Any]], samples_left: int) -> list[str]:
    if not events:
        return ["no run is on record"]
    lines = []
    begin, last = events[0], events[-1]
    failed = {event["shard"] for event in events if event["event"] == "failure"}
    if failed:
        lines.append(f"failed in the last run: {', '.join(sorted(failed)[:10])}")
    if last["event"] == "end":
        lines.append(f"last run ended {last['time']}: {last['outcome']}")
        return lines
    age = datetime.now(UTC) - datetime.fromisoformat(last["time"])
    rate = next((e["images_per_second"] for e in reversed(events) if "images_per_second" in e), 0)
    if age > timedelta(seconds=_SILENT_SECONDS):
        lines.append(f"last run began {begin['time']} and is silent since {last['time']}")
    elif rate:
        left = timedelta(seconds=round(samples_left / rate))
        lines.append(f"running since {begin['time']}, {rate:,.0f} images/s, about {left} left")
    else:
        lines.append(f"running since {begin['time']}")
    return lines
