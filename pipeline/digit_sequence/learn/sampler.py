"""Batches of positions for map-style datasets, shard by shard, shared among ranks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from torch.utils.data import Sampler

from digit_sequence.base.errors import ConfigError
from digit_sequence.learn.ranks import Rank, check_rank, count_takers, find_rank
from digit_sequence.learn.shuffle import EpochOrder, find_blocks, share
from digit_sequence.read.split import Split


class _Part(NamedTuple):
    """The part of an epoch's order that a rank takes, and how it is cut into batches."""

    start: int
    stop: int
    n_batches: int
    is_even: bool
    """Whether batches differ by one sample at most, instead of all but the last being full."""


class ShardBatchSampler(Sampler):  # type: ignore[misc]
    """Batches of positions for `NumberDataset`, shuffled shard by shard, shared among ranks.

    Give it to ``DataLoader(..., batch_sampler=...)``. Ranks get the same number of batches or
    differ by one; with `drop_last` the same number of full ones.

    Parameters
    ----------
    split : Split
    batch_size : int
    seed : int
    shuffle : bool
    rank, world_size : int, optional
        Default: when an iteration begins, those of the process group of torch.distributed, else
        those of the environment, RANK and WORLD_SIZE.
    drop_last : bool
        Leave out what does not fill a batch on every rank.

    Notes
    -----
    Each iteration is the next epoch, unless `set_epoch` chose one.

    Accelerate's ``prepare`` gives each rank every n-th batch: the sampler then makes those of all
    ranks, a multiple of n of them, which differ by one sample at most. So each sample comes once.

    Lightning needs ``Trainer(use_distributed_sampler=False)``, and says so.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        *,
        seed: int = 0,
        shuffle: bool = True,
        rank: int | None = None,
        world_size: int | None = None,
        drop_last: bool = False,
    ) -> None:
        if batch_size < 1:
            raise ConfigError(f"batch_size: expected at least 1, got {batch_size}")
        self._blocks = find_blocks(split)
        # No attribute `batch_size`: where there is one, Accelerate fills batches up with samples
        # that were seen already.
        self._batch_size = batch_size
        self._seed, self._shuffle, self._drop_last = seed, shuffle, drop_last
        self._given = check_rank(rank, world_size)
        self._rank: Rank | None = self._given
        """Of the iteration that began last, of a loaded state, or the one given."""
        self._epoch = 0
        self._has_begun = False
        self._done = 0
        self._skipped = 0
        self._is_finished = False

    def __len__(self) -> int:
        return self._find_part(find_rank(self._given)).n_batches

    @property
    def sampler(self) -> ShardBatchSampler:
        """The sampler itself: trainers call ``batch_sampler.sampler.set_epoch``."""
        return self

    def _find_part(self, rank: Rank) -> _Part:
        n_samples, size = self._blocks.n_samples, self._batch_size
        n_takers = count_takers()
        if self._drop_last:
            n_ranks = rank.world_size * n_takers
            n_samples = n_samples // (size * n_ranks) * (size * n_ranks)
        start, stop = share(n_samples, rank.rank, rank.world_size)
        n_batches = -(-(stop - start) // size)
        even = -(-n_batches // n_takers) * n_takers
        if n_takers > 1 and even <= stop - start:
            return _Part(start, stop, even, True)
        return _Part(start, stop, n_batches, False)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration, also to go on in that of a loaded state."""
        if epoch != self._epoch:
            self._skipped = 0
        self._epoch, self._done, self._has_begun = epoch, self._skipped, False
        self._is_finished = False

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the batches of the epoch; after `load_state_dict`, once, those not done yet."""
        rank = find_rank(self._given)
        if self._skipped and self._rank is not None:
            check_same(self._rank._asdict(), rank._asdict())
        self._rank = rank
        self._epoch += self._has_begun
        self._has_begun, self._is_finished = True, False
        self._done, self._skipped = self._skipped, 0
        order = EpochOrder(self._blocks, self._seed, self._epoch, self._shuffle)
        part = self._find_part(rank)
        place = self._find_end(part, self._done)
        waiting: list[int] = []
        windows = order.positions(place, part.stop)
        for batch in range(self._done, part.n_batches):
            end = self._find_end(part, batch + 1)
            while len(waiting) < end - place:
                waiting += next(windows).tolist()
            self._done += 1
            yield waiting[: end - place]
            del waiting[: end - place]
            place = end
        self._is_finished = True

    def _find_end(self, part: _Part, n_batches: int) -> int:
        """Return where the first batches of a part end."""
        n_samples = part.stop - part.start
        if part.is_even:
            return part.start + n_batches * n_samples // part.n_batches
        return part.start + min(n_batches * self._batch_size, n_samples)

    def state_dict(self) -> dict[str, Any]:
        """Return where the sampler is.

        A plain DataLoader asks ahead of what it gives out: save ``state_dict() | {"batches": n}``
        with your own count then; torchdata's StatefulDataLoader does that by itself.
        """
        rank = self._rank or find_rank(self._given)
        return {
            "epoch": self._epoch,
            "batches": self._done,
            "finished": self._done if self._is_finished else None,
            **self._identity(rank),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on after the first `batches` batches of `epoch`.

        After a state of an iteration that ran to its end, the next epoch begins.

        Raises
        ------
        ConfigError
            If the state is that of a sampler with other batches; if no rank was given, that of the
            state is compared when the iteration begins.
        """
        rank = self._given or Rank(state.get("rank", 0), state.get("world_size", 1))
        check_same(state, self._identity(rank))
        self._rank = rank
        self._epoch, self._done = state["epoch"], state["batches"]
        if self._done == state.get("finished"):
            self._epoch, self._done = self._epoch + 1, 0
        self._skipped, self._has_begun, self._is_finished = self._done, False, False

    def _identity(self, rank: Rank) -> dict[str, Any]:
        """Return what decides the batches."""
        return {"seed": self._seed, "batch_size": self._batch_size, **rank._asdict()}


def check_same(state: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    """Refuse a state that was saved elsewhere.

    Raises
    ------
    ConfigError
        If it differs in what decides the order.
    """
    differing = [name for name, value in identity.items() if state.get(name) != value]
    if differing:
        (name, *_) = differing
        raise ConfigError(
            f"state: expected {name} {identity[name]}, as here, got {state.get(name)}; go on with "
            "what it was saved with, or from the beginning of an epoch"
        )
