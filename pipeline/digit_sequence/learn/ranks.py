"""Which part of an epoch falls to this process: its rank, and whether someone else shares out.

The rank is found when it is needed, not when a stream is made, since scripts make their loaders
before the process group is there as often as after.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any, NamedTuple

import torch
from torch.utils.data import get_worker_info

from digit_sequence.base.errors import ConfigError


class Rank(NamedTuple):
    """One of several processes that train together."""

    rank: int
    world_size: int


ALONE = Rank(0, 1)

# Of `accelerate.data_loader`. A loader that `prepare` returned is one of the first three; the last
# two take every n-th batch, or a part of the samples, of what they go through.
_PREPARED = (
    "DataLoaderAdapter",
    "DataLoaderShard",
    "DataLoaderDispatcher",
    "BatchSamplerShard",
    "IterableDatasetShard",
)


def check_rank(rank: int | None, world_size: int | None) -> Rank | None:
    """Return the rank that was given, None if none was.

    Raises
    ------
    ConfigError
        If one of the two is missing, or they do not fit each other.
    """
    if rank is None and world_size is None:
        return None
    if rank is None or world_size is None or not 0 <= rank < world_size:
        raise ConfigError(
            f"expected both rank and world_size with 0 <= rank < world_size, got {rank} and "
            f"{world_size}"
        )
    return Rank(rank, world_size)


@dataclass(frozen=True)
class Parent:
    """What a worker that is no copy of its parent cannot see of it."""

    pid: int
    rank: Rank | None
    """That of its process group."""
    is_prepared: bool
    """Whether a loader that Accelerate prepared starts the worker."""


def describe_parent() -> Parent:
    """Describe this process to a worker that it starts."""
    _check_dispatcher()
    return Parent(os.getpid(), _find_group_rank(), is_prepared())


def find_rank(given: Rank | None, parent: Parent | None = None) -> Rank:
    """Return the rank for an iteration that begins now.

    It is the one given; if a loader that Accelerate prepared asks, which shares out by itself, that
    of a process alone; else that of the process group; else that of RANK and WORLD_SIZE.

    Parameters
    ----------
    given : Rank, optional
    parent : Parent, optional
        Of this worker.

    Raises
    ------
    ConfigError
        If samples would be shared out twice or lost, or RANK and WORLD_SIZE are no rank.
    """
    if parent is not None and not _is_worker_of(parent):
        parent = None
    _check_dispatcher()
    if is_prepared() or (parent is not None and parent.is_prepared):
        if given is not None and given.world_size > 1:
            raise ConfigError(
                f"rank {given.rank} of {given.world_size}: expected none under Accelerate, whose "
                "prepare() shares out batches by itself; leave out rank and world_size, or do not "
                "prepare this loader"
            )
        return ALONE
    of_parent = parent.rank if parent is not None else None
    return given or _find_group_rank() or of_parent or _read_environment() or ALONE


def _is_worker_of(parent: Parent) -> bool:
    process = multiprocessing.parent_process()
    return get_worker_info() is not None and process is not None and process.pid == parent.pid


def _find_group_rank() -> Rank | None:
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized():
        return Rank(distributed.get_rank(), distributed.get_world_size())
    return None


def _read_environment() -> Rank | None:
    rank, world_size = os.environ.get("RANK"), os.environ.get("WORLD_SIZE")
    if rank is None or world_size is None:
        return None
    if not (rank.isdecimal() and world_size.isdecimal() and int(rank) < int(world_size)):
        raise ConfigError(
            f"environment: expected RANK and WORLD_SIZE with 0 <= RANK < WORLD_SIZE, got {rank!r} "
            f"and {world_size!r}; unset them, or give rank and world_size"
        )
    return Rank(int(rank), int(world_size))


def is_prepared() -> bool:
    """Whether the call comes from a loader that Accelerate prepared."""
    return next(_find_prepared(), None) is not None


def _check_dispatcher() -> None:
    """Refuse workers where Accelerate cuts each batch up among ranks.

    Each worker of a stream ends with a batch that may not be full, and a dispatcher drops what does
    not divide.

    Raises
    ------
    ConfigError
        If there are several workers.
    """
    for name, loader in _find_prepared():
        if name == "DataLoaderDispatcher" and loader.split_batches and loader.num_workers > 1:
            raise ConfigError(
                "num_workers: expected at most 1 where Accelerate's split_batches cuts up the "
                f"batches of a stream, got {loader.num_workers}, which would lose samples; leave "
                "out split_batches"
            )


def find_worker() -> tuple[int, int]:
    """Return which worker of a DataLoader this is, and of how many."""
    info = get_worker_info()
    return (info.id, info.num_workers) if info else (0, 1)


def find_batch_size(given: int | None) -> int:
    """Return how many samples in a row the loader that asks wants of an iterable dataset.

    It is those of a batch; those of all processes if Accelerate takes a part of them for each; what
    was given, or 1, if no DataLoader asks.

    Raises
    ------
    ConfigError
        If another one was given than a DataLoader wants.
    """
    wanted = _find_wanted()
    if given is not None and wanted not in (1, given):
        raise ConfigError(f"batch_size: expected that of the loader, {wanted:,}, got {given:,}")
    return given or wanted


def _find_wanted() -> int:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name, module = frame.f_code.co_qualname, frame.f_globals.get("__name__")
        if (name, module) == ("IterableDatasetShard.__iter__", "accelerate.data_loader"):
            shard = frame.f_locals["self"]
            batch_size: int = shard.batch_size
            return batch_size * (1 if shard.split_batches else shard.num_processes)
        if (name, module) == ("_IterableDatasetFetcher.fetch", "torch.utils.data._utils.fetch"):
            wanted = frame.f_locals["possibly_batched_index"]
            return len(wanted) if frame.f_locals["self"].auto_collation else 1
        frame = frame.f_back
    return 1


def count_takers() -> int:
    """Return how many processes take turns at the batches of the sampler that is asked."""
    for name, wrapper in _find_prepared():
        if name == "BatchSamplerShard":
            n_processes: int = wrapper.num_processes
            return n_processes
    return 1


def _find_prepared() -> Iterator[tuple[str, Any]]:
    """Yield the loaders and samplers of Accelerate among the callers, the innermost first.

    They give no other sign: a sampler looks the same from inside, wrapped or not, and a prepared
    loader and one that was not may go through one dataset. A forked worker has the callers of its
    parent.
    """
    if "accelerate.data_loader" not in sys.modules:
        return
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_qualname.partition(".")[0]
        if name in _PREPARED and frame.f_globals.get("__name__") == "accelerate.data_loader":
            yield name, frame.f_locals.get("self")
        frame = frame.f_back
