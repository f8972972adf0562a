"""Failures of shards, workers and schedulers: bounded, told with their cause, nothing else lost."""

from __future__ import annotations

import json
import re
import shutil
import signal
import time
from pathlib import Path

import dask
import numpy as np
import pytest

from builds import ROOT, build, open_cluster, read_tree, write_config
from digit_sequence.base.errors import BuildError
from digit_sequence.run.jobs import ABORT_AFTER, MAX_ATTEMPTS
from digit_sequence.run.schedulers import SchedulerOptions, TaskLost, open_scheduler

LOCAL = ("--scheduler", "synchronous")


@pytest.fixture
def folder(tmp_path):
    """Return the path of a folder that is not there yet."""
    return tmp_path / "out"


@pytest.fixture
def cluster(tmp_path, forks):
    """Start a scheduler; its workers come with the test."""
    with open_cluster(tmp_path / "cluster", 0, forks) as cluster:
        yield cluster


@pytest.fixture
def config(tiny_config, tmp_path):
    """Write a config of 40 shards of one sample."""
    return write_config(tmp_path / "config.yaml", make_config(tiny_config))


def make_config(tiny_config, samples=40, **blocks):
    """Make a config of shards of one sample."""
    splits = {"train": {"numbers": {"values": ["1", "22", "333", "9"]}, "samples": samples}}
    blocks = {"canvas": {"height": 12, "width": 48}, "output": {"shard_samples": 1}} | blocks
    return tiny_config(splits=splits, **blocks)


def read_events(folder, kind):
    """Return the events of a kind of all runs of a dataset."""
    lines = [
        json.loads(line)
        for path in sorted((folder / ".build/runs").iterdir())
        for line in path.read_text().splitlines()
    ]
    return [line for line in lines if line["event"] == kind]


# -- shards that fail -----------------------------------------------------------------------------


@pytest.fixture
def faint(tiny_config, tiny_source, bank, tmp_path):
    """Write a config whose every fourth number, 9, no glyph can show: its ink is too faint."""
    images = bank.images.copy()
    images[bank.digits == 9] = 0
    for place, glyph in enumerate(np.flatnonzero(bank.digits == 9)):
        images[glyph, 14, 8 + place] = 1
    header = Path(tiny_source["images"]).read_bytes()[:16]
    (tmp_path / "faint").write_bytes(header + images.tobytes())
    source = {**tiny_source, "images": str(tmp_path / "faint")}
    config = make_config(tiny_config, samples=12, source=source)
    return write_config(tmp_path / "faint.yaml", config)


@pytest.mark.parametrize("scheduler", ["synchronous", "threads", "processes"])
def test_sample_that_cannot_be_drawn(forks, faint, folder, scheduler):
    """A deterministic error is tried once; the others finish, and the report names the sample."""
    command = ("build", faint, "-o", folder, "--scheduler", scheduler, "--workers", 2)
    done = forks.run(*command)
    assert (done.returncode, done.stdout) == (2, "")
    message = done.stderr[done.stderr.index("error: ") :]
    assert re.match(
        r"error: 3 of 12 shards failed; 9 are done and kept\. The first, train-000(03|07|11) "
        r"\(sample train-0000000(03|07|11), seed 1\): RenderError: train: number 9, sample \d: "
        r"digit 1 \(glyph \d+\) has left no ink on the canvas; .*\n"
        r"Every failure is in \.build/runs/ with its traceback; mend the cause and give the same",
        message,
    ), message
    assert "Traceback" not in message
    assert len(list(folder.glob("labels/train/*"))) == 9
    assert not (folder / "dataset.json").exists()
    failures = {event["shard"]: event for event in read_events(folder, "failure")}
    assert sorted(failures) == ["train-00003", "train-00007", "train-00011"]
    for shard, event in failures.items():
        assert event["sample"] == f"train-0000{shard.removeprefix('train-')}"
        assert event["seed"] == 1
        assert event["error"].startswith("RenderError: ")
        assert event["traceback"].startswith("Traceback (most recent call last):\n")
        assert "/render/" in event["traceback"]
    assert len(read_events(folder, "failure")) == 3
    assert read_events(folder, "retry") == []
    assert read_events(folder, "end")[0]["outcome"] == "BuildError"


def test_retries_are_bounded(forks, config, folder):
    """A shard that finds a folder in its place is tried three times; the others are built."""
    (folder / "images/train/train-00002.tar").mkdir(parents=True)
    done = forks.run("build", config, "-o", folder, *LOCAL)
    assert done.returncode == 2
    assert (
        "error: 1 of 40 shards failed; 39 are done and kept. The first, train-00002 (seed 1): "
        in (done.stderr)
    )
    assert [event["shard"] for event in read_events(folder, "failure")] == (
        ["train-00002"] * MAX_ATTEMPTS
    )
    assert [event["attempt"] for event in read_events(folder, "retry")] == [2, 3]
    (folder / "images/train/train-00002.tar").rmdir()
    assert forks.run("build", config, "-o", folder, *LOCAL).returncode == 0
    assert read_events(folder, "end")[-1]["outcome"] == "complete"


