"""Events: what each run did, one JSON object a line, whatever happened to the run."""

from __future__ import annotations

import json
import shutil
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builds import build, write_config
from digit_sequence.base.errors import OutputError
from digit_sequence.run.events import EVENTS, RUNS_FOLDER, RunLog, read_last_run
from digit_sequence.store.storage import Storage

FIELDS = {
    "start": {"fingerprint", "versions", "scheduler", "threads", "shards", "done"},
    "progress": {"done", "images_per_second"},
    "failure": {"shard", "sample", "seed", "error", "traceback"},
    "retry": {"shard", "attempt"},
    "end": {"outcome"},
}


@pytest.fixture
def folder(tmp_path):
    """Return the path of a folder that is not there yet."""
    return tmp_path / "out"


@pytest.fixture
def storage(folder):
    """Return that folder as a storage."""
    return Storage(str(folder))


def read_runs(folder):
    """Return the events of every run, each line checked for what all events have."""
    runs = []
    for path in sorted((folder / RUNS_FOLDER).iterdir()):
        content = path.read_bytes()
        assert content.endswith(b"\n")
        events = [json.loads(line) for line in content.splitlines()]
        seconds = [event["seconds"] for event in events]
        assert seconds == sorted(seconds)
        for event in events:
            assert datetime.fromisoformat(event["time"]).utcoffset().total_seconds() == 0
            assert FIELDS[event["event"]] <= set(event)
        runs.append(events)
    return runs


def test_build_is_recorded(tiny_config, folder):
    """A build is on record from its start, with versions, to its end, with the digest."""
    result = build(tiny_config(), folder, "threads", 2)
    ((start, end),) = read_runs(folder)
    assert (start["event"], start["scheduler"], start["threads"]) == ("start", "threads", 2)
    assert (start["shards"], start["done"]) == (4, 0)
    assert start["versions"].keys() >= {"digit-sequence", "numpy", "scikit-image"}
    assert start["fingerprint"] == result.manifest["plan"]["fingerprint"]
    assert (end["event"], end["outcome"]) == ("end", "complete")
    assert (end["samples"], end["digest"]) == (17, result.manifest["digest"])


def test_each_run_has_its_file(tiny_config, folder):
    """A second run adds a file and leaves the first as it is; the last is the one that is read."""
    build(tiny_config(), folder)
    (first,) = (folder / RUNS_FOLDER).iterdir()
    content = first.read_bytes()
    build(tiny_config(), folder)
    assert first.read_bytes() == content
    runs = read_runs(folder)
    assert [run[0]["done"] for run in runs] == [0, 4]
    assert read_last_run(Storage(str(folder))) == runs[1]


def test_failures_are_recorded(forks, tiny_config, folder, tmp_path):
    """Failures and retries are events, and the end names the error and its message."""
    (folder / "images/train/train-00001.tar").mkdir(parents=True)
    config = write_config(tmp_path / "config.yaml", tiny_config())
    forks.run("build", config, "-o", folder, "--scheduler", "synchronous")
    (events,) = read_runs(folder)
    kinds = [event["event"] for event in events]
    assert kinds == ["start", *["failure", "retry"] * 2, "failure", "end"]
    assert events[-1]["outcome"] == "BuildError"
    assert "1 of 4 shards failed" in events[-1]["message"]
    assert "Is a directory" in events[1]["error"]


def test_refused_build_leaves_no_record(tiny_config, folder):
    """A build that is refused, as the folder is another's, writes no events into it."""
    build(tiny_config(), folder)
    with pytest.raises(OutputError):
        build(tiny_config(seed=2), folder)
    assert len(read_runs(folder)) == 1


def test_progress_is_rare(storage, folder, monkeypatch):
    """Progress is written every so often, not for each shard."""
    now = 0.0
    monkeypatch.setattr("digit_sequence.run.events.time.monotonic", lambda: now)
    log = RunLog(storage)
    log.write("start")
    for step in range(1, 1001):
        now = step / 10
        log.write_progress(done=step, images_per_second=1.0)
    events = read_last_run(storage)
    assert [event["done"] for event in events[1:]] == [100 * step for step in range(1, 11)]
    assert [event["seconds"] for event in events[1:]] == [10.0 * step for step in range(1, 11)]


def test_half_a_line(tiny_config, folder, storage):
    """The line at which a process was killed is left out, and the others are read."""
    build(tiny_config(), folder)
    (path,) = (folder / RUNS_FOLDER).iterdir()
    events = read_last_run(storage)
    path.write_bytes(path.read_bytes()[:-20])
    assert read_last_run(storage) == events[:-1]


def test_no_runs(storage):
    """Without a run there are no events."""
    assert read_last_run(storage) == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
    max_leaves=6,
)
records = st.dictionaries(
    st.sampled_from(["event", "time", "seconds", "shard", "outcome", "images_per_second"]),
    json_values | st.sampled_from([*EVENTS, "2024-01-01T00:00:00+00:00", "2024-01-01"]),
)


@given(lines=st.lists(records.map(lambda record: json.dumps(record).encode()) | st.binary()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_events(built, tmp_path, lines):
    """Whatever a file of events holds, reading it and the status it gives raise nothing."""
    from digit_sequence.building.status import find_status

    folder = tmp_path / "out"
    if not folder.exists():
        shutil.copytree(built(), folder)
        shutil.rmtree(folder / RUNS_FOLDER)
        (folder / RUNS_FOLDER).mkdir()
    (folder / RUNS_FOLDER / "1.jsonl").write_bytes(b"\n".join([*lines, b"[" * 100_000]))
    for event in read_last_run(Storage(str(folder))):
        assert event["event"] in EVENTS
    assert "complete" in find_status(Storage(str(folder))).describe()
