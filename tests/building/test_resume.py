"""Resuming: whatever is killed, at whatever moment, the same command leads to the same dataset."""

from __future__ import annotations

import fcntl
import os
import pty
import random
import re
import shutil
import signal
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from builds import build, build_apart, open_cluster, read_tree, start_python, write_config
from conftest import sift
from digit_sequence.config.loading import load_config
from digit_sequence.store.labels import read_commit
from digit_sequence.store.storage import Storage

N_SHARDS = 40
LOCAL_KILLS = {"synchronous": 27, "threads": 27, "processes": 6}
CLUSTER_KILLS = {"driver": 28, "worker": 8, "scheduler": 4}


def make_config(tiny_config, samples=2 * N_SHARDS, **blocks):
    """Make a config of shards of two samples."""
    splits = {"train": {"numbers": {"random": {"lengths": [1, 9]}}, "samples": samples}}
    blocks = {"canvas": {"height": 12, "width": 80}, "output": {"shard_samples": 2}} | blocks
    return tiny_config(splits=splits, **blocks)


@pytest.fixture(scope="module")
def small(tiny_config, tmp_path_factory):
    """Return a config file of 40 tiny shards, and the tree that an uninterrupted build leaves."""
    folder = tmp_path_factory.mktemp("small")
    config = make_config(tiny_config)
    return write_config(folder / "small.yaml", config), build_apart(config, folder)


@pytest.fixture
def folder(tmp_path):
    """Return the path of a folder that is not there yet."""
    return tmp_path / "out"


def list_finished(folder):
    """Return identity and time of the files of every finished shard."""
    found = {}
    for labels in folder.glob("labels/*/*.parquet"):
        for path in (labels, folder / "images" / labels.parent.name / f"{labels.stem}.tar"):
            status = path.stat()
            found[path] = (status.st_ino, status.st_mtime_ns)
    return found


def check_partial(folder, tree):
    """Check that a folder holds nothing but whole files of the dataset, a manifest only at last."""
    partial = read_tree(folder)
    assert partial.items() <= tree.items()
    if "dataset.json" in partial:
        assert partial == tree


def wait_for_shards(folder, count):
    """Wait until a build has written some label files."""
    end = time.monotonic() + 60
    while len(list(folder.glob("labels/*/*.parquet"))) < count:
        assert time.monotonic() < end
        time.sleep(0.005)


def run(forks, *command):
    """Run a command that succeeds."""
    done = forks.run(*command)
    assert done.returncode == 0, done.stderr


# -- kills ----------------------------------------------------------------------------------------


