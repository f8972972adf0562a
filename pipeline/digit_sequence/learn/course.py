"""What a stream goes through: the examples of each epoch, in an order of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Protocol

from digit_sequence.learn.batches import Example
from digit_sequence.learn.dataset import NumberDataset
from digit_sequence.learn.shuffle import EpochOrder, find_blocks
from digit_sequence.learn.states import identify_split

Part = tuple[int, int]
"""Of an order: start and stop."""


class Course(Protocol):
    """Epochs of examples."""

    @property
    def n_samples(self) -> int:
        """Samples of an epoch."""

    def identify(self) -> Mapping[str, Any]:
        """Return what decides the order, for states: plain values."""

    def describe(self, epoch: int) -> Mapping[str, Any]:
        """Return what else a state of an epoch says."""

    def adopt(self, state: Mapping[str, Any]) -> None:
        """Go on as a state says.

        Raises
        ------
        ConfigError
            If it says what cannot be.
        """

    def examples(self, epoch: int, parts: Iterable[Part]) -> Iterator[Example]:
        """Yield the examples of some parts of the order of an epoch, which follow each other."""


class SplitCourse:
    """The course through one split: each epoch shows all of its samples.

    Parameters
    ----------
    dataset : NumberDataset
    seed : int
    shuffle : bool
    """

    def __init__(self, dataset: NumberDataset, seed: int, shuffle: bool) -> None:
        self._dataset, self._seed, self._shuffle = dataset, seed, shuffle
        self._blocks = find_blocks(dataset.split)
        self._name = identify_split(dataset.split)

    @property
    def n_samples(self) -> int:
        """Samples of an epoch."""
        return self._blocks.n_samples

    def identify(self) -> Mapping[str, Any]:
        """Return what decides the order."""
        return {"dataset": self._name, "seed": self._seed, "shuffle": self._shuffle}

    def describe(self, epoch: int) -> Mapping[str, Any]:  # noqa: ARG002
        """Return nothing: an epoch is as any other."""
        return {}

    def adopt(self, state: Mapping[str, Any]) -> None:
        """Do nothing."""

    def examples(self, epoch: int, parts: Iterable[Part]) -> Iterator[Example]:
        """Yield the examples of some parts of the order of an epoch."""
        order = EpochOrder(self._blocks, self._seed, epoch, self._shuffle)
        first = self._dataset.split.epoch_start(epoch)
        for positions in order.positions(parts):
            yield from self._dataset.stream(first + positions)

    def run_on(self, parts: Iterable[Part]) -> Iterator[Example]:
        """Yield the examples of some parts of all epochs, one after another, as one order."""
        pieces = (piece for part in parts for piece in self._cut(*part))
        for epoch, group in groupby(pieces, key=lambda piece: piece[0]):
            yield from self.examples(epoch, ((start, stop) for _, start, stop in group))

    def _cut(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """Yield the epoch, start and stop of each part of an epoch."""
        while start < stop:
            epoch, place = divmod(start, self.n_samples)
            end = min(self.n_samples, place + stop - start)
            yield epoch, place, end
            start += end - place
