"""What each run did: JSON lines in ``.build/runs``, one file for each run.

Every line has `event`, `time` (UTC) and `seconds` since the run began. The events:

========  =======================================================================================
start     fingerprint, versions, host, pid, scheduler, threads; shards of the plan, and those done
progress  done (shards), images_per_second; every ten seconds at most
failure   shard, sample (its key, if it is one that fails), seed, error, worker, traceback
retry     shard, attempt (2, 3)
lost      shards (how many were deleted while it ran, and are built again), shard (the first)
end       outcome: complete (with samples and digest), or the error's name (with its message)
========  =======================================================================================
"""

from __future__ import annotations

import json
import math
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from digit_sequence.base.errors import OutputError
from digit_sequence.base.names import BUILD_FOLDER
from digit_sequence.store.storage import Storage

RUNS_FOLDER = f"{BUILD_FOLDER}/runs"
EVENTS = ("start", "progress", "failure", "retry", "lost", "end")
PROGRESS_SECONDS = 10.0
_STORE_SECONDS = 30.0
"""How often the file is put into an object store, which cannot append."""


class RunLog:
    """Writes the events of one run."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._begin = self._put_at = self._progress_at = time.monotonic()
        started = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        self._path = f"{RUNS_FOLDER}/{started}-{uuid.uuid4().hex[:8]}.jsonl"
        self._lines: list[bytes] = []
        self._is_reached = True
        self._is_local_whole = True

    @property
    def is_whole(self) -> bool:
        """Whether all events are in the file by now."""
        return self._is_reached and self._is_local_whole

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._begin

    def write(self, event: str, **fields: Any) -> None:
        """Write an event; ends of runs and failures reach an object store at once.

        A store that does not take it now gets it later, with the next ones: a record of the run is
        no reason to end the run.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        record = {"event": event, "time": now, "seconds": round(self.seconds, 3), **fields}
        try:
            self._write_line(json.dumps(record).encode() + b"\n", event)
        except OutputError:
            self._is_local_whole = False

    def _write_line(self, line: bytes, event: str) -> None:
        if self._storage.append(self._path, line):
            return
        self._lines.append(line)
        is_due = time.monotonic() - self._put_at > _STORE_SECONDS
        if is_due or event in ("start", "end") or (event == "failure" and self._is_reached):
            try:
                self._storage.write(self._path, b"".join(self._lines))
                self._is_reached = True
            except OutputError:
                self._is_reached = False
            self._put_at = time.monotonic()

    def write_progress(self, **fields: Any) -> None:
        """Write an event `progress`, but not more often than every `PROGRESS_SECONDS`."""
        if time.monotonic() - self._progress_at >= PROGRESS_SECONDS:
            self._progress_at = time.monotonic()
            self.write("progress", **fields)


def read_runs(storage: Storage, count: int) -> list[list[dict[str, Any]]]:
    """Return the events of the runs that began last, `count` at most, in order of time."""
    runs = sorted(storage.list(RUNS_FOLDER))[-count:]
    return [list(_parse_lines(storage.read(path))) for path in runs]


def read_last_run(storage: Storage) -> list[dict[str, Any]]:
    """Return the events of the run that began last; none if there was none.

    A line that is not whole, because a process was killed while it wrote it, is left out.
    """
    runs = read_runs(storage, 1)
    return runs[0] if runs else []


def describe_time(time: str) -> str:
    """Return the time of an event, for people.

    >>> describe_time("2026-01-31T09:05:07.123+00:00")
    '2026-01-31 09:05:07 UTC'
    """
    return f"{datetime.fromisoformat(time):%Y-%m-%d %H:%M:%S %Z}"


def describe_end(event: Mapping[str, Any]) -> str:
    """Return how a run ended, for people: complete, stopped, or the first sentence of its error.

    >>> describe_end({"outcome": "BuildStopped", "message": "stopped: 3 of 9 shards are done"})
    'stopped'
    >>> describe_end({"outcome": "OutputError", "message": "out: no room; make some"})
    'failed: out: no room; make some'
    """
    outcome = str(event.get("outcome", "unknown"))
    if outcome in ("complete", "unknown"):
        return outcome
    if outcome in ("BuildStopped", "KeyboardInterrupt"):
        return "stopped"
    sentence = re.split(r"[.:]?(?:\n|\. )", str(event.get("message") or ""), maxsplit=1)[0]
    return f"failed: {sentence or outcome}"


def _parse_lines(content: bytes) -> Iterator[dict[str, Any]]:
    for line in content.splitlines():
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict) and _is_event(record):
            yield record


def _is_event(record: dict[str, Any]) -> bool:
    """Tell whether a JSON object has what readers of events rely on."""
    try:
        rate = record.get("images_per_second", 1.0)
        return (
            datetime.fromisoformat(record["time"]).tzinfo is not None
            and record["event"] in EVENTS
            and isinstance(record.get("shard", ""), str)
            and isinstance(record.get("outcome", ""), str)
            and math.isfinite(rate)
            and rate >= 0
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return False
