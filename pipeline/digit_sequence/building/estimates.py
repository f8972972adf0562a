"""What a dataset takes, known before it is built: bytes on disk, memory of a worker."""

from __future__ import annotations

from contextlib import suppress

from digit_sequence.base.errors import RenderError
from digit_sequence.base.names import SplitName
from digit_sequence.building.memory import TaskMemory, check_memory, estimate_memory
from digit_sequence.building.sampler import Sampler
from digit_sequence.building.shard import pack_shard
from digit_sequence.plan.plan import Shard
from digit_sequence.run.limits import MemoryLimit

_ESTIMATE_SAMPLES = 64


def estimate_bytes(sampler: Sampler) -> int:
    """Estimate the bytes of all shards from a few samples of each split."""
    return round(
        sum(
            _measure_sample(sampler, name) * split.n_samples
            for name, split in sampler.plan.splits.items()
        )
    )


def estimate_task(sampler: Sampler, sample_bytes: float | None = None) -> TaskMemory:
    """Estimate the memory that a worker needs for a shard of the split that needs most.

    Parameters
    ----------
    sampler : Sampler
    sample_bytes : float, optional
        Bytes of a sample in a shard file; default: measured on a few samples of each split.
    """
    plan = sampler.plan
    estimates = [
        estimate_memory(
            plan.config,
            min(split.n_samples, split.shard_samples),
            sample_bytes or _measure_sample(sampler, name),
            split.numbers.max_digits,
            sampler.bank.images[0].size,
            sampler.engine,
        )
        for name, split in plan.splits.items()
    ]
    return max(estimates, key=lambda memory: memory.total)


def check_room(sampler: Sampler, limit: MemoryLimit) -> None:
    """Check that a worker has room for a shard; draw samples only if that is not plain.

    Raises
    ------
    ConfigError
        If a shard needs more; says what fits.
    """
    config = sampler.plan.config
    most = 2 * config.canvas.height * config.canvas.widest + 4096  # noise, encoded badly, and a row
    if estimate_task(sampler, most).total <= limit.n_bytes:
        return
    with suppress(RenderError):  # the shard that it is in will say so
        check_memory(estimate_task(sampler), config, limit)


def _measure_sample(sampler: Sampler, split: SplitName) -> float:
    """Return the bytes of a sample in a shard file, a mean over a few of a split."""
    n_samples = min(sampler.plan.splits[split].n_samples, _ESTIMATE_SAMPLES)
    packed, _ = pack_shard(sampler, Shard(split, 0, 0, n_samples))
    return packed.n_bytes / n_samples
