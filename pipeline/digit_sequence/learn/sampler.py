"""Batches of positions for map-style datasets, shard by shard, shared among ranks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from torch.utils.data import Sampler

from digit_sequence.base.errors import ConfigError
from digit_sequence.learn.deal import Deal
from digit_sequence.learn.ranks import check_rank, count_takers, find_rank
from digit_sequence.learn.shuffle import EpochOrder, find_blocks
from digit_sequence.learn.states import VERSION, check_state, identify_split
from digit_sequence.read.split import Split


class ShardBatchSampler(Sampler):  # type: ignore[misc]
    """Batches of positions for `NumberDataset`, shuffled shard by shard, shared among ranks.

    Give it to ``DataLoader(..., batch_sampler=...)``. Ranks get the same number of batches, but
    where fewer samples than ranks are left; with `drop_last` the same number of full ones.

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
    Each iteration is the next epoch, unless `set_epoch` chose one. A state that was saved in the
    middle of one goes on with any number of ranks, and any batch size.

    Accelerate's ``prepare`` gives each rank every n-th batch: the sampler then makes those of all
    ranks, one after another. So each sample comes once.

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
        self._split, self._blocks = split, find_blocks(split)
        # No attribute `batch_size`: where there is one, Accelerate fills batches up with samples
        # that were seen already.
        self._batch_size = batch_size
        self._seed, self._shuffle, self._drop_last = seed, shuffle, drop_last
        self._given = check_rank(rank, world_size)
        self._identity = {"dataset": identify_split(split), "seed": seed, "shuffle": shuffle}
        self._epoch = 0
        self._has_begun = False
        self._start = self._begin = self._place = (0, 0)
        """Where the next iteration begins, where the one at hand began, and where it is: samples
        that all ranks have done, and batches of this one beyond."""
        self._is_finished = False

    def __len__(self) -> int:
        deal, hands = self._find_deal(0)
        return sum(n_full + len(last) for n_full, last in map(deal.sizes, hands))

    @property
    def sampler(self) -> ShardBatchSampler:
        """The sampler itself: trainers call ``batch_sampler.sampler.set_epoch``."""
        return self

    def _find_deal(self, done: int) -> tuple[Deal, range]:
        """Return how what is not done is dealt, and whose batches are asked for here."""
        rank, n_takers = find_rank(self._given), count_takers()
        n_ranks, n_samples = rank.world_size * n_takers, self._blocks.n_samples
        if self._drop_last:
            n_samples -= (n_samples - done) % (n_ranks * self._batch_size)
        hands = range(rank.rank * n_takers, (rank.rank + 1) * n_takers)
        return Deal(n_samples, n_ranks, self._batch_size, is_even=True), hands

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration, also to go on in that of a loaded state."""
        if epoch != self._epoch:
            self._start = (0, 0)
        self._epoch, self._place, self._has_begun = epoch, self._start, False
        self._is_finished = False

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the batches of the epoch; after `load_state_dict`, once, those not done yet."""
        self._epoch += self._has_begun
        self._has_begun, self._is_finished = True, False
        self._begin, self._place, self._start = self._start, self._start, (0, 0)
        for batch, place in self._walk(*self._begin):
            self._place = place
            yield batch
        self._is_finished = True

    def _walk(self, done: int, begun: int) -> Iterator[tuple[list[int], tuple[int, int]]]:
        """Yield the batches behind a place of the epoch, and where one is with each."""
        deal, hands = self._find_deal(done)
        ahead: deque[tuple[int, tuple[int, int]]] = deque()

        def list_parts() -> Iterator[tuple[int, int]]:
            for step in deal.steps(done):
                for count, hand in enumerate(hands, start=1):
                    start, stop = deal.part(step, hand)
                    if start < stop and (step.start > done or count > begun):
                        place = (step.stop, 0) if count == len(hands) else (step.start, count)
                        ahead.append((stop - start, place))
                        yield start, stop

        order = EpochOrder(self._blocks, self._seed, self._epoch, self._shuffle)
        start = self._split.epoch_start(self._epoch)
        waiting: list[int] = []
        for window in order.positions(list_parts()):
            waiting += (start + window).tolist()
            while ahead and len(waiting) >= ahead[0][0]:
                size, place = ahead.popleft()
                yield waiting[:size], place
                del waiting[:size]

    def state_dict(self) -> dict[str, Any]:
        """Return where the sampler is.

        A plain DataLoader asks ahead of what it gives out: `state_after` your own count of batches
        is right then; torchdata's StatefulDataLoader sees to that by itself.
        """
        place = self._start if not self._has_begun else self._place
        return self._make_state(place) | {"finished": self._is_finished}

    def state_after(self, n_batches: int) -> dict[str, Any]:
        """Return the state after the first batches since the epoch began, or was gone on with."""
        begin = self._begin if self._has_begun else self._start
        if n_batches < 1:
            return self._make_state(begin)
        deal, hands = self._find_deal(begin[0])
        rounds, begun = divmod(begin[1] + n_batches, len(hands))
        return self._make_state((deal.place_after(begin[0], rounds), begun))

    def _make_state(self, place: tuple[int, int]) -> dict[str, Any]:
        samples, begun = place
        state = {"version": VERSION, **self._identity, "epoch": self._epoch, "samples": samples}
        return state | ({"begun": begun} if begun else {})

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where a state was taken.

        After a state of an iteration that ran to its end, the next epoch begins.

        Raises
        ------
        ConfigError
            If the state is of other samples, or of another order.
        """
        check_state(state, self._identity, self._blocks.n_samples)
        is_finished = bool(state.get("finished"))
        self._epoch = state["epoch"] + is_finished
        self._start = (0, 0) if is_finished else (state["samples"], state.get("begun", 0))
        self._place, self._has_begun, self._is_finished = self._start, False, False
