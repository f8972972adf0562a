"""The block `exclude` of a split: numbers that it never shows."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from digit_sequence.base.blocks import AS_TUPLE, Block
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.names import SplitName
from digit_sequence.numbers.file import FileSettings, read_numbers
from digit_sequence.numbers.number import Number

MAX_EXCLUDED = 1_000_000
"""Numbers that a split leaves out, at most: they are kept in memory."""


class Exclude(Block):
    """Numbers that a split never shows, as texts: 2024-01-02 and 02/01/2024 are two."""

    splits: Annotated[tuple[SplitName, ...], AS_TUPLE] = ()
    """Other splits: none of the numbers that they show is shown here."""
    values: Annotated[tuple[Number, ...], AS_TUPLE] = Field((), max_length=MAX_EXCLUDED)
    """A list of quoted numbers."""
    file: FileSettings | None = None
    """A file of numbers, as `numbers.file`."""

    def inline(self) -> Exclude:
        """Return a block of the same meaning that names no file.

        Raises
        ------
        ConfigError
            If the file cannot be read.
        """
        if self.file is None:
            return self
        values = dict.fromkeys([*self.values, *read_numbers(self.file)])
        if len(values) > MAX_EXCLUDED:
            raise ConfigError(
                f"{self.file.path}: expected at most {MAX_EXCLUDED:,} numbers to exclude, got "
                f"{len(values):,}"
            )
        return Exclude(splits=self.splits, values=tuple(values))
