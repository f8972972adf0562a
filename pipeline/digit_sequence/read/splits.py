"""The splits of a dataset by name, whatever is behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from digit_sequence.base.errors import ConfigError
from digit_sequence.base.names import parse_key
from digit_sequence.base.text import suggest
from digit_sequence.codec.sheet import write_sheet
from digit_sequence.read.backing import Backing
from digit_sequence.read.samples import Sample
from digit_sequence.read.split import Split


class Splits(Backing, Mapping[str, Split]):
    """A dataset: its splits by name."""

    def __getitem__(self, split: str) -> Split:
        if split not in self.n_samples:
            raise ConfigError(
                f"{self.uri}: expected a split of {', '.join(self.n_samples)}, got {split!r}"
                f"{suggest(split, self.n_samples)}"
            )
        return Split(self, split, range(self.n_samples[split]))

    def get(self, split: str, default: Any = None) -> Any:
        """Return a split, or a default if there is none."""
        return self[split] if split in self.n_samples else default

    def __contains__(self, split: object) -> bool:
        return split in self.n_samples

    def __iter__(self) -> Iterator[str]:
        return iter(self.n_samples)

    def __len__(self) -> int:
        return len(self.n_samples)

    def by_key(self, key: str) -> Sample:
        """Return the sample of a key, such as ``train-000000042``.

        Raises
        ------
        ConfigError
            If the dataset has no such sample.
        """
        split, _ = parse_key(key, self.n_samples, self.uri)
        return self[split].by_key(key)

    def __repr__(self) -> str:
        splits = ", ".join(f"{name} {count:,}" for name, count in self.n_samples.items())
        return f"<dataset {self.uri}: {splits}>"

    def _repr_html_(self) -> str:
        """Return the first samples of each split, for a notebook."""
        return write_sheet({repr(split): split.list_tiles() for split in self.values()})