def kill_builds(forks, command, folder, tree, n_kills, longest):
    """Build again and again, each time killed at a random moment; check what each has left."""
    n_killed = 0
    while n_killed < n_kills:
        finished = list_finished(folder)
        child = forks.start(*command)
        time.sleep(random.uniform(0, longest))
        child.kill()
        code = child.wait()
        assert code in (0, -signal.SIGKILL), child.read()
        check_partial(folder, tree)
        assert finished.items() <= list_finished(folder).items()
        n_killed += code != 0
        if code == 0:
            assert read_tree(folder) == tree
            shutil.rmtree(folder)
            longest *= 0.8  # the machine was busy when it was measured
    run(forks, *command)
    assert read_tree(folder) == tree
    assert list((folder / ".build/tmp").iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(("scheduler", "n_kills"), LOCAL_KILLS.items())
def test_killed_local_builds(forks, small, folder, scheduler, n_kills):
    """Builds that are killed at any moment, several times each, end in the same dataset."""
    config, tree = small
    command = ("build", config, "-o", folder, "--scheduler", scheduler, "--workers", 2)
    begin = time.monotonic()
    run(forks, *command)
    longest = time.monotonic() - begin
    shutil.rmtree(folder)
    kill_builds(forks, command, folder, tree, n_kills, longest * 0.8)


@pytest.mark.slow
@pytest.mark.races
def test_killed_drivers_of_a_cluster(forks, small, folder, tmp_path):
    """A driver that is killed leaves tasks on the cluster; the next one ends what it began."""
    config, tree = small
    with open_cluster(tmp_path / "cluster", 2, forks) as cluster:
        command = ("build", config, "-o", folder, "--scheduler", cluster.address)
        n_killed = 0
        while n_killed < CLUSTER_KILLS["driver"]:
            child = forks.start(*command)
            time.sleep(random.uniform(0, 0.8))
            child.kill()
            code = child.wait()
            assert code in (0, -signal.SIGKILL), child.read()
            check_partial(folder, tree)
            n_killed += code != 0
            if code == 0:
                assert read_tree(folder) == tree
                shutil.rmtree(folder)
        run(forks, *command)
        assert read_tree(folder) == tree


@pytest.mark.slow
@pytest.mark.races
def test_killed_workers_of_a_cluster(forks, small, folder, tmp_path):
    """Workers that are killed, and others that come, cost time and nothing else."""
    config, tree = small
    n_killed = 0
    with open_cluster(tmp_path / "cluster", 2, forks) as cluster:
        command = ("build", config, "-o", folder, "--scheduler", cluster.address)
        while n_killed < CLUSTER_KILLS["worker"]:
            shutil.rmtree(folder, ignore_errors=True)
            child = forks.start(*command)
            wait_for_shards(folder, random.randrange(1, 20))
            for worker in cluster.workers:  # all of them: for a while there is none
                worker.kill()
                n_killed += 1
            cluster.workers.clear()
            for _ in range(2):
                cluster.start_worker()
            assert child.wait() == 0, child.read()
            assert read_tree(folder) == tree


@pytest.mark.races
@pytest.mark.parametrize("attempt", sift(((n,) for n in range(CLUSTER_KILLS["scheduler"])), 4))
def test_killed_scheduler(forks, small, folder, tmp_path, attempt):
    """When the scheduler is killed the driver says so at once; the command goes on elsewhere."""
    config, tree = small
    with open_cluster(tmp_path / "cluster", 1, forks) as cluster:
        child = forks.start("build", config, "-o", folder, "--scheduler", cluster.address)
        wait_for_shards(folder, 1 + 8 * attempt)
        cluster.scheduler.kill()
        begin = time.monotonic()
        assert child.wait() == 2
        assert time.monotonic() - begin < 30
    output = child.read()
    assert re.search(
        "error: .*scheduler.*what is built is kept: run the same command again", output
    )
    assert "Traceback" not in output
    check_partial(folder, tree)
    command = ("build", config, "-o", folder, "--scheduler", "synchronous")
    run(forks, *command)
    assert read_tree(folder) == tree


@pytest.mark.slow
def test_killed_worker_process(small, folder):
    """A local worker process that is killed is replaced, and its shards are built."""
    config, tree = small
    process = start_python(
        *("-m", "digit_sequence", "build", config, "-o", folder, "--workers", 1),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_for_shards(folder, 3)
    (worker,) = find_workers(process.pid)
    os.kill(worker, signal.SIGKILL)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert read_tree(folder) == tree


def find_workers(driver):
    """Return the process ids of the workers of a driver: forks of its fork server."""
    return [worker for child in find_children(driver) for worker in find_children(child)]


def find_children(parent):
    """Return the process ids of the children of a process."""
    found = []
    for path in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):
            if f"\nPPid:\t{parent}\n" in path.read_text():
                found.append(int(path.parent.name))
    return found


# -- stopped --------------------------------------------------------------------------------------


@contextmanager
def start_on_terminal(forks, *arguments):
    """Start the program as a terminal does: its processes get the Ctrl-C that is typed."""
    terminal, end = pty.openpty()
    shown = bytearray()

    def read():
        with suppress(OSError):
            while chunk := os.read(terminal, 4096):
                shown.extend(chunk)

    child = forks.start(*arguments, terminal=os.ttyname(end))
    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield child, terminal, shown
    finally:
        child.kill()
        child.wait()
        os.close(end)  # the last one: the reader sees the end
        reader.join(timeout=30)
        os.close(terminal)


N_STOPPED = 500
"""Shards of a build that is stopped after some."""
STOPPED = (
    rf"stopped: (\d+) of {N_STOPPED} shards are done and kept; "
    r"give the same command again to go on\n"
)


@pytest.mark.parametrize("scheduler", ["synchronous", "threads", "processes"])
def test_ctrl_c(forks, tiny_config, folder, tmp_path, scheduler):
    """Ctrl-C drains: shards under way are finished and counted, exit code 130; then it goes on."""
    config = make_config(tiny_config, samples=2 * N_STOPPED)
    path = write_config(tmp_path / "config.yaml", config)
    command = ("build", path, "-o", folder, "--scheduler", scheduler, "--workers", 2)
    with start_on_terminal(forks, *command) as (child, terminal, screen):
        wait_for_shards(folder, 3)
        os.write(terminal, b"\x03")
        code = child.wait()
    shown = screen.decode().replace("\r\n", "\n")
    assert code == 130, shown
    assert "stopping when the shards that have begun are done; Ctrl-C again: now" in shown
    assert "Traceback" not in shown
    assert "KeyboardInterrupt" not in shown
    (n_done,) = map(int, re.findall(STOPPED, shown))
    finished = list_finished(folder)
    assert len(finished) == 2 * n_done < 2 * N_STOPPED
    assert list((folder / ".build/tmp").iterdir()) == []
    assert build(config, folder).built_samples == 2 * (N_STOPPED - n_done)
    assert finished.items() <= list_finished(folder).items()


def test_sigterm(forks, small, folder):
    """SIGTERM, with which batch systems end a job, drains as well."""
    config, _ = small
    child = forks.start(
        *("build", config, "-o", folder, "--scheduler", "synchronous"),
        *("--set", f"splits.train.samples={2 * N_STOPPED}"),
    )
    wait_for_shards(folder, 3)
    child.send_signal(signal.SIGTERM)
    assert child.wait() == 130
    assert re.search(STOPPED, child.read())
    assert not (folder / "dataset.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("scheduler", ["synchronous", "threads", "processes"])
def test_second_ctrl_c(forks, tiny_config, folder, tmp_path, scheduler):
    """The second Ctrl-C does not wait for the shard under way."""
    config = make_config(tiny_config, samples=10**6, output={"shard_samples": 30_000})
    path = write_config(tmp_path / "config.yaml", config)
    command = ("build", path, "-o", folder, "--scheduler", scheduler)
    with start_on_terminal(forks, *command) as (child, terminal, screen):
        end = time.monotonic() + 60
        while not list(folder.glob(".build/runs/*")):
            assert time.monotonic() < end, screen.decode()
            time.sleep(0.01)
        time.sleep(0.7)  # the shards have begun
        os.write(terminal, b"\x03")
        while b"Ctrl-C again: now" not in screen:
            assert time.monotonic() < end
            time.sleep(0.01)
        os.write(terminal, b"\x03")
        code = child.wait(30)
    shown = screen.decode()
    assert code == 130, shown
    assert "stopped at once; what is finished is kept" in shown
    assert "Traceback" not in shown


# -- beside each other ----------------------------------------------------------------------------


def test_two_drivers_at_once(forks, small, folder):
    """Two drivers that build the same directory at once end in one correct dataset."""
    config, tree = small
    command = ("build", config, "-o", folder, "--workers", 2, "--scheduler")
    for _ in range(3):
        children = [forks.start(*command, name) for name in ("synchronous", "threads")]
        assert [child.wait() for child in children] == [0, 0], children[0].read()
        assert read_tree(folder) == tree
        shutil.rmtree(folder)


def test_only_orphans_are_cleaned(forks, small, folder):
    """Temporary files of the dead are removed; one that a live process holds stays."""
    config, tree = small
    temporary = folder / ".build/tmp"
    temporary.mkdir(parents=True)
    (temporary / "train-00001.tar.dead").write_bytes(b"half")
    with (temporary / "train-00002.tar.live").open("wb") as live:
        fcntl.flock(live, fcntl.LOCK_EX)
        run(forks, "build", config, "-o", folder, "--scheduler", "synchronous")
        assert [path.name for path in temporary.iterdir()] == ["train-00002.tar.live"]
    assert Storage(str(folder)).clean() == 1
    assert read_tree(folder) == tree


def test_writer_survives_the_cleaning(folder):
    """A process that writes while others clean all the time loses nothing."""
    script = (
        "import sys; from digit_sequence.store.storage import Storage\n"
        "print(flush=True)\n"
        "while True: Storage(sys.argv[1]).clean()\n"
    )
    storage = Storage(str(folder))
    storage.write("a", b"")
    cleaner = start_python("-c", script, folder, stdout=subprocess.PIPE)
    try:
        cleaner.stdout.readline()
        for _ in range(300):
            storage.write("a", b"1" * 1000)
            assert storage.read("a") == b"1" * 1000
    finally:
        cleaner.kill()
        cleaner.communicate()


# -- out of room ----------------------------------------------------------------------------------


def test_full_disk_in_the_middle(tiny_config, folder, forks, tmp_path):
    """Shards that find no room fail the build; with room again only those are built."""
    numbers = {"values": [f"12345678{digit}" for digit in range(6)]}
    config = write_config(
        tmp_path / "config.yaml",
        tiny_config(
            splits={
                "train": {"numbers": numbers, "samples": 6},
                "test": {"numbers": {"values": ["1"]}, "samples": 1},
            },
            output={"shard_samples": 6},
        ),
    )
    build(load_config(config), tmp_path / "whole")
    tree = read_tree(tmp_path / "whole")
    limit = 25_000
    assert len(tree[".build/glyphs"]) < limit < len(tree["images/train/train-00000.tar"])
    command = ("build", config, "-o", folder, "--scheduler", "synchronous")
    done = forks.run(*command, file_bytes=limit)
    assert done.returncode == 2
    assert "bytes cannot be written: File too large; finished shards are kept" in done.stderr
    check_partial(folder, tree)
    assert list((folder / ".build/tmp").iterdir()) == []
    finished = list_finished(folder)
    assert finished
    run(forks, *command)
    assert finished.items() <= list_finished(folder).items()
    assert read_tree(folder) == tree


# -- others ---------------------------------------------------------------------------------------


def list_all(folder):
    """Return every file with its content and time."""
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*.*")
        if path.is_file()
    }


def test_other_source_is_refused(forks, tiny_config, tiny_source, folder, tmp_path):
    """Other digits under the same config are refused with their digest; nothing is touched."""
    build(make_config(tiny_config, samples=4), folder)
    before = list_all(folder)
    source = {**tiny_source, "images": str(tmp_path / "images")}
    content = Path(tiny_source["images"]).read_bytes()
    (tmp_path / "images").write_bytes(content[:-784] + content[16:800])
    config = write_config(
        tmp_path / "config.yaml", make_config(tiny_config, samples=4, source=source)
    )
    done = forks.run("build", config, "-o", folder, "--scheduler", "synchronous")
    assert done.returncode == 2
    assert "Nothing was touched; choose another output, or --overwrite" in done.stderr
    assert re.search(r"These differ:\n  source.digest: \S+ there, \S+ here\n", done.stderr)
    assert list_all(folder) == before


def test_other_version_is_refused(tiny_config, folder, tmp_path):
    """Another version of the program is refused with both versions; nothing is touched."""
    config = make_config(tiny_config, samples=4)
    build(config, folder)
    before = list_all(folder)
    script = (
        "import sys; from digit_sequence.base import version; version.__version__ = '99.9'\n"
        "from digit_sequence.cli.program import main\nmain(sys.argv[1:])\n"
    )
    path = write_config(tmp_path / "config.yaml", config)
    process = start_python(
        *("-c", script, "build", path, "-o", folder, "--scheduler", "synchronous"),
        stderr=subprocess.PIPE,
        text=True,
    )
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 2
    assert re.search('\n  versions.digit-sequence: ".*" there, "99.9" here\n', stderr)
    assert list_all(folder) == before


def test_killed_while_it_grows(forks, small, tiny_config, folder, tmp_path):
    """A dataset that is extended, with kills, keeps its full shards as they are."""
    config, tree = small
    command = ("build", config, "-o", folder, "--scheduler", "synchronous")
    begin = time.monotonic()
    half = make_config(tiny_config, samples=N_SHARDS - 1)
    build(half, folder)
    longest = time.monotonic() - begin
    full = {
        path: found
        for path, found in list_finished(folder).items()
        if read_commit(folder / "labels/train" / f"{path.stem}.parquet").rows == 2
    }
    assert len(full) == 2 * (N_SHARDS // 2 - 1)
    n_killed = 0
    for _ in range(5):
        child = forks.start(*command)
        time.sleep(random.uniform(0, longest / 2))
        child.kill()
        n_killed += child.wait() == -signal.SIGKILL
    assert n_killed
    run(forks, *command)
    assert full.items() <= list_finished(folder).items()
    assert read_tree(folder) == tree


def test_manifest_does_not_outlive_its_shards(forks, small, folder):
    """While a complete dataset that lost a shard is mended, it has no manifest."""
    config, tree = small
    command = ("build", config, "-o", folder, "--scheduler", "synchronous")
    run(forks, *command)
    (folder / "images/train/train-00003.tar").unlink()
    (folder / "images/train/train-00003.tar").mkdir()  # so that it cannot be mended
    assert forks.run(*command).returncode == 2
    assert not (folder / "dataset.json").exists()
    (folder / "images/train/train-00003.tar").rmdir()
    run(forks, *command)
    assert read_tree(folder) == tree


def test_start_of_another_build_leaves_no_trace(tiny_config, folder, bank):
    """A build killed before its plan was there does not lend its digits to the next one."""
    build(make_config(tiny_config, samples=4), folder)
    glyphs = (folder / ".build/glyphs").read_bytes()
    shutil.rmtree(folder)
    Storage(str(folder)).write(".build/glyphs", b"of another config")
    build(make_config(tiny_config, samples=4), folder)
    assert (folder / ".build/glyphs").read_bytes() == glyphs
