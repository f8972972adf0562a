"""How much memory a task may need, and where the number is from."""

from __future__ import annotations

import pytest

from builds import open_cluster
from digit_sequence.base.errors import ConfigError
from digit_sequence.run import limits
from digit_sequence.run.limits import MemoryLimit, count_machine_bytes, limit_workers
from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [("2GB", 2 * 10**9), ("500MiB", 500 * 2**20), ("1.5 GB", 15 * 10**8), ("1000000", 10**6)],
)
def test_limit_that_is_set(text, n_bytes):
    """A limit in any unit is the limit, whatever the scheduler has."""
    with open_scheduler(SchedulerOptions("synchronous", memory_limit=text)) as run:
        assert run.find_memory_limit() == MemoryLimit(n_bytes, "--memory-limit")


@pytest.mark.parametrize("text", ["", "much", "-1GB", "0", "2 apples"])
def test_limit_that_is_none(text):
    """What is no number of bytes is an error that shows some."""
    with (
        pytest.raises(ConfigError, match=r"--memory-limit: expected bytes such as 2GB .*, got '"),
        open_scheduler(SchedulerOptions("threads", memory_limit=text)),
    ):
        pass


@pytest.mark.parametrize(("scheduler", "share"), [("synchronous", 1), ("threads", 4)])
def test_limit_of_this_machine(monkeypatch, scheduler, share):
    """Without a limit, workers in this process share most of the machine."""
    monkeypatch.setattr(limits, "count_machine_bytes", lambda: 10**10)
    with open_scheduler(SchedulerOptions(scheduler, workers=4)) as run:
        limit = run.find_memory_limit()
    assert limit.n_bytes == 8 * 10**9 // share
    shared = ", shared by 4 workers" if share > 1 else ""
    assert limit.origin == f"80% of the 10,000 MB of this machine{shared}"


def test_limit_of_local_processes():
    """Local processes have what Dask gives each of them."""
    with open_scheduler(SchedulerOptions("processes", workers=2)) as run:
        limit = run.find_memory_limit()
    assert limit.n_bytes <= 0.4 * count_machine_bytes()
    assert "MB that worker tls://127.0.0.1:" in limit.origin


def test_limit_of_a_cluster(tmp_path, forks):
    """Of a cluster the least of its workers' limits counts; without any there is none."""
    with open_cluster(tmp_path, 0, forks) as cluster:
        cluster.start_worker("--memory-limit", "0")
        cluster.wait_for_workers(1)
        with open_scheduler(SchedulerOptions(cluster.address)) as run:
            assert run.find_memory_limit() is None
        cluster.start_worker("--memory-limit", "3GB")
        cluster.start_worker("--memory-limit", "1GB")
        cluster.wait_for_workers(3)
        with open_scheduler(SchedulerOptions(cluster.address)) as run:
            limit = run.find_memory_limit()
    assert limit.n_bytes == 8 * 10**8
    assert limit.origin.startswith("80% of the 1,000 MB that worker tcp://127.0.0.1:")


def test_limit_of_nobody():
    """Without an answer of the scheduler there is no limit, but the one that is set."""
    assert limit_workers({}, None) is None
    assert limit_workers({}, 5) == MemoryLimit(5, "--memory-limit")


def test_limit_of_a_container(monkeypatch, tmp_path):
    """A container with less memory than the machine is what counts; "max" is no limit."""
    whole = count_machine_bytes()
    (tmp_path / "memory.max").write_text("max\n")
    monkeypatch.setattr(limits, "CGROUP_FILES", (str(tmp_path / "memory.max"),))
    assert count_machine_bytes() >= whole
    (tmp_path / "memory.max").write_text("123456789\n")
    assert count_machine_bytes() == 123456789