def test_retry_succeeds(forks, config, folder):
    """A shard that fails once is built at the next attempt of the same run."""
    place = folder / "images/train/train-00000.tar"
    place.mkdir(parents=True)
    child = forks.start("build", config, "-o", folder, *LOCAL)
    end = time.monotonic() + 60
    while not (list(folder.glob(".build/runs/*")) and read_events(folder, "failure")):
        assert time.monotonic() < end
        time.sleep(0.001)
    place.rmdir()
    assert child.wait() == 0
    assert len(read_events(folder, "failure")) == 1
    assert len(read_events(folder, "retry")) == 1


@pytest.mark.parametrize("scheduler", ["synchronous", "processes"])
def test_early_abort(forks, config, folder, scheduler):
    """When most of the first shards fail the rest is not tried."""
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    done = forks.run("build", config, "-o", folder, *LOCAL)  # claims the folder
    shutil.rmtree(folder / "images/train")
    shutil.rmtree(folder / "labels/train")
    shutil.rmtree(folder / ".build/runs")
    (folder / "images/train").write_bytes(b"in the way")
    command = ("build", config, "-o", folder, "--scheduler", scheduler, "--workers", 2)
    done = forks.run(*command)
    assert done.returncode == 2
    assert re.search(
        r"error: \d+ of 40 shards failed; most failed, so the rest was not tried; 0 are done",
        done.stderr,
    )
    n_tried = len(read_events(folder, "failure"))
    assert ABORT_AFTER <= n_tried <= ABORT_AFTER + 8  # those under way on two workers
    assert not (folder / "dataset.json").exists()


def test_log_that_cannot_be_written(forks, config, folder):
    """A file in the place of the log's folder stops no build."""
    (folder / ".build").mkdir(parents=True)
    (folder / ".build/runs").write_bytes(b"in the way")
    done = forks.run("build", config, "-o", folder, *LOCAL)
    assert done.returncode == 0, done.stderr


def test_too_many_shards(forks, tiny_config, folder, tmp_path):
    """More shards than a process can count are refused before anything is written."""
    config = write_config(tmp_path / "many.yaml", make_config(tiny_config, samples=10**9))
    done = forks.run("build", config, "-o", folder, *LOCAL)
    assert done.returncode == 2
    assert re.search(
        "error: output.shard_samples: expected at most 10,000,000 shards, got 1,000,000,000; put",
        done.stderr,
    )
    assert not folder.exists()


# -- workers that die -----------------------------------------------------------------------------

KILL_AT_SHARD = """
import os, signal, sys

def watch(event, arguments):
    if event == "open" and "train-00005.tar." in str(arguments[0]):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watch)
"""


@pytest.mark.slow
def test_shard_that_kills_its_workers(forks, config, folder, tmp_path, cluster):
    """A shard over which worker after worker dies is given up, and the others are built."""
    (tmp_path / "kill.py").write_text(KILL_AT_SHARD)
    for _ in range(2):
        cluster.start_worker("--nanny", "--preload", tmp_path / "kill.py")
    cluster.wait_for_workers(2)
    done = forks.run("build", config, "-o", folder, "--scheduler", cluster.address)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert (
        "error: 1 of 40 shards failed; 39 are done and kept. The first, train-00005 " in done.stderr
    )
    assert re.search("KilledWorker: .* 4 different workers", done.stderr)
    events = [event for event in read_events(folder, "failure") if "-00005" in event["shard"]]
    assert len(events) == 2
    assert len(list(folder.glob("labels/train/*"))) == 39
    assert forks.run("build", config, "-o", folder, *LOCAL).returncode == 0


def test_task_lost_with_its_workers(tmp_path):
    """What is handed over for a task whose workers die tells it from an exception."""
    tasks = [
        dask.delayed(int)(7, dask_key_name="fine"),
        dask.delayed(int)("seven", dask_key_name="wrong"),
    ]
    results = []
    with open_scheduler(SchedulerOptions("processes", workers=1)) as run:
        run.execute(tasks, results.append, lambda: False)
    assert 7 in results
    (lost,) = [result for result in results if isinstance(result, TaskLost)]
    assert lost.key == "wrong"
    assert lost.error.startswith("ValueError: invalid literal")


