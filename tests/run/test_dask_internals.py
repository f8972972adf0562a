"""What is used of Dask beyond its documentation: whether it is still there, and does it."""

from __future__ import annotations

import dask
import pytest
from distributed import Client, LocalCluster
from distributed.versions import VersionMismatchWarning

from digit_sequence.run import dask_internals
from digit_sequence.run.cluster import connect
from digit_sequence.run.dask_internals import list_missing

ACTS = ("target", "spill", "pause", "terminate")
"""What Dask does about a worker's memory."""


@pytest.fixture(scope="module")
def client():
    """Run a cluster of two workers of one thread in this process, and connect to it.

    They would take no tasks for as long as the whole process holds more than their limit.
    """
    with (
        dask.config.set({f"distributed.worker.memory.{act}": False for act in ACTS}),
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=False,
            dashboard_address=None,
            memory_limit="1GB",
        ) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(2)
        yield client


def test_dask_has_what_is_used_of_it():
    """Nothing is gone; what is gone is named."""
    missing = list_missing()
    assert not missing, (
        f"Dask {dask.__version__} no longer has {', '.join(missing)}: see run/dask_internals.py"
    )


def test_what_is_gone_is_named(monkeypatch):
    """Dask without one of its parts is told by that part's name."""
    monkeypatch.setattr(dask_internals, "key_split", lambda name: name)
    monkeypatch.setattr(Client, "get", lambda self, graph, keys, sync=True: None)
    monkeypatch.setattr(dask_internals, "_LOSS_LOGGERS", ("json",))
    assert list_missing() == [
        "dask.utils.key_split.cache_clear",
        "distributed.Client.get(..., fifo_timeout=)",
        "the logger json",
    ]


def test_threads_are_counted(client):
    """The threads of all workers are counted."""
    assert dask_internals.count_threads(client) == 2, "Client.scheduler.ncores has changed"


def test_silences_are_listed(client):
    """Each worker was heard of a moment ago."""
    silences = dask_internals.list_silences(client)
    assert len(silences) == 2, "Scheduler.workers or WorkerState.last_seen has changed"
    assert all(0 <= seconds < 30 for seconds in silences.values()), "last_seen is no time"


def test_memory_limits_are_listed(client):
    """Each worker tells the limit that it was given."""
    limits = dask_internals.list_memory_limits(client)
    assert list(limits.values()) == [10**9, 10**9], "WorkerState.memory_limit has changed"


def test_status_and_address(client):
    """A client that is connected runs, and knows where its scheduler is."""
    assert dask_internals.is_running(client), "Client.status has changed"
    assert not dask_internals.is_closed(client), "Client.status has changed"
    assert "://" in dask_internals.find_address(client), "Client.scheduler.address has changed"


def test_tasks_are_submitted(client):
    """Tasks of one graph come out as futures, in order."""
    tasks = [dask.delayed(abs, pure=False)(-i) for i in range(5)]
    graph = {key: node for task in tasks for key, node in task.dask.items()}
    futures = dask_internals.submit(client, graph, [task.key for task in tasks])
    assert [future.key for future in futures] == [task.key for task in tasks]
    assert [future.result(timeout=30) for future in futures] == list(range(5))


def test_names_are_forgotten(client):
    """The names of tasks that Dask remembers can be dropped."""
    from dask.utils import key_split

    key_split("some-name-1")
    dask_internals.forget_names(client)
    assert key_split.cache_info().currsize == 0, "dask.utils.key_split is cached in another way"


def test_worker_is_set_apart_and_taken_back(client):
    """A worker that is set apart gets no task, until it is taken back."""
    first, second = sorted(client.scheduler_info()["workers"])

    def find_users():
        futures = client.map(lambda _: dask_internals.find_own_address(), range(20), pure=False)
        return set(client.gather(futures))

    assert dask_internals.set_apart(client, first), "Scheduler.handle_worker_status_change"
    assert find_users() == {second}
    assert dask_internals.count_threads(client, {first}) == 1
    dask_internals.take_back(client, [first])
    assert find_users() == {first, second}
    assert not dask_internals.set_apart(client, "tcp://127.0.0.1:1")


def test_versions_are_not_told(client, monkeypatch):
    """Of workers with other versions this program tells: Dask's table does not come before."""
    told = {"warning": "a table of versions", "error": None}
    monkeypatch.setattr("distributed.versions.error_message", lambda *_: told)
    with pytest.warns(VersionMismatchWarning), Client(client.cluster):
        pass  # so it would
    with connect(client.cluster) as other:
        assert dask_internals.is_running(other)
