"""What a kind of numbers is: its settings in the config, and the numbers that they mean."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.blocks import Block, list_paths
from digit_sequence.base.engines import Engine


class NumberSource(Protocol):
    """The numbers of one split, in order.

    Sample i of a split shows number ``i % count``, so every shard holds a mix and a larger dataset
    begins with the smaller one. Its sample_index is ``i // count``: it counts the samples of a
    number. If numbers may repeat, drawn at random or listed twice, their samples are told apart by
    i itself: sample_index is i, the ordinal.
    """

    @property
    def count(self) -> int | None:
        """How many there are; None: one for every sample."""

    @property
    def repeats(self) -> bool:
        """Whether one number may stand at several positions."""

    @property
    def max_digits(self) -> int:
        """Characters of the longest number."""

    def characters(self) -> set[str]:
        """Return the characters that may occur: digits, signs, the space."""

    def identity(self) -> dict[str, object]:
        """Return what decides which numbers these are, for the fingerprint: plain JSON values."""

    def without(self, numbers: frozenset[str]) -> NumberSource:
        """Return the numbers that are left if some are left out.

        Raises
        ------
        ValueError
            If too few are left.
        """

    def take(self, positions: NDArray[np.int64], engine: Engine = "skimage") -> list[str]:
        """Return the numbers at `positions`, int64 of shape (B,)."""


class NumberKind(ABC):
    """A way to say which numbers: one subclass in one file, and a line in `NUMBER_KINDS`.

    The first line of a subclass's docstring stands for its key in the reference of the config.

    Parameters
    ----------
    settings : any
        Of the type `Settings`.
    """

    name: ClassVar[str]
    """Its key in the block `numbers`."""
    Settings: ClassVar[Any]
    """Type of the value of that key: most often a `Block`."""
    example: ClassVar[Any] = None
    """Settings that show it, as a config has them; None: nothing does."""
    example_files: ClassVar[Mapping[str, str]] = {}
    """What the files hold that these settings name, by name."""

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    @property
    def is_endless(self) -> bool:
        """Whether there is a number for every sample; a field `count` puts an end to it."""
        return False

    @property
    def has_paths(self) -> bool:
        """Whether it names files, which hold the numbers."""
        return isinstance(self.settings, Block) and bool(list_paths(self.settings))

    def check(self) -> None:  # noqa: B027 - most settings are checked by their types
        """Raise a ValueError if the settings cannot be meant."""

    def inline(self) -> NumberKind:
        """Return a kind that means the same numbers and names no file: it goes into the plan.

        Raises
        ------
        ConfigError
            If the file cannot be read.
        """
        return self

    @abstractmethod
    def open(self, seed: int, split: str) -> NumberSource:
        """Return the numbers of one split; called on what `inline` returns."""
