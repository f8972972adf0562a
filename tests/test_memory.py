"""The memory model: what it counts, and what it refuses."""

from __future__ import annotations

import pytest

from pipeline.build import build_dataset, estimate_task
from pipeline.errors import ConfigError
from pipeline.memory import LIMIT_BYTES, check_memory, estimate_memory
from pipeline.sampler import open_config
from pipeline.schedulers import SchedulerOptions, open_scheduler
from pipeline.storage import Storage


def test_memory_grows_with_the_shard(tiny_config):
    """Shard and rows are in proportion to the samples; base and batch are not."""
    config = tiny_config(output={"shard_samples": 100_000})
    small, large = (estimate_memory(config, n, 4000, 5, "numba") for n in (10_000, 20_000))
    assert (large.shard, large.rows) == (2 * small.shard, 2 * small.rows)
    assert (large.base, large.batch) == (small.base, small.batch)
    assert small.total == small.base + small.shard + small.rows + small.batch


@pytest.mark.parametrize("engine", ["skimage", "numba"])
def test_ten_thousand_samples_fit(tiny_config, engine):
    """Shards of 10,000 samples of usual size are within the limit."""
    config = tiny_config(output={"shard_samples": 10_000}, canvas={"height": 28, "width": 200})
    assert estimate_memory(config, 10_000, 5700, 5, engine).total <= LIMIT_BYTES


def test_too_large_shards_are_refused(tiny_config):
    """The message says how many samples would fit, and that many do."""
    config = tiny_config(output={"shard_samples": 100_000})
    need = estimate_memory(config, 100_000, 10_000, 5, "numba")
    with pytest.raises(ConfigError, match=r"got 100,000 samples, which .*; lower it to ") as error:
        check_memory(need, config)
    fitting = int(str(error.value).split("lower it to ")[1].split()[0].replace(",", ""))
    check_memory(estimate_memory(config, fitting, 10_000, 5, "numba"), config)
    with pytest.raises(ConfigError):
        check_memory(estimate_memory(config, fitting + 100, 10_000, 5, "numba"), config)


def test_too_large_canvases_are_refused(tiny_config):
    """Where no shard would fit, a smaller canvas is asked for."""
    config = tiny_config(canvas={"height": 512, "width": 8192})
    with pytest.raises(ConfigError, match="make the canvas smaller"):
        check_memory(estimate_memory(config, 5, 4e6, 5, "skimage"), config, 100_000_000)


def test_build_checks_its_memory(tiny_config, tmp_path):
    """A build that needs too much writes nothing."""
    splits = {"train": {"numbers": {"values": ["1234"]}, "samples": 100_000}}
    config = tiny_config(splits=splits, output={"shard_samples": 100_000})
    sampler = open_config(config)
    assert estimate_task(sampler).total > LIMIT_BYTES
    with (
        open_scheduler(SchedulerOptions("synchronous")) as run,
        pytest.raises(ConfigError, match=r"output\.shard_samples: expected"),
    ):
        build_dataset(sampler, Storage(str(tmp_path / "out")), run)
    assert not (tmp_path / "out").exists()
