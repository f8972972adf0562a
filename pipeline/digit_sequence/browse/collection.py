"""What is browsed: a dataset that was built, a config that is drawn live, or a folder of crops."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from shlex import quote
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from digit_sequence.base.errors import ConfigError
from digit_sequence.base.names import parse_key, sample_key
from digit_sequence.building.sampler import Sampler
from digit_sequence.report.subject import Picture


class Collection(ABC):
    """Samples by key, and their label rows."""

    name: str
    """Its path."""
    kind: str
    """In a word or two."""
    samples: Mapping[str, int]
    """Of each split."""
    faults: list[str]
    """What is missing or damaged; grows while it is read."""

    @property
    @abstractmethod
    def schema(self) -> pa.Schema:
        """Names and types of the label columns."""

    @abstractmethod
    def open_rows(self, is_thorough: bool = False) -> Any:
        """Return all label rows, as DuckDB takes them.

        Parameters
        ----------
        is_thorough : bool
            Look for what is damaged within files, and leave it out.
        """

    @abstractmethod
    def read_some(self) -> pa.Table:
        """Return label rows that show what values are like."""

    @abstractmethod
    def read_row(self, key: str) -> dict[str, Any]:
        """Return the label row of a sample."""

    @abstractmethod
    def load(self, keys: Sequence[str], with_masks: bool) -> list[Picture | str]:
        """Return the images of some samples, or what is wrong with them."""

    def list_keys(self, split: str, start: int, stop: int) -> list[str]:
        """Return the keys at some positions of a split, or of all of them if it has no name."""
        keys: list[str] = []
        for name, count in self.samples.items():
            if split in ("", name):
                places = range(max(start, 0), min(stop, count))
                keys += [self.name_sample(name, self.find_ordinal(name, it)) for it in places]
                start, stop = start - count, stop - count
        return keys

    def find_ordinal(self, split: str, position: int) -> int:  # noqa: ARG002 - nothing is missing
        """Return the ordinal of the sample at a position of what is there of a split."""
        return position

    def name_sample(self, split: str, ordinal: int) -> str:
        """Return the key of a sample."""
        return sample_key(split, ordinal)

    def find_key(self, key: str) -> tuple[str, int]:
        """Return the split and the ordinal of a key."""
        return parse_key(key, self.samples, self.name)

    def write_command(
        self,
        origin: str,
        key: str,
        settings: Mapping[str, Any] = MappingProxyType({}),  # noqa: ARG002 - of a config alone
    ) -> str:
        """Return the command that draws a sample again.

        Parameters
        ----------
        origin : str
            What the user has named it by.
        key : str
        settings : mapping of str to Any
            Keys of the config that are to be other than they are.
        """
        return f"digit-sequence sample {quote(key)} --from {quote(origin)} -o {quote(key)}.png"

    @property
    def sampler(self) -> Sampler:
        """What draws its samples anew.

        Raises
        ------
        PipelineError
            If nothing can.
        """
        raise ConfigError(f"{self.name}: expected what was drawn, to draw it anew, got images")


class HeldCollection(Collection):
    """A collection whose rows are all in memory, one split after another."""

    _rows: pa.Table

    @property
    def schema(self) -> pa.Schema:
        """Names and types of the columns."""
        return self._rows.schema

    def open_rows(self, is_thorough: bool = False) -> pa.Table:  # noqa: ARG002 - all is sound
        """Return all rows."""
        return self._rows

    def read_some(self) -> pa.Table:
        """Return all rows."""
        return self._rows

    def read_row(self, key: str) -> dict[str, Any]:
        """Return the row of a sample."""
        split, ordinal = self.find_key(key)
        names = list(self.samples)
        before = sum(self.samples[name] for name in names[: names.index(split)])
        (row,) = self._rows.slice(before + ordinal, 1).to_pylist()
        return dict(row)
