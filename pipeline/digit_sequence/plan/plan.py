"""The plan: which sample stands where. Pure arithmetic, the same cost for 10 samples as for 10^9.

::

    ordinal   0 .. n_samples - 1 in a split; sample i shows number i % count
    shard     ordinals [index * shard_samples, ...), the last one shorter
    key       SPLIT-ORDINAL, the ordinal in nine digits or more: train-000000042
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base import names
from digit_sequence.base.characters import DIGITS, order_characters
from digit_sequence.base.columns import NUMBER_DIGITS, Column
from digit_sequence.base.engines import Engine
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.names import SPLITS, SplitName, shard_name
from digit_sequence.config.model import Config, inline_numbers
from digit_sequence.config.splits import order_splits
from digit_sequence.numbers.exclude import MAX_EXCLUDED
from digit_sequence.numbers.exclusion import leave_out
from digit_sequence.numbers.kind import NumberSource
from digit_sequence.plan.fingerprint import collect_inputs
from digit_sequence.sources.excluded import inline_excluded
from digit_sequence.transforms.mark.marks import Marks

MAX_SAMPLES = 10**12
"""Samples of one split, at most: as many as `samples` may ask for."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Consecutive samples of a split that are written together."""

    split: SplitName
    index: int
    start: int
    """Ordinal of its first sample."""
    stop: int
    """Ordinal behind its last sample."""

    @property
    def name(self) -> str:
        """File name without extension, the same for the images and their labels."""
        return shard_name(self.split, self.index)

    @property
    def n_samples(self) -> int:
        """How many samples it holds."""
        return self.stop - self.start


