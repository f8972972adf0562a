"""Two processes by torchrun, Lightning and Accelerate: each sample once an epoch, in new orders."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from builds import ROOT
from digit_sequence.base.errors import ConfigError
from digit_sequence.read.dataset import open_dataset

torch = pytest.importorskip("torch", reason="needs the extra torch")
from digit_sequence.learn.streams import NumberStream, ShardBatchSampler  # noqa: E402

pytestmark = pytest.mark.extras
JOBS = Path(__file__).with_name("rank_jobs.py")
TORCHRUN = ["-m", "torch.distributed.run", "--nproc-per-node=2", "--master-addr=127.0.0.1"]
PERSISTENT = {"num_workers": 2, "persists": True}


@pytest.fixture(scope="module")
def train(built):
    """Return the 12 samples of train, in shards of 5."""
    return open_dataset(built(container="webdataset"))["train"]


def _find_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _start(job, train, folder, cases):
    """Run a job to its end on two processes of this machine."""
    launcher = [] if job == "lightning" else [*TORCHRUN, f"--master-port={_find_port()}"]
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "SLURM_"))
    } | {
        "PYTHONPATH": str(ROOT / "pipeline"),
        "MASTER_ADDR": "127.0.0.1",
        "GLOO_SOCKET_IFNAME": "lo",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(
        [sys.executable, *launcher, str(JOBS), job, train.dataset.uri, folder, json.dumps(cases)],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
    )


def _run(job, train, folder, cases):
    """Return for each case what each rank found."""
    done = _start(job, train, folder, cases)
    assert done.returncode == 0, done.stderr[-4000:]
    found = [json.loads((folder / f"rank-{rank}.json").read_text()) for rank in (0, 1)]
    return list(zip(cases, zip(*found, strict=True), strict=True))


def _check_epochs(train, case, ranks):
    """Each sample once an epoch over both ranks, orders differ, lengths are as told."""
    keys = train.labels(["key"])["key"].to_pylist()
    for epochs in zip(*(rank["epochs"] for rank in ranks), strict=True):
        assert sorted(key for batches in epochs for batch in batches for key in batch) == keys, case
        assert all(epochs), case
    for rank in ranks:
        first, second, third = rank["epochs"]
        assert first != second != third != first, case
        assert {len(epoch) for epoch in rank["epochs"]} == {rank["length"]}, case


def test_torchrun(train, tmp_path):
    """A loader made before the process group begins shares out its epochs."""
    cases = [
        {},
        {"num_workers": 2, "batch_size": 2},
        {"num_workers": 2, "batch_size": 2, "method": "spawn"},
        PERSISTENT,
        {"kind": "sampler"},
        {"kind": "sampler", **PERSISTENT},
    ]
    for case, ranks in _run("torchrun", train, tmp_path, cases):
        _check_epochs(train, case, ranks)


def test_environment_of_torchrun(train, tmp_path):
    """Without a process group, RANK and WORLD_SIZE say the rank."""
    cases = [{}, PERSISTENT, {"kind": "sampler"}]
    for case, ranks in _run("environment", train, tmp_path, cases):
        _check_epochs(train, case, ranks)


def test_lightning(train, tmp_path):
    """A loader made before fit shares out its epochs, none ends early, and they advance."""
    pytest.importorskip("lightning", reason="needs lightning")
    cases = [{}, {"num_workers": 2, "batch_size": 2}, PERSISTENT, {"kind": "sampler"}]
    for case, ranks in _run("lightning", train, tmp_path, cases):
        _check_epochs(train, case, ranks)


def test_accelerate(train, tmp_path):
    """Prepared or not, dispatched or not, nothing is shared out twice; texts arrive."""
    pytest.importorskip("accelerate", reason="needs accelerate")
    cases = [
        {"batch_size": 2, "boxes": True},
        {"batch_size": 3, "num_workers": 2},
        {"batch_size": 3, "num_workers": 2, "method": "spawn"},
        {"batch_size": 3, "dispatch": False},
        {"batch_size": 3, "dispatch": False, "num_workers": 2},
        {"kind": "sampler"},
        {"kind": "sampler", "batch_size": 5},
        {"kind": "sampler", **PERSISTENT},
        {"kind": "sampler", "batch_size": 3, "dispatch": True},
        {"prepares": False},
        {"prepares": False, **PERSISTENT},
        {"prepares": False, "kind": "sampler"},
    ]
    for case, ranks in _run("accelerate", train, tmp_path, cases):
        _check_epochs(train, case, ranks)
        for rank in ranks:
            for key, number in rank["numbers"].items():
                assert train.by_key(key).number == number
            for key, boxes in rank["boxes"].items():
                assert boxes == train.by_key(key).boxes[:, [2, 1, 4, 3]].tolist()
            assert bool(rank["boxes"]) == case.get("boxes", False)


@pytest.mark.parametrize("kind", ["stream", "sampler"])
def test_a_rank_beside_accelerate_is_refused(train, tmp_path, kind):
    """What is given a rank and prepared as well would be split twice: it says what to do."""
    pytest.importorskip("accelerate", reason="needs accelerate")
    cases = [{"kind": kind, "rank": 0, "world_size": 2}]
    done = _start("accelerate", train, tmp_path, cases)
    assert done.returncode
    assert "leave out rank and world_size, or do not prepare this loader" in done.stderr


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_beside_split_batches_are_refused(train, tmp_path, method):
    """A dispatcher that cuts batches up would drop a part of the last one of each worker."""
    pytest.importorskip("accelerate", reason="needs accelerate")
    cases = [{"num_workers": 2, "method": method, "split": True}]
    done = _start("accelerate", train, tmp_path, cases)
    assert done.returncode
    assert "num_workers: expected at most 1 where Accelerate's split_batches" in done.stderr


@pytest.mark.parametrize("kind", [NumberStream, lambda split: ShardBatchSampler(split, 5)])
def test_wrong_environment_is_refused(train, monkeypatch, kind):
    """RANK and WORLD_SIZE that are no rank are named; one of them alone says nothing."""
    monkeypatch.setenv("RANK", "2")
    assert len(list(kind(train))) in (3, 12)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="0 <= RANK < WORLD_SIZE, got '2' and '2'"):
        list(kind(train))
