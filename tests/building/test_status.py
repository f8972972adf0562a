"""Status: how far a build is, while it runs, after its end, after a kill."""

from __future__ import annotations

import json
import platform
import re
import subprocess
import time

import pytest

from builds import build, write_config
from digit_sequence.base.errors import OutputError
from digit_sequence.building.sampler import open_sampler
from digit_sequence.building.status import find_status
from digit_sequence.run.events import RunLog
from digit_sequence.store.plan_file import load_plan, publish_plan
from digit_sequence.store.storage import Storage

LOCAL = ("--scheduler", "synchronous")


@pytest.fixture
def folder(tmp_path):
    """Return the path of a folder that is not there yet."""
    return tmp_path / "out"


@pytest.fixture
def many(tiny_config):
    """Return a config of 1,500 shards."""
    splits = {
        "train": {"numbers": {"random": {"lengths": [1, 3]}}, "samples": 1400},
        "val": {"numbers": {"values": ["1"]}, "samples": 100},
    }
    canvas = {"height": 12, "width": 48}
    return tiny_config(splits=splits, canvas=canvas, output={"shard_samples": 1})


def read_table(text):
    """Return (shards, done, missing) of each split."""
    rows = re.findall(r"^(train|val|test) +([\d,]+) +([\d,]+) +([\d,]+)$", text, re.MULTILINE)
    return {row[0]: tuple(int(count.replace(",", "")) for count in row[1:]) for row in rows}


def test_status_of_a_grown_dataset(tiny_config, folder):
    """The shard that was the last one, and has more samples by now, is not done."""

    def make(samples):
        splits = {"train": {"numbers": {"values": ["1"]}, "samples": samples}}
        return tiny_config(splits=splits, output={"shard_samples": 2})

    build(make(5), folder)
    grown = open_sampler(make(6))
    publish_plan(Storage(str(folder)), grown.plan, grown.bank)
    assert read_table(find_status(Storage(str(folder))).describe())["train"] == (3, 2, 1)


def test_status_while_it_runs_and_after_a_kill(forks, many, folder, tmp_path):
    """The status of a running build counts its shards; after a kill it says how to go on."""
    config = write_config(tmp_path / "config.yaml", many)
    child = forks.start("build", config, "-o", folder, *LOCAL)
    end = time.monotonic() + 60
    while len(list(folder.glob("labels/train/*"))) < 5:
        assert time.monotonic() < end
        time.sleep(0.01)
    running = forks.run("status", folder)
    child.kill()
    child.wait()
    assert running.returncode == 0, running.stderr
    counts = read_table(running.stdout)
    assert counts["train"][0] == 1400
    assert counts["train"][1] >= 5
    assert counts["val"] == (100, 0, 100)
    assert sum(counts["train"][1:]) == 1400
    assert "running since " in running.stdout
    assert running.stdout.endswith("not complete yet\n")
    killed = find_status(Storage(str(folder))).describe()
    assert read_table(killed)["train"][1] == len(list(folder.glob("labels/train/*")))
    assert killed.endswith("not complete: the same build command goes on")


def test_status_after_the_end(forks, tiny_config, folder):
    """A dataset that is built is complete, and its last run has ended."""
    build(tiny_config(), folder)
    lines = forks.run("status", folder).stdout.splitlines()
    assert lines[0].split() == ["split", "shards", "done", "missing"]
    assert read_table("\n".join(lines)) == {"train": (3, 3, 0), "test": (1, 1, 0)}
    assert re.fullmatch(r"last run ended 20\S+ \S+ UTC", lines[-2])  # "complete" is said once
    assert lines[-1] == "complete"


