"""Jobs: attempts, retries, and to whom a failure is counted; with real failures."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from digit_sequence.base.errors import ConfigError, OutputError, RenderError
from digit_sequence.run import jobs
from digit_sequence.run.jobs import (
    ABORT_AFTER,
    MAX_ATTEMPTS,
    MAX_UNFIT,
    Done,
    Job,
    Work,
    probe_workers,
)
from digit_sequence.run.run import Run, TaskLost
from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler


def open_folder(folder):
    """Open the folder that a job is about; with a file `closed` in it, it cannot be."""
    place = Path(folder)
    if (place / "closed").exists():
        raise OutputError(f"{folder}: is closed")
    return place


def note(folder, name):
    """Note an attempt: one character in a file of that name; return how many there are."""
    with (Path(folder) / name).open("a") as file:
        file.write("x")
    return (Path(folder) / name).stat().st_size


def do(folder, name):
    """Do a task that fails as its name says."""
    n_attempts = note(folder, name)
    kind, _, count = name.partition("-")
    if kind == "fail" and n_attempts <= int(count or 99):
        raise OutputError("it failed")
    if kind == "wrong":
        raise RenderError("it cannot be drawn")
    if kind == "config":
        raise ConfigError("it cannot be")
    if kind == "defect":
        raise ZeroDivisionError("a defect")
    if kind == "kill" and n_attempts <= int(count or 99):
        os.kill(os.getpid(), signal.SIGKILL)
    return n_attempts


def find_sample(folder, name):
    """Return a key."""
    return f"sample of {name}"


@pytest.fixture
def run_job(tmp_path):
    """Return a function that runs tasks, and returns the job, its results and its retries."""

    def run_tasks(names, scheduler="synchronous", should_stop=lambda _: False):
        results, retries, failures = {}, [], []
        work = Work(str(tmp_path), do, open_folder, find_sample=find_sample)
        job = Job(
            work,
            lambda name: (name,),
            results.__setitem__,
            should_stop=lambda: should_stop(results),
            on_retry=lambda *retry: retries.append(retry),
            on_failure=failures.append,
        )
        with open_scheduler(SchedulerOptions(scheduler, workers=2)) as run:
            job.do(run, names)
        assert (run.tally.retries, run.tally.failures) == (len(retries), len(failures))
        return job, results, retries

    return run_tasks


def count_attempts(folder):
    """Return how often each task was begun."""
    return {path.name: path.stat().st_size for path in folder.iterdir() if path.name != "closed"}


@pytest.mark.parametrize("scheduler", ["synchronous", "threads", "processes"])
def test_failures_are_tried_again(run_job, tmp_path, scheduler):
    """A task that fails is tried again after the others, so often and no more."""
    fine = [f"fine-{i}" for i in range(10)]
    job, results, retries = run_job(["fail-1", "fail-2", "fail", *fine], scheduler)
    assert results == {**dict.fromkeys(fine, 1), "fail-1": 2, "fail-2": 3}
    assert list(job.failures) == ["fail"]
    assert count_attempts(tmp_path)["fail"] == MAX_ATTEMPTS
    assert Counter(retries) == Counter(
        [("fail-1", 2), ("fail-2", 2), ("fail", 2), ("fail-2", 3), ("fail", 3)]
    )
    assert job.failures["fail"].error.startswith("OutputError on ")
    assert job.failures["fail"].is_of_files


@pytest.mark.parametrize("name", ["wrong", "config"])
def test_what_fails_for_ever_is_tried_once(run_job, tmp_path, name):
    """An error that another try would meet again is final, and names its sample."""
    job, _, retries = run_job([name, "a"])
    assert (retries, count_attempts(tmp_path)) == ([], {name: 1, "a": 1})
    assert job.failures[name].sample == f"sample of {name}"


def test_defects_show_their_traceback(run_job):
    """Of an error that is not the user's, the traceback is told."""
    job, _, _ = run_job(["defect", "fail"])
    assert job.failures["defect"].describe().startswith("Traceback (most recent call last):")
    assert job.failures["defect"].error == "ZeroDivisionError: a defect"
    assert "Traceback" not in job.failures["fail"].describe()


