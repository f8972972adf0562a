"""Schedulers: the same files on all of them, memory that does not grow, real processes."""

from __future__ import annotations

import gc
import os
import signal

import dask
import pytest
from distributed import Client
from distributed.compatibility import asyncio_run

from builds import ALL_TRANSFORMS, build, open_cluster, read_tree, run_program, write_config
from digit_sequence.base.errors import ConfigError
from digit_sequence.building.sampler import open_sampler
from digit_sequence.run import watch
from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler
from digit_sequence.run.watch import TASKS_PER_THREAD
from digit_sequence.store.storage import Storage


@pytest.fixture(scope="session")
def cluster(forks, tmp_path_factory):
    """Start a cluster of two workers."""
    with open_cluster(tmp_path_factory.mktemp("cluster"), 2, forks) as cluster:
        cluster.wait_for_workers(2)
        yield cluster


@pytest.fixture
def config(tiny_config):
    """Return the config of the dataset that `built` has built on the synchronous scheduler."""
    return tiny_config(**ALL_TRANSFORMS)


# -- the same files -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheduler", "workers"),
    [
        ("synchronous", 4),
        ("threads", 1),
        ("threads", 2),
        ("threads", 4),
        ("processes", 2),
        pytest.param("processes", 4, marks=pytest.mark.slow),
    ],
)
def test_same_files_here(built, config, tmp_path, scheduler, workers):
    """Threads and processes of any count write the bytes that one thread writes."""
    build(config, tmp_path / "out", scheduler, workers)
    assert read_tree(tmp_path / "out") == read_tree(built())


def test_same_files_on_a_cluster(built, config, tmp_path, cluster):
    """Workers of a cluster write the same bytes."""
    build(config, tmp_path / "out", cluster.address)
    assert read_tree(tmp_path / "out") == read_tree(built())


def test_relative_path_on_a_cluster(built, config, tmp_path, monkeypatch, cluster):
    """A relative output is relative to the program, not to the directory of a worker."""
    monkeypatch.chdir(tmp_path)
    build(config, "out", cluster.address)
    assert read_tree(tmp_path / "out") == read_tree(built())


def test_cluster_reads_a_changed_plan(tiny_config, tmp_path, cluster):
    """Workers that know a plan read it again when its splits have other sizes, even in sum."""

    def make(train, test):
        numbers = {"values": ["1", "22"]}
        return tiny_config(
            splits={
                "train": {"numbers": numbers, "samples": train},
                "test": {"numbers": numbers, "samples": test},
            }
        )

    build(make(4, 8), tmp_path / "out", cluster.address)
    build(make(8, 4), tmp_path / "out", cluster.address, overwrite=True)
    build(make(8, 4), tmp_path / "fresh")
    assert read_tree(tmp_path / "out") == read_tree(tmp_path / "fresh")


@pytest.mark.slow
def test_lost_worker(tiny_config, tmp_path, cluster):
    """A worker that is killed in the middle of a build costs time and nothing else."""
    from digit_sequence.building.dataset import build_dataset

    config = tiny_config(**ALL_TRANSFORMS, output={"shard_samples": 1})
    worker = cluster.start_worker()
    cluster.wait_for_workers(3)
    with open_scheduler(SchedulerOptions(cluster.address)) as run:

        def kill(_samples, is_new):
            if is_new:
                worker.send_signal(signal.SIGKILL)

        build_dataset(open_sampler(config), Storage(str(tmp_path / "out")), run, kill)
    assert worker.wait() == -signal.SIGKILL
    build(config, tmp_path / "fresh")
    assert read_tree(tmp_path / "out") == read_tree(tmp_path / "fresh")


# -- tasks ----------------------------------------------------------------------------------------


def run_tasks(scheduler, n_tasks):
    """Run tasks; return their results, and the most that were taken ahead of their results."""
    results, most_ahead, taken = [], 0, 0

    def make_tasks():
        nonlocal taken, most_ahead
        for index in range(n_tasks):
            taken += 1
            most_ahead = max(most_ahead, taken - len(results))
            yield dask.delayed(int)(index, dask_key_name=f"task-{os.getpid()}-{index}")

    with open_scheduler(SchedulerOptions(scheduler, workers=2)) as run:
        run.execute(make_tasks(), results.append, lambda: False)
    return results, most_ahead


@pytest.mark.parametrize(("scheduler", "window"), [("synchronous", 1), ("threads", 2)])
@pytest.mark.parametrize("n_tasks", [0, 1, 256, 513])
def test_window_here(scheduler, window, n_tasks):
    """Each task gives one result, and no more tasks are there at a time than run."""
    results, most_ahead = run_tasks(scheduler, n_tasks)
    assert sorted(results) == list(range(n_tasks))
    assert most_ahead == min(n_tasks, window)


@pytest.mark.parametrize("n_tasks", [0, 1, 50])
def test_window_on_a_cluster(cluster, n_tasks, monkeypatch):
    """Each task gives one result, and each thread has a few tasks at a time."""
    monkeypatch.setattr(watch, "RECOUNT_SECONDS", 600)
    results, most_ahead = run_tasks(cluster.address, n_tasks)
    assert sorted(results) == list(range(n_tasks))
    assert most_ahead == min(n_tasks, 2 * TASKS_PER_THREAD)


