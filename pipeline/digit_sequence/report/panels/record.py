"""How it was built: runs, rates, retries, versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from digit_sequence.base.errors import OutputError
from digit_sequence.report.panel import Cell, Element, Note, Panel, Table
from digit_sequence.report.scene import Scene
from digit_sequence.report.subject import BuiltSubject
from digit_sequence.run.events import describe_end, describe_time, read_runs
from digit_sequence.store.plan_file import read_published
from digit_sequence.store.records import take_versions

MOST_RUNS = 50
_HEAD = (
    *("began", "outcome", "host", "scheduler", "threads", "seconds", "images/s"),
    *("failures", "retries", "lost shards"),
)


class Record(Panel):
    """Shows what the build has written of itself."""

    name = "record"
    title = "How it was built"
    lead = (
        "Each run of the build, and the versions that its bytes depend on. Failures and retries "
        "are 0 on a sound machine; the same versions give the same bytes anywhere."
    )

    def show(self, scene: Scene) -> Sequence[Element]:
        """Return tables of runs and of versions."""
        if not isinstance(scene.subject, BuiltSubject):
            return []
        storage = scene.subject.storage
        runs = read_runs(storage, MOST_RUNS)
        elements: list[Element] = [
            Table("Runs", _HEAD, [_describe_run(run) for run in runs if run])
            if runs
            else Note("No run is on record.")
        ]
        try:
            published = read_published(storage)
        except OutputError as error:
            return [*elements, Note(str(error), "bad")]
        versions: list[list[Cell]] = [
            [str(name), str(version)] for name, version in take_versions(published).items()
        ]
        rows: list[list[Cell]] = [
            ["dataset", storage.uri],
            ["fingerprint", published["fingerprint"]],
            ["digest of the digits", published["source_digest"]],
            ["container", published["container"]],
            ["samples of a shard", str(published["shard_samples"])],
            *versions,
        ]
        return [*elements, Table("Versions", ["of", "version or value"], rows)]


def _describe_run(events: list[dict[str, Any]]) -> list[Cell]:
    """Return the row of a run: its events may have been written by anybody."""
    begin, last = events[0], events[-1]
    kinds = [event["event"] for event in events]
    lost = [it.get("shards") for it in events if it["event"] == "lost"]
    return [
        describe_time(begin["time"]),
        _shorten(describe_end(last) if last["event"] == "end" else "no end on record"),
        _shorten(begin.get("host", "")),
        _shorten(begin.get("scheduler", "")),
        _shorten(begin.get("threads", "")),
        _shorten(last.get("seconds", "")),
        _find_rate(events),
        kinds.count("failure"),
        kinds.count("retry"),
        sum(count for count in lost if isinstance(count, int)),
    ]


def _find_rate(events: list[dict[str, Any]]) -> str:
    """Return images a second: of the whole run, or as it was told last."""
    samples, seconds = (events[-1].get(name) for name in ("samples", "seconds"))
    if isinstance(samples, int) and isinstance(seconds, int | float) and samples and seconds > 0:
        return f"{samples / seconds:,.0f}"
    rates = [it["images_per_second"] for it in events if "images_per_second" in it]
    return f"{rates[-1]:,.0f}" if rates else ""


def _shorten(value: Any) -> str:
    return str(value)[:60]