def start_build(forks, config, folder, cluster, *options):
    """Start a build on a cluster, and wait until it is under way."""
    child = forks.start("build", config, "-o", folder, "--scheduler", cluster.address, *options)
    end = time.monotonic() + 60
    while len(list(folder.glob("labels/*/*"))) < 3:
        assert time.monotonic() < end, child.read()
        time.sleep(0.01)
    return child


@pytest.fixture
def long(tiny_config, tmp_path):
    """Write a config of 300 shards."""
    return write_config(tmp_path / "long.yaml", make_config(tiny_config, samples=300))


@pytest.mark.slow
def test_last_worker_dies(forks, long, tiny_config, folder, cluster, tmp_path):
    """Without a worker the driver ends with a message after the time that was set."""
    worker = cluster.start_worker()
    child = start_build(forks, long, folder, cluster, "--worker-timeout", 3)
    worker.kill()
    begin = time.monotonic()
    assert child.wait() == 2
    assert time.monotonic() - begin < 40
    stderr = child.read()
    assert re.search(
        r"error: no worker is left since \d+ s, with \d+ shards under way; what is built is kept: "
        "run the same command again\n$",
        stderr,
    )
    assert "Traceback" not in stderr
    assert not (folder / "dataset.json").exists()
    n_done = len(list(folder.glob("labels/*/*")))
    assert build(make_config(tiny_config, samples=300), folder).built_samples == 300 - n_done


@pytest.mark.slow
def test_silent_scheduler(forks, long, folder, cluster):
    """A scheduler that is there and does not answer ends the build as well."""
    cluster.start_worker()
    child = start_build(forks, long, folder, cluster, "--worker-timeout", 1)
    cluster.scheduler.send_signal(signal.SIGSTOP)
    try:
        assert child.wait() == 2
    finally:
        cluster.scheduler.send_signal(signal.SIGCONT)
    stderr = child.read()
    assert re.search(r"error: the scheduler does not answer since \d+ s, with \d+ shards", stderr)
    assert "Traceback" not in stderr


def test_no_worker_comes(forks, config, folder, cluster):
    """A cluster without workers is an error after the time that was set, before anything."""
    done = forks.run(
        *("build", config, "-o", folder, "--scheduler", cluster.address, "--worker-timeout", 1)
    )
    assert done.returncode == 2
    assert re.search("error: tcp://.*: no worker came within 1 s; start workers with", done.stderr)
    assert not folder.exists()


@pytest.mark.slow
@pytest.mark.parametrize("blow", [signal.SIGSTOP, signal.SIGKILL])
def test_scheduler_is_lost_before_a_worker_comes(forks, config, folder, cluster, blow):
    """A scheduler that goes silent, or dies, while a worker is waited for ends the build."""
    child = forks.start(
        *("build", config, "-o", folder, "--scheduler", cluster.address, "--worker-timeout", 3)
    )
    time.sleep(1.5)
    cluster.scheduler.send_signal(blow)
    try:
        assert child.wait() == 2
    finally:
        cluster.scheduler.send_signal(signal.SIGCONT)
    assert re.search(r"^error: tcp://.*: (no worker came|the scheduler is gone)", child.read())
    assert "Traceback" not in child.read()


@pytest.mark.slow
def test_report_of_a_lost_cluster(forks, long, folder, cluster, tmp_path):
    """A performance report that cannot be written does not hide why the build ended."""
    cluster.start_worker()
    report = ("--performance-report", tmp_path / "report.html", "--worker-timeout", 2)
    child = start_build(forks, long, folder, cluster, *report)
    cluster.scheduler.kill()
    assert child.wait() == 2
    assert re.search("error: .*scheduler.*what is built is kept", child.read())
    assert "Traceback" not in child.read()


def test_scheduler_is_given_up_between_attempts(cluster):
    """Tasks for a scheduler that Dask has given up are a clear error."""
    cluster.start_worker()
    with open_scheduler(SchedulerOptions(cluster.address)) as run:
        cluster.scheduler.kill()
        cluster.scheduler.wait()
        run.client.close()
        nothing = dask.delayed(abs, pure=False)
        with pytest.raises(BuildError, match="the scheduler is gone with 0 shards under way"):
            run.execute(iter([nothing(1)]), lambda _: None, lambda: False)


@pytest.mark.slow
def test_scheduler_dies_before_the_probe(cluster):
    """A scheduler that is gone when the workers are to be asked is an error."""
    cluster.start_worker()
    with open_scheduler(SchedulerOptions(cluster.address)) as run:
        cluster.scheduler.kill()
        cluster.scheduler.wait()
        with pytest.raises(BuildError, match="the scheduler is gone"):
            run.probe(int, ())


# -- workers that cannot take part ----------------------------------------------------------------


