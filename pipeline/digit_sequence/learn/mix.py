"""Mixes: several datasets, drawn or stored, and real crops, by weight.

::

    drawn = open_config("configs/default.yaml")["train"]
    real = open_crops("crops", "labels.csv", like=drawn)
    mix = Mix({"drawn": drawn, "real": real}, {"drawn": 1, "real": 1})
    for batch in DataLoader(NumberStream(mix, seed=1), 64, num_workers=2, collate_fn=collate):
        batch.sources                           # "drawn", "real", "drawn", ...

Whose each sample is, the weights alone decide (`digit_sequence.learn.weights`). Each split goes on
with its own order, epoch after epoch, however many of its samples an epoch of the mix takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import tee
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.characters import show_characters
from digit_sequence.base.errors import ConfigError
from digit_sequence.learn.batches import Example
from digit_sequence.learn.course import Part, SplitCourse
from digit_sequence.learn.dataset import NumberDataset, Transform, check_split
from digit_sequence.learn.weights import Shares, check_weights, share_out
from digit_sequence.read.split import Split

MAX_NAME = 32
"""Letters of a name in a mix."""
Weights = Mapping[str, float]
Schedule = Callable[[int], Weights]


class Mix:
    """Several splits by weight.

    Parameters
    ----------
    splits : mapping of str to Split
        What each batch calls them, and what they are; of images of one height.
    weights : mapping of str to float, or callable
        Of each split, above 0; only their proportions matter. A callable returns those of an
        epoch, and must be picklable for workers that are not forked.
    epoch_samples : int, optional
        Samples of an epoch. Default: as many as all splits have together.

    Raises
    ------
    ConfigError
        If heights differ, or weights are missing or not above 0.
    """

    def __init__(
        self,
        splits: Mapping[str, Split],
        weights: Weights | Schedule,
        epoch_samples: int | None = None,
    ) -> None:
        self.splits = dict(splits)
        self._weights = weights if callable(weights) else dict(weights)
        total = sum(map(len, self.splits.values()))
        self.epoch_samples = total if epoch_samples is None else epoch_samples
        _check_splits(self.splits)
        if self.epoch_samples < 1:
            raise ConfigError(f"epoch_samples: expected at least 1, got {self.epoch_samples}")
        self.find_weights(0)

    def find_weights(self, epoch: int) -> dict[str, float]:
        """Return the weights of an epoch, in the order of the splits."""
        weights = self._weights(epoch) if callable(self._weights) else self._weights
        check_weights(weights, self.splits)
        return {name: weights[name] for name in self.splits}

    @property
    def max_digits(self) -> int:
        """Digits of the longest number that was planned for one of the splits."""
        return max(split.max_digits for split in self.splits.values())


def _check_splits(splits: Mapping[str, Split]) -> None:
    for name, split in splits.items():
        if not (0 < len(name.encode()) <= MAX_NAME):
            raise ConfigError(f"mix: expected names of 1 to {MAX_NAME} letters, got {name!r}")
        check_split(split, f"mix: {name}")
        if not len(split):
            raise ConfigError(f"mix: {name}: expected samples, got none")
    heights = {name: split.dataset.image_shape[0] for name, split in splits.items()}
    if len({*heights.values()}) != 1:
        found = ", ".join(f"{name} of {height} rows" for name, height in heights.items()) or "none"
        raise ConfigError(
            f"mix: expected splits of images of one height, got {found}; set canvas.height, or "
            "open crops like the others"
        )
    alphabets = {name: split.dataset.alphabet for name, split in splits.items()}
    if len({*alphabets.values()}) != 1:
        found = "; ".join(f"{name}: {show_characters(it)}" for name, it in alphabets.items())
        raise ConfigError(
            f"mix: expected splits whose numbers have one alphabet, got {found}; let their numbers "
            "have the same signs"
        )


class MixCourse:
    """The course through a mix.

    Parameters
    ----------
    mix : Mix
    seed : int
    shuffle : bool
    boxes, transform
        As of `NumberDataset`.
    """

    def __init__(
        self, mix: Mix, seed: int, shuffle: bool, boxes: bool, transform: Transform | None
    ) -> None:
        self._mix, self._seed, self._shuffle = mix, seed, shuffle
        for name, split in mix.splits.items() if boxes else ():
            if "boxes" not in split.dataset.columns:
                raise ConfigError(f"boxes: {name}: expected labels with boxes, got none of them")
        self._courses = [
            SplitCourse(NumberDataset(split, boxes, transform, name, mix.max_digits), seed, shuffle)
            for name, split in mix.splits.items()
        ]
        self._known: tuple[int, NDArray[np.int64]] = 0, np.zeros(len(self._courses), np.int64)
        """How many samples of each split were taken before an epoch."""

    @property
    def n_samples(self) -> int:
        """Samples of an epoch."""
        return self._mix.epoch_samples

    def identify(self) -> Mapping[str, Any]:
        """Return what decides the order, but for the weights."""
        parts = zip(self._mix.splits, self._courses, strict=True)
        names = [f"{name}={course.identify()['dataset']}" for name, course in parts]
        dataset = f"{self.n_samples} of {' '.join(names)}"
        return {"dataset": dataset, "seed": self._seed, "shuffle": self._shuffle}

    def describe(self, epoch: int) -> Mapping[str, Any]:
        """Return the weights of an epoch, and how many samples were taken before it."""
        taken = self._count_before(epoch).tolist()
        return {"weights": [*self._mix.find_weights(epoch).values()], "taken": taken}

    def adopt(self, state: Mapping[str, Any]) -> None:
        """Go on with the counts of a state, whatever the weights were before."""
        epoch, taken, weights = state["epoch"], state.get("taken"), state.get("weights")
        if not (
            isinstance(taken, list)
            and len(taken) == len(self._courses)
            and all(type(count) is int and 0 <= count < 1 << 60 for count in taken)
        ):
            raise ConfigError(f"state: taken: expected a count for each split, got {taken!r}")
        here = [*self._mix.find_weights(epoch).values()]
        if not isinstance(weights, list) or len(weights) != len(here):
            raise ConfigError(f"state: weights: expected one for each split, got {weights!r}")
        check_weights(dict(zip(self._mix.splits, weights, strict=True)), self._mix.splits)
        if weights != here and 0 < state["samples"] < self.n_samples:
            raise ConfigError(
                f"state: expected the weights {here} in the middle of epoch {epoch}, as here, got "
                f"{weights}; end the epoch with these, and change them from the next one on"
            )
        if weights != here and state["samples"]:  # the epoch is done, with its own weights
            taken = np.array(taken) + share_out(tuple(weights)).count(self.n_samples)
            epoch += 1
        self._known = epoch, np.array(taken, np.int64)

    def _find_shares(self, epoch: int) -> Shares:
        return share_out(tuple(self._mix.find_weights(epoch).values()))

    def _count_before(self, epoch: int) -> NDArray[np.int64]:
        """Return how many samples of each split all epochs before took, (K,)."""
        known, counts = self._known
        if epoch < known:  # one that was before what a state said
            known, counts = 0, np.zeros_like(counts)
        for before in range(known, epoch):
            counts = counts + self._find_shares(before).count(self.n_samples)
        if epoch >= self._known[0]:
            self._known = epoch, counts
        return counts

    def examples(self, epoch: int, parts: Iterable[Part]) -> Iterator[Example]:
        """Yield the examples of some parts of the order of an epoch."""
        shares, before = self._find_shares(epoch), self._count_before(epoch)
        own, *copies = tee(parts, len(self._courses) + 1)
        streams = [
            course.run_on(_find_parts(shares, before, index, copy))
            for index, (course, copy) in enumerate(zip(self._courses, copies, strict=True))
        ]
        for start, stop in own:
            for place in range(start, stop):
                yield next(streams[shares.owner(place)])


def _find_parts(
    shares: Shares, before: NDArray[np.int64], index: int, parts: Iterable[Part]
) -> Iterator[Part]:
    """Yield which parts of its own order a split has in some parts of an epoch."""
    for start, stop in parts:
        first, last = (int(before[index] + shares.count(place)[index]) for place in (start, stop))
        if first < last:
            yield first, last