@dataclass(frozen=True)
class SplitPlan:
    """The samples of one split."""

    name: SplitName
    numbers: NumberSource
    n_samples: int
    shard_samples: int
    excluded: frozenset[str] = frozenset()
    """Numbers that are left out of `numbers`, whether or not they would be among them."""
    is_endless: bool = False
    """Whether its samples have no end; `n_samples` is `MAX_SAMPLES` then."""

    def list_shown(self) -> frozenset[str]:
        """Return all numbers that it shows.

        Raises
        ------
        ConfigError
            If there may be more than `MAX_EXCLUDED`.
        """
        n_shown = min(self.numbers.count or self.n_samples, self.n_samples)
        if n_shown > MAX_EXCLUDED:
            raise ConfigError(
                f"splits.{self.name}: expected at most {MAX_EXCLUDED:,} numbers in a split that "
                f"another excludes, got {n_shown:,}; lower its samples, or give both the same "
                "numbers with a slice each"
            )
        return frozenset(self.numbers.take(np.arange(n_shown)))

    @property
    def n_shards(self) -> int:
        """How many shards hold the split."""
        return -(-self.n_samples // self.shard_samples)

    def shard(self, index: int) -> Shard:
        """Return the shard at `index`.

        Raises
        ------
        IndexError
            If there is none.
        """
        if not 0 <= index < self.n_shards:
            raise IndexError(f"{self.name}: expected a shard in [0, {self.n_shards}), got {index}")
        start = index * self.shard_samples
        return Shard(self.name, index, start, min(start + self.shard_samples, self.n_samples))

    def shards(self) -> Iterator[Shard]:
        """Yield all shards in order."""
        return map(self.shard, range(self.n_shards))

    def identities(
        self, start: int, stop: int, engine: Engine = "skimage"
    ) -> tuple[list[str], NDArray[np.int64]]:
        """Return (numbers, sample indices) of the samples with ordinals `start` to `stop` - 1."""
        if not 0 <= start <= stop <= self.n_samples:
            raise IndexError(
                f"{self.name}: expected ordinals in [0, {self.n_samples}), got [{start}, {stop})"
            )
        return self.identify(np.arange(start, stop, dtype=np.int64), engine)

    def identify(
        self, ordinals: NDArray[np.int64], engine: Engine = "skimage"
    ) -> tuple[list[str], NDArray[np.int64]]:
        """Return (numbers, sample indices) of the samples with some ordinals, (B,)."""
        count = min(self.numbers.count or self.n_samples, self.n_samples)  # fits into 64 bits
        indices = ordinals if self.numbers.repeats else ordinals // count
        return self.numbers.take(ordinals % count, engine), indices


@dataclass(frozen=True)
class Plan:
    """All samples of a dataset, and the fingerprint of everything that may change a byte of it."""

    config: Config
    """With the numbers of files in place of the files."""
    source_digest: str
    splits: Mapping[SplitName, SplitPlan]
    inputs: Mapping[str, Any]
    """What the fingerprint is made of; plain JSON values."""
    published: Mapping[str, Any] | None = None
    """The plan file, if other versions wrote it: then `inputs` are theirs, and nothing can be drawn
    here."""

    @property
    def fingerprint(self) -> str:
        """Digest of `inputs`: 32 hexadecimal digits."""
        if self.published is not None:
            fingerprint: str = self.published["fingerprint"]
            return fingerprint
        text = json.dumps(self.inputs, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @cached_property
    def alphabet(self) -> str:
        """The digits, and the signs and the space of the numbers."""
        return order_characters(
            set().union(*(split.numbers.characters() for split in self.splits.values()))
        )

    @property
    def unlabelled(self) -> dict[str, str]:
        """Signs that marks draw and no label has, though labels have such of numbers: by key."""
        found = {
            f"{mark.section}.{mark.name}": "".join(it for it in mark.signs if it in self.alphabet)
            for mark in self.config.transforms
            if isinstance(mark, Marks)
        }
        return {key: signs for key, signs in found.items() if signs}

    @property
    def columns(self) -> tuple[Column, ...]:
        """Label columns of the config; and of numbers with other characters their digits."""
        return (*(() if self.alphabet == DIGITS else (NUMBER_DIGITS,)), *self.config.columns)

    @property
    def n_samples(self) -> int:
        """Samples of all splits."""
        return sum(split.n_samples for split in self.splits.values())

    @property
    def n_shards(self) -> int:
        """Shards of all splits."""
        return sum(split.n_shards for split in self.splits.values())

    def check_ends(self) -> None:
        """Refuse to write samples without an end.

        Raises
        ------
        ConfigError
            That names the split.
        """
        for split in self.splits.values():
            if split.is_endless:
                raise ConfigError(
                    f"splits.{split.name}.samples: expected a number of samples to build, got "
                    "null, which has no end and is for training from the config itself; set one: "
                    f"--set splits.{split.name}.samples=60000"
                )

    def shards(self) -> Iterator[Shard]:
        """Yield the shards of all splits in order."""
        for split in self.splits.values():
            yield from split.shards()


def make_plan(config: Config, source_digest: str) -> Plan:
    """Plan a dataset.

    Parameters
    ----------
    config : Config
    source_digest : str
        Digest of the glyph bank.

    Raises
    ------
    ConfigError
        If a list of numbers cannot be read, or the canvas is too narrow for a number.
    """
    config = inline_numbers(config)
    config = config.model_copy(update={"source": inline_excluded(config.source)})
    splits: dict[SplitName, SplitPlan] = {}
    for name in order_splits(config.splits):
        split = config.splits[name]
        numbers = split.numbers.kind.open(config.seed, name)
        excluded: frozenset[str] = frozenset()
        if split.exclude is not None:
            others = (splits[other].list_shown() for other in split.exclude.splits)
            excluded = frozenset(split.exclude.values).union(*others)
            try:
                numbers = leave_out(numbers, excluded)
            except ValueError as error:
                raise ConfigError(f"splits.{name}.exclude: {error}") from error
        columns = config.least_columns
        needed = numbers.max_digits * columns
        if needed > config.canvas.widest:
            raise ConfigError(
                f"canvas.width: expected at least {needed} columns, {columns} for each of "
                f"the {numbers.max_digits} characters of the longest number in splits.{name}, got "
                f"{config.canvas.widest}; widen the canvas or shorten the numbers"
            )
        if split.samples is not None or split.is_endless:
            n_samples = split.samples or MAX_SAMPLES
        else:
            assert split.samples_per_number is not None
            assert numbers.count is not None
            n_samples = split.samples_per_number * numbers.count
        if n_samples > MAX_SAMPLES:
            raise ConfigError(
                f"splits.{name}: expected at most {MAX_SAMPLES:,} samples, got {n_samples:,}; "
                "lower samples_per_number"
            )
        shard_samples = config.output.shard_samples
        splits[name] = SplitPlan(
            name, numbers, n_samples, shard_samples, excluded, split.is_endless
        )
    splits = {name: splits[name] for name in config.splits}
    identities = {name: split.numbers.identity() for name, split in splits.items()}
    return Plan(config, source_digest, splits, collect_inputs(config, source_digest, identities))


def parse_key(plan: Plan, key: str) -> tuple[SplitPlan, int]:
    """Return the split and the ordinal that a key names.

    Raises
    ------
    ConfigError
        If the dataset has no such sample.
    """
    samples: dict[str, int] = {name: split.n_samples for name, split in plan.splits.items()}
    name, ordinal = names.parse_key(key, samples)
    return next(split for split in plan.splits.values() if split.name == name), ordinal


def parse_shard(name: str) -> tuple[SplitName, int]:
    """Return the split and the index that the name of a shard stands for.

    >>> parse_shard("train-00042")
    ('train', 42)
    """
    split, index = names.parse_shard(name)
    if split not in SPLITS:
        raise ValueError(f"expected the name of a shard, got {name!r}")
    return split, index
