"""Label rows as panels take them: a batch at a time, digits and boxes as flat arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


@dataclass(frozen=True)
class Batch:
    """B label rows of one split, with G digits."""

    split: str
    rows: pa.Table

    def __len__(self) -> int:
        return len(self.rows)

    def has(self, column: str) -> bool:
        """Tell whether there is a label column."""
        return column in self.rows.column_names

    def values(self, column: str) -> NDArray[Any]:
        """Return the values of a column: (B,), or (G,) where each digit has one."""
        values: NDArray[Any] = self._flatten(column).to_numpy(zero_copy_only=False)
        return values

    def count(self, column: str) -> dict[Any, int]:
        """Return how often each different value of a column occurs."""
        found = self._flatten(column).value_counts()
        values, counts = (found.field(name).to_pylist() for name in ("values", "counts"))
        return dict(zip(values, counts, strict=True))

    def find_type(self, column: str) -> pa.DataType:
        """Return the type of the values of a column, those of a list if it holds lists."""
        kind = self.rows.schema.field(column).type
        return kind.value_type if pa.types.is_list(kind) else kind

    def _flatten(self, column: str) -> pa.Array:
        array = self.rows[column].combine_chunks()
        return array.flatten() if pa.types.is_list(array.type) else array

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """(B,) digits of each sample."""
        lengths = self.rows["boxes"].combine_chunks().value_lengths()
        return np.asarray(lengths.to_numpy(zero_copy_only=False), np.int64)

    @cached_property
    def positions(self) -> NDArray[np.int64]:
        """(G,) place of each digit in its number, from 0."""
        starts = np.cumsum(self.lengths) - self.lengths
        return np.arange(self.lengths.sum()) - np.repeat(starts, self.lengths)

    @cached_property
    def boxes(self) -> NDArray[np.int64]:
        """(G, 5) digit, top, left, bottom, right; half-open pixels."""
        fields = self.rows["boxes"].combine_chunks().flatten().flatten()
        return np.stack([np.asarray(field, np.int64) for field in fields], axis=1)

    @property
    def digits(self) -> NDArray[np.int64]:
        """(G,) the digits."""
        return self.boxes[:, 0]
