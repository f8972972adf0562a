"""The memory model: what it counts, and what it refuses."""

from __future__ import annotations

import tracemalloc

import pytest

from digit_sequence.base.errors import ConfigError
from digit_sequence.building.dataset import build_dataset
from digit_sequence.building.estimates import estimate_task
from digit_sequence.building.memory import check_memory, estimate_memory
from digit_sequence.building.sampler import open_sampler
from digit_sequence.render.draw import BATCH_PIXELS, fit_batch
from digit_sequence.run.limits import MemoryLimit
from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler
from digit_sequence.store.storage import Storage

USUAL = MemoryLimit(350_000_000, "--memory-limit")
"""What a worker with shards of 10,000 samples of usual size needs, at most."""


def test_memory_grows_with_the_shard(tiny_config):
    """Shard and rows are in proportion to the samples; base and batch are not."""
    config = tiny_config(output={"shard_samples": 100_000})
    small, large = (estimate_memory(config, n, 4000, 5, 784, "numba") for n in (10_000, 20_000))
    assert (large.shard, large.rows) == (2 * small.shard, 2 * small.rows)
    assert (large.base, large.batch) == (small.base, small.batch)
    assert small.total == small.base + small.shard + small.rows + small.batch


@pytest.mark.parametrize("engine", ["skimage", "numba"])
def test_ten_thousand_samples_fit(tiny_config, engine):
    """Shards of 10,000 samples of usual size are within the limit."""
    config = tiny_config(output={"shard_samples": 10_000}, canvas={"height": 28, "width": 200})
    assert estimate_memory(config, 10_000, 5700, 5, 784, engine).total <= USUAL.n_bytes


@pytest.mark.parametrize("engine", ["skimage", "numba"])
@pytest.mark.parametrize("max_digits", [1, 4, 64])
def test_batch_is_bounded_by_digits(tiny_config, engine, max_digits):
    """However small the canvas, the glyphs of a batch are no more than its pixels allow."""
    config = tiny_config(canvas={"height": 8, "width": 16})
    n_samples = fit_batch(config, 784 * max_digits, engine)
    assert n_samples * 784 * max_digits <= BATCH_PIXELS[engine]
    assert (n_samples + 1) * 784 * max_digits > BATCH_PIXELS[engine]
    need = estimate_memory(config, 100_000, 500, max_digits, 784, engine)
    assert need.batch < 150_000_000


@pytest.mark.parametrize("engine", ["skimage", "numba"])
@pytest.mark.parametrize("digits", ["7", "14543", "1234567890" * 3])
def test_line_maps_take_what_is_counted(tiny_config, engine, digits):
    """Drawing a batch through line maps takes no more memory than is counted for it."""
    line = {"elastic": {"shift": [0.1, 0.1]}, "perspective": {"across": [0.25, 0.25]}}
    splits = {"train": {"numbers": {"values": [digits]}, "samples": 10**6}}
    config = tiny_config(splits=splits, canvas={"width": 300}, line=line)
    sampler = open_sampler(config, engine)
    n_samples = fit_batch(config, 784 * len(digits), engine)
    sampler.draw("train", 0, 1)
    tracemalloc.start()
    sampler.draw("train", 0, n_samples)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    counted = estimate_memory(config, n_samples, 0, len(digits), 784, engine).batch
    assert counted / 3 < peak < counted < 100_000_000


def test_parquet_takes_more_memory_than_tar(tiny_config):
    """Parquet has a shard in memory several times, and the model says so."""
    tar, parquet = (
        estimate_memory(tiny_config(output={"container": name}), 1000, 4000, 5, 784, "numba")
        for name in ("webdataset", "parquet")
    )
    assert (tar.shard, parquet.shard) == (4_000_000, 24_000_000)
    assert tar.batch == parquet.batch


def test_too_large_shards_are_refused(tiny_config):
    """The message says how many samples would fit, and that many do."""
    config = tiny_config(output={"shard_samples": 100_000})
    need = estimate_memory(config, 100_000, 10_000, 5, 784, "numba")
    with pytest.raises(ConfigError, match=r"got 100,000 samples, which .*; lower it to ") as error:
        check_memory(need, config, USUAL)
    assert "in 350 MB (--memory-limit), got" in str(error.value)
    assert str(error.value).endswith(" or less, or set another --memory-limit")
    fitting = int(str(error.value).split("lower it to ")[1].split()[0].replace(",", ""))
    check_memory(estimate_memory(config, fitting, 10_000, 5, 784, "numba"), config, USUAL)
    with pytest.raises(ConfigError):
        check_memory(estimate_memory(config, fitting + 100, 10_000, 5, 784, "numba"), config, USUAL)


def test_too_large_canvases_are_refused(tiny_config):
    """Where no shard would fit, a smaller canvas is asked for."""
    config = tiny_config(canvas={"height": 512, "width": 8192})
    small = MemoryLimit(100_000_000, "80 % of this")
    with pytest.raises(ConfigError, match="make the canvas smaller"):
        check_memory(estimate_memory(config, 5, 4e6, 5, 784, "skimage"), config, small)


def test_build_checks_its_memory(tiny_config, tmp_path):
    """A build that needs too much writes nothing."""
    splits = {"train": {"numbers": {"values": ["1234"]}, "samples": 100_000}}
    config = tiny_config(splits=splits, output={"shard_samples": 100_000})
    sampler = open_sampler(config)
    assert estimate_task(sampler).total > USUAL.n_bytes
    with (
        open_scheduler(SchedulerOptions("synchronous", memory_limit="350MB")) as run,
        pytest.raises(ConfigError, match=r"output\.shard_samples: expected .* 350 MB \(--memory-l"),
    ):
        build_dataset(sampler, Storage(str(tmp_path / "out")), run)
    assert not (tmp_path / "out").exists()