def test_status_after_a_failure(forks, tiny_config, folder, tmp_path):
    """Shards that failed are named, until they are built."""
    (folder / "images/train/train-00001.tar").mkdir(parents=True)
    config = write_config(tmp_path / "config.yaml", tiny_config())
    assert forks.run("build", config, "-o", folder, *LOCAL).returncode == 2
    text = find_status(Storage(str(folder))).describe()
    assert "failed in the last run: train-00001\n" in text
    assert re.search(r"last run ended 20\S+ \S+ UTC: failed: 1 of 4 shards failed; .* kept\n", text)
    assert read_table(text)["train"] == (3, 2, 1)
    (folder / "images/train/train-00001.tar").rmdir()
    build(tiny_config(), folder)
    assert "failed" not in find_status(Storage(str(folder))).describe()


@pytest.mark.parametrize("end", ["BuildStopped", "KeyboardInterrupt"])
def test_status_after_a_stop(tiny_config, folder, end):
    """A run that was stopped is told so in words; programs get the name too."""
    build(tiny_config(), folder)
    (folder / "labels/train/train-00001.parquet").unlink()
    log = RunLog(Storage(str(folder)))
    log.write("start")
    log.write("end", outcome=end, message="stopped: 2 of 4 shards are done")
    found = find_status(Storage(str(folder)))
    assert re.search(r"last run ended 20\S+ \S+ UTC: stopped\n", found.describe())
    assert (found.run.outcome, found.run.end) == (end, "stopped")


def test_rate_and_time_left(tiny_config, folder):
    """Rate and time left are those of the last progress and of the samples that are missing."""
    build(tiny_config(), folder)
    storage = Storage(str(folder))
    (folder / "dataset.json").unlink()
    (folder / "labels/train/train-00001.parquet").unlink()
    (folder / "labels/train/train-00002.parquet").unlink()
    log = RunLog(storage)
    log.write("start")
    log.write("progress", done=2, images_per_second=0.1)
    text = find_status(storage).describe()
    assert re.search(
        r"running since 20\S+ \S+ UTC, 0 images/s, about 0:01:10 left", text
    )  # 7 samples


def test_silent_run(tiny_config, folder, monkeypatch):
    """A run that says nothing for long is called silent."""
    build(tiny_config(), folder)
    storage = Storage(str(folder))
    RunLog(storage).write("start")
    assert "running since" in find_status(storage).describe()
    monkeypatch.setattr("digit_sequence.building.status._SILENT_SECONDS", -1)
    assert re.search(
        r"last run began 20\S+ \S+ UTC and is silent since 20", find_status(storage).describe()
    )


def test_shard_without_its_images_is_not_done(tiny_config, folder):
    """What counts as done is what a build would not build again."""
    build(tiny_config(), folder)
    (folder / "images/train/train-00001.tar").unlink()
    labels = folder / "labels/train/train-00002.parquet"
    labels.write_bytes(labels.read_bytes()[:-1])
    found = find_status(Storage(str(folder)))
    assert read_table(found.describe())["train"] == (3, 1, 2)
    assert found.state == "damaged"
    assert found.describe().endswith("verify --repair builds again what is missing")


def test_manifest_is_missing(tiny_config, folder):
    """With all shards and no manifest the command has to be given again."""
    build(tiny_config(), folder)
    (folder / "dataset.json").unlink()
    assert (
        find_status(Storage(str(folder)))
        .describe()
        .endswith("all shards are done, the manifest is not written: give the command again")
    )


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("shard_samples", 0, r"cannot be read \(shard_samples: expected 1 to 100,000, got 0\)"),
        ("schema_version", 99, "expected schema_version 2, got 99; read it with the version"),
    ],
)
def test_manifest_is_damaged(tiny_config, folder, key, value, problem):
    """A manifest that cannot be read makes no dataset complete."""
    build(tiny_config(), folder)
    path = folder / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(OutputError, match=rf"dataset.json: .*{problem}"):
        find_status(Storage(str(folder))).describe()


def test_files_that_are_no_shards(tiny_config, folder):
    """Files that merely look like label files are not counted."""
    build(tiny_config(), folder)
    for name in ("train-00009.parquet", "train-1.parquet", "x.parquet", "train-000001.parquet"):
        (folder / "labels/train" / name).write_bytes(b"")
    assert read_table(find_status(Storage(str(folder))).describe())["train"] == (3, 3, 0)


