"""What a split asks of its dataset: samples by their ordinals, read from files or drawn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from digit_sequence.base.characters import SPACE
from digit_sequence.read.samples import Batch, Sample

Ordinals = NDArray[np.int64]
"""(N,) of samples in a split."""


class Backing(ABC):
    """Where the samples of a dataset come from, by split and ordinal."""

    @property
    @abstractmethod
    def uri(self) -> str:
        """What it is called in messages."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Digest of everything that may change a byte, but for the number of samples."""

    @property
    @abstractmethod
    def image_shape(self) -> tuple[int, int]:
        """(H, W) of every image, or of the widest."""

    @property
    @abstractmethod
    def alphabet(self) -> str:
        """The characters of its numbers: all digits, then signs and the space if there are any."""

    @property
    def classes(self) -> str:
        """Those of the alphabet that have ink, and boxes."""
        return self.alphabet.replace(SPACE, "")

    @property
    @abstractmethod
    def image_format(self) -> str:
        """How an image is encoded: png or jpeg."""

    @property
    @abstractmethod
    def shard_samples(self) -> int:
        """Samples that are best read together: those of a shard."""

    @property
    @abstractmethod
    def n_samples(self) -> Mapping[str, int]:
        """Samples of each split."""

    @abstractmethod
    def max_digits(self, split: str) -> int:
        """Return the characters of the longest number that was planned for a split."""

    @abstractmethod
    def schema(self) -> pa.Schema:
        """Return the names and types of the label columns."""

    @abstractmethod
    def read_samples(self, split: str, ordinals: Ordinals) -> list[Sample]:
        """Return some samples, in their order."""

    @abstractmethod
    def read_batch(self, split: str, ordinals: Ordinals, columns: Sequence[str]) -> Batch:
        """Return some samples, in their order, as one batch."""

    def read_batches(
        self, split: str, ordinals: Ordinals, size: int, columns: Sequence[str]
    ) -> Iterator[Batch]:
        """Yield some samples in their order, `size` at a time."""
        for start in range(0, len(ordinals), size):
            yield self.read_batch(split, ordinals[start : start + size], columns)

    @abstractmethod
    def read_encoded(self, split: str, ordinals: Ordinals, check: bool) -> list[bytes]:
        """Return the files of some images; with `check` each is decoded too."""

    @abstractmethod
    def read_labels(self, split: str, ordinals: Ordinals, columns: Sequence[str]) -> pa.Table:
        """Return the label rows of some samples, in their order."""

    @abstractmethod
    def scan_labels(
        self, split: str, windows: Iterable[Ordinals], columns: Sequence[str]
    ) -> Iterator[pa.Table]:
        """Yield the label rows of the samples of each window, none of which are needed again."""

    @property
    def scan_columns(self) -> Sequence[str]:
        """Label columns that can be searched."""
        return self.columns

    @property
    def columns(self) -> list[str]:
        """Names of the label columns."""
        names: list[str] = self.schema().names
        return names