@pytest.fixture
def other(tmp_path):
    """Make a copy of the package of another version; return the path to import it from."""
    shutil.copytree(ROOT / "pipeline", tmp_path / "other")
    (tmp_path / "other/digit_sequence/base/version.py").write_text('__version__ = "99.9"\n')
    return tmp_path / "other"


def test_worker_of_another_version(forks, config, folder, cluster, other):
    """A worker with another version of the package is refused before anything is built."""
    cluster.start_worker()
    cluster.start_worker(PYTHONPATH=str(other))
    cluster.wait_for_workers(2)
    done = forks.run("build", config, "-o", folder, "--scheduler", cluster.address)
    assert done.returncode == 2
    assert re.search(r"error: 1 of 2 workers cannot take part:\n  tcp://.*: ", done.stderr)
    assert re.search(r'versions\.digit-sequence: ".*" there, "99\.9" here', done.stderr)
    assert not (folder / "labels").exists()


def test_worker_of_other_code(forks, config, folder, cluster, other):
    """Code that was worked on is another version, even if it still has the same number."""
    shutil.copy(ROOT / "pipeline/digit_sequence/base/version.py", other / "digit_sequence/base")
    with (other / "digit_sequence/render/batch.py").open("a") as file:
        file.write("# changed\n")
    cluster.start_worker(PYTHONPATH=str(other))
    cluster.wait_for_workers(1)
    done = forks.run("build", config, "-o", folder, "--scheduler", cluster.address)
    assert done.returncode == 2
    assert re.search(r'versions\.code: "\w+" there, "\w+" here', done.stderr)


@pytest.mark.slow
def test_unfit_worker_that_comes_late(forks, long, folder, cluster, other):
    """A worker that cannot take part does not end a build that others can finish."""
    cluster.start_worker()
    child = start_build(forks, long, folder, cluster)
    cluster.start_worker(PYTHONPATH=str(other))
    cluster.wait_for_workers(2)
    assert child.wait() in (0, 2), child.read()
    assert len(list(folder.glob("labels/*/*"))) > 250
    assert forks.run("build", long, "-o", folder, "--scheduler", "threads").returncode == 0


@pytest.mark.slow
def test_frozen_worker(forks, long, folder, cluster):
    """A worker that is there and says nothing ends the build with its address."""
    frozen = cluster.start_worker("--no-nanny")
    child = start_build(forks, long, folder, cluster, "--worker-timeout", 2)
    frozen.send_signal(signal.SIGSTOP)
    try:
        assert child.wait() == 2
    finally:
        frozen.send_signal(signal.SIGCONT)
    assert re.search(r"error: worker tcp://.* is silent since \d+ s: end it; with", child.read())


NO_ACCESS = """
import sys

def watch(event, arguments):
    if event == "open" and str(arguments[0]).rpartition("/")[2].startswith("probe."):
        raise PermissionError(13, "Permission denied")

sys.addaudithook(watch)
"""


def test_worker_without_access(forks, config, folder, cluster, tmp_path):
    """A worker that cannot write to the output is refused before anything is built."""
    (tmp_path / "preload.py").write_text(NO_ACCESS)
    cluster.start_worker()
    cluster.start_worker("--preload", tmp_path / "preload.py")
    cluster.wait_for_workers(2)
    done = forks.run("build", config, "-o", folder, "--scheduler", cluster.address)
    assert done.returncode == 2
    assert re.search(
        r"error: 1 of 2 workers cannot take part:\n  tcp://.*: .*cannot be written: Permission den",
        done.stderr,
    )
    assert not (folder / "labels").exists()


@pytest.mark.slow
def test_worker_elsewhere(forks, config, folder, cluster, tmp_path):
    """A worker that comes during the build and has another version spoils nothing."""
    shutil.copytree(ROOT / "pipeline", tmp_path / "other")
    (tmp_path / "other/digit_sequence/base/version.py").write_text('__version__ = "99.9"\n')
    cluster.start_worker()
    child = start_build(forks, config, folder, cluster)
    cluster.start_worker(PYTHONPATH=str(tmp_path / "other"))
    child.wait()
    assert forks.run("build", config, "-o", folder, *LOCAL).returncode == 0
    assert forks.run("build", config, "-o", tmp_path / "fresh", *LOCAL).returncode == 0
    assert read_tree(folder) == read_tree(tmp_path / "fresh")


def test_faint_glyphs_are_accepted_by_the_source(faint):
    """The glyphs that cannot be shown are no blank images: only rendering can tell."""
    images = np.frombuffer((faint.parent / "faint").read_bytes()[16:], np.uint8)
    assert (images.reshape(-1, 784).max(axis=1) > 0).all()