def test_names_of_tasks_are_forgotten(cluster, monkeypatch):
    """Dask's caches of task names are emptied from time to time in all its processes."""
    monkeypatch.setattr(watch, "FORGET_AFTER", 40)

    def count_names():
        from dask.utils import key_split

        return key_split.cache_info().currsize

    results, _ = run_tasks(cluster.address, 100)
    assert len(results) == 100
    with Client(cluster.address) as client:
        counts = [client.run_on_scheduler(count_names), *client.run(count_names).values()]
    assert len(counts) == 3
    assert max(counts) < 60


def test_task_is_small(built, config):
    """A task is a few hundred bytes, whatever the dataset."""
    import cloudpickle

    from digit_sequence.building.dataset import make_graph
    from digit_sequence.plan.plan import make_plan

    plan = make_plan(config, "0" * 64)
    (task, *_) = make_graph(Storage("/a/long/path/to/the/output/of/a/build"), plan, plan.shards())
    assert len(cloudpickle.dumps(dict(task.dask))) < 1000


# -- choosing a scheduler -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheduler": "threads", "cluster": "a:b"}, "--scheduler and --cluster: expected one of"),
        ({"scheduler_file": "f", "cluster": "a:b"}, "--scheduler-file and --cluster: expected one"),
        ({"scheduler": ""}, "--scheduler: expected one of synchronous, .*, got ''"),
    ],
)
def test_options_that_do_not_go_together(options, message):
    """Two ways to choose a scheduler, or a variable that is not set, are an error."""
    with pytest.raises(ConfigError, match=message), open_scheduler(SchedulerOptions(**options)):
        pass


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("thread", "; did you mean threads?"),
        ("Threads", "; did you mean threads?"),
        ("tcp", ""),
        ("127.0.0.1:8786", ""),
    ],
)
def test_unknown_scheduler(name, meant):
    """A name that is none is an error that lists the names and shows an address."""
    with pytest.raises(ConfigError) as caught, open_scheduler(SchedulerOptions(name)):
        pass
    assert str(caught.value) == (
        "--scheduler: expected one of synchronous, threads, processes or an address such as "
        f"tcp://127.0.0.1:8786, got {name!r}{meant}"
    )


@pytest.mark.parametrize("address", ["tpc://127.0.0.1:8786", "tcp://127.0.0.1:port"])
def test_malformed_address(address):
    """An address that means nothing is an error that names it and says what to do."""
    with (
        pytest.raises(ConfigError, match=f"--scheduler: {address}: .*`dask scheduler`"),
        open_scheduler(SchedulerOptions(address)),
    ):
        pass


def test_next_client(cluster, monkeypatch):
    """A client that could not connect does not stand in the way of the next one."""

    def collect_and_run(*arguments, **options):
        """Run a loop in a thread that looks for garbage first, as any thread may."""
        gc.collect()
        return asyncio_run(*arguments, **options)

    with pytest.raises(ConfigError), open_scheduler(SchedulerOptions("tpc://127.0.0.1:8786")):
        pass
    monkeypatch.setattr("distributed.utils.asyncio_run", collect_and_run)
    with open_scheduler(SchedulerOptions(cluster.address)) as run:
        assert run.threads == 2


def test_address_of_the_environment(built, config, tmp_path, cluster):
    """DASK_SCHEDULER_ADDRESS names the cluster if --scheduler does not."""
    path = write_config(tmp_path / "config.yaml", config)
    done = run_program(
        *("build", path, "-o", tmp_path / "out"),
        env={"DASK_SCHEDULER_ADDRESS": cluster.address},
    )
    assert done.stderr.startswith(f"{cluster.address}, 2 at a time")
    assert read_tree(tmp_path / "out") == read_tree(built())


def test_option_comes_before_the_environment(built, config, tmp_path):
    """--scheduler is followed even if DASK_SCHEDULER_ADDRESS names another."""
    path = write_config(tmp_path / "config.yaml", config)
    done = run_program(
        *("build", path, "-o", tmp_path / "out", "--scheduler", "synchronous"),
        env={"DASK_SCHEDULER_ADDRESS": "tcp://127.0.0.1:1"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert read_tree(tmp_path / "out") == read_tree(built())


def test_processes_are_the_default(monkeypatch):
    """Without an address anywhere a build runs on local processes."""
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    with open_scheduler(SchedulerOptions(workers=1)) as run:
        results = []
        run.execute([dask.delayed(os.getpid)()], results.append, lambda: False)
    assert results[0] != os.getpid()
    assert (run.kind, run.threads) == ("processes", 1)


# -- who may reach local processes ----------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["tcp", "tls"])
def test_local_processes_refuse_strangers(protocol):
    """Without the key of the run nobody on the machine reaches the scheduler or a worker."""
    from distributed.security import Security

    key = Security.temporary() if protocol == "tls" else None
    with open_scheduler(SchedulerOptions("processes", workers=1)) as run:
        workers = list(run.client.scheduler_info()["workers"])
        for address in (run.client.scheduler.address, *workers):
            assert address.startswith("tls://127.0.0.1:")
            with pytest.raises(OSError, match=r"."):
                Client(address.replace("tls", protocol), security=key, timeout=2)