@pytest.mark.parametrize("scheduler", ["synchronous", "processes"])
def test_most_failures_end_the_job(run_job, tmp_path, scheduler):
    """When most of the latest results are failures, no new task is begun."""
    job, _, retries = run_job([f"fail-{10 + i}" for i in range(40)], scheduler)
    assert job.is_hopeless
    assert retries == []
    assert ABORT_AFTER <= len(count_attempts(tmp_path)) <= ABORT_AFTER + 8


def test_stop(run_job, tmp_path):
    """When it is to stop, no task is begun, and none is tried again."""
    _, results, retries = run_job(["fail-1", "a", "b", "c"], should_stop=lambda done: len(done) > 1)
    assert (list(results), retries) == (["a", "b"], [])
    assert "c" not in count_attempts(tmp_path)


def test_worker_that_is_unfit(run_job, tmp_path, monkeypatch):
    """A worker that cannot open the job uses up no attempt of a task, and not for ever."""
    monkeypatch.setattr(jobs, "UNFIT_SECONDS", 0.0)
    (tmp_path / "closed").touch()
    job, results, retries = run_job(["a"])
    assert (results, len(retries)) == ({}, MAX_UNFIT - 1)
    assert job.failures["a"].is_unfit
    assert count_attempts(tmp_path) == {}


def test_worker_that_is_unfit_for_a_while(run_job, tmp_path, monkeypatch):
    """What a worker could not begin has all its attempts left."""
    monkeypatch.setattr(jobs, "UNFIT_SECONDS", 0.0)
    (tmp_path / "closed").touch()

    def reopen(_results):
        attempts.append(1)
        if len(attempts) > 2 * MAX_ATTEMPTS:
            (tmp_path / "closed").unlink(missing_ok=True)
        return False

    attempts = []
    _, results, _ = run_job(["fail-2"], should_stop=reopen)
    assert results == {"fail-2": 3}


def test_unfit_workers_are_named(tmp_path):
    """A worker that cannot open the job is told before the job begins."""
    (tmp_path / "closed").touch()
    with open_scheduler(SchedulerOptions("processes", workers=2)) as run:
        run.client.wait_for_workers(2)  # a run begins with the first
        with pytest.raises(OutputError) as caught:
            probe_workers(run, Work(str(tmp_path), do, open_folder))
    head, *lines = str(caught.value).splitlines()
    assert head == "2 of 2 workers cannot take part:"
    assert all(line.startswith("  tls://127.0.0.1:") for line in lines)
    assert all(line.endswith("is closed") for line in lines)


@pytest.mark.slow
def test_task_that_kills_its_workers(run_job, tmp_path):
    """A task lost with worker after worker gets one more chance; the others are done."""
    job, results, retries = run_job(["kill", "a", "b"], "processes")
    assert set(results) == {"a", "b"}
    assert retries == [("kill", 2)]
    assert "KilledWorker" in job.failures["kill"].error
    assert count_attempts(tmp_path)["kill"] == 2 * 4


def test_worker_that_cannot_begin_a_task(tmp_path):
    """Tasks that a worker cannot even begin use up no attempt, and the worker is set apart."""
    apart, results, n_runs = [], {}, 0

    def execute(tasks, hand_over, should_stop):
        nonlocal n_runs
        n_runs += 1
        for task in tasks:
            is_fit = n_runs > 2 * MAX_UNFIT
            hand_over(Done("a", 1) if is_fit else TaskLost(task.key, "AttributeError", "tcp://a"))

    run = Run(
        kind="tcp://",
        threads=1,
        execute=execute,
        probe=lambda call, args: {},
        find_memory_limit=lambda: None,
        set_apart=lambda address: apart.append(address) is None,
        take_back=apart.clear,
    )
    job = Job(Work(str(tmp_path), do, open_folder), lambda name: (name,), results.__setitem__)
    job.do(run, ["a"])
    assert results == {"a": 1}
    assert (job.failures, job.is_hopeless, apart) == ({}, False, [])