@pytest.mark.parametrize(
    ("file", "got"),
    [
        (
            None,
            "none yet; a build that has just begun writes there in some seconds; check the path",
        ),
        (".build/glyphs", "none yet; a build that has just begun writes there"),
        ("", "an empty folder; check the path, or build one: digit-sequence build CONFIG -o OUT"),
        ("notes.txt", "none; check the path, or build one: digit-sequence build CONFIG -o OUT"),
    ],
)
def test_no_build(forks, folder, file, got):
    """A folder without a build is an error, which tells of a build that may have begun there."""
    if file is not None:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).mkdir() if not file else (folder / file).touch()
    done = forks.run("status", folder)
    assert (done.returncode, done.stdout) == (2, "")
    expected = f"error: {folder}: expected a dataset built by this program, got {got}"
    assert done.stderr.startswith(expected)


def test_a_dataset_that_was_meant(forks, tiny_config, folder):
    """Of a folder that is not there, one that is called almost so is suggested."""
    build(tiny_config(), folder / "tiny")
    done = forks.run("status", folder / "tinny")
    assert done.stderr.endswith(f" got none; did you mean {folder / 'tiny'}?\n")


def test_run_is_on_record_before_workers_answer(tiny_config, folder, monkeypatch):
    """A build is seen to run while its workers start."""
    seen = []

    def look(*_):
        seen.append(find_status(Storage(str(folder))))

    monkeypatch.setattr("digit_sequence.building.dataset.probe_workers", look)
    build(tiny_config(), folder)
    assert [it.run.state for it in seen] == ["running"]
    assert seen[0].describe().endswith("not complete yet")


@pytest.mark.slow
def test_performance_report(forks, tiny_config, folder, tmp_path):
    """--performance-report writes Dask's page; without a cluster it is refused."""
    config = write_config(tmp_path / "config.yaml", tiny_config())
    report = tmp_path / "report.html"
    command = ("build", config, "-o", folder, "--performance-report", report)
    done = forks.run(*command, *LOCAL)
    assert done.returncode == 2
    assert "--performance-report: expected a cluster or the scheduler processes" in done.stderr
    assert not folder.exists()
    done = forks.run(*command, "--workers", 1)
    assert done.returncode == 0, done.stderr
    assert "Dask Performance Report" in report.read_text()


@pytest.mark.parametrize("pid", [None, "1", -1, 0, 2**40, True])
def test_a_record_may_say_anything_of_its_process(many, folder, pid):
    """A process that cannot be looked for is taken to be there."""
    sampler = open_sampler(many)
    storage = Storage(str(folder))
    publish_plan(storage, sampler.plan, sampler.bank)
    RunLog(storage).write("start", host=platform.node(), pid=pid)
    assert "running since" in find_status(storage).describe()


def test_killed_run_is_told_at_once(many, folder):
    """Where the driver ran, it is seen that it is gone."""
    sampler = open_sampler(many)
    storage = Storage(str(folder))
    publish_plan(storage, sampler.plan, sampler.bank)
    gone = subprocess.Popen(["true"])
    gone.wait()
    RunLog(storage).write("start", host=platform.node(), pid=gone.pid)
    assert re.search(
        r"last run began 20\S+ \S+ UTC and was killed", find_status(storage).describe()
    )


def test_any_version_has_a_status(many, folder, monkeypatch):
    """To count what is done needs no version of the plan."""
    sampler = open_sampler(many)
    storage = Storage(str(folder))
    publish_plan(storage, sampler.plan, sampler.bank)
    monkeypatch.setattr("digit_sequence.plan.fingerprint.__version__", "99.9")
    with pytest.raises(OutputError, match="other versions"):
        load_plan(storage)
    assert read_table(find_status(storage).describe())["train"] == (1400, 0, 1400)
