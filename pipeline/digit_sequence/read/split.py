"""Samples of one split, all or some, in an order: what datasets of every kind have."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from digit_sequence.base.errors import ConfigError
from digit_sequence.base.names import parse_key, sample_key
from digit_sequence.codec.sheet import SHOWN, write_sheet
from digit_sequence.read.backing import Backing
from digit_sequence.read.samples import BATCH_COLUMNS, Batch, Sample
from digit_sequence.read.where import (
    find_columns,
    match_expression,
    match_rows,
    prepare_conditions,
)

Positions = range | Sequence[int] | NDArray[np.int64]
"""Of samples in a split."""
_WINDOW_SAMPLES = 1 << 16


class Split(Sequence[Sample]):
    """Samples of one split, all or some, in an order.

    Parameters
    ----------
    dataset : Backing
        Where they come from.
    name : str
    ordinals : range or ndarray of int64
        Which samples these are.
    """

    def __init__(self, dataset: Backing, name: str, ordinals: range | NDArray[np.int64]) -> None:
        self.dataset = dataset
        self.name = name
        self.ordinals = ordinals

    def __len__(self) -> int:
        return len(self.ordinals)

    @overload
    def __getitem__(self, position: int) -> Sample: ...
    @overload
    def __getitem__(self, position: slice) -> Split: ...
    def __getitem__(self, position: int | slice) -> Sample | Split:
        """Return the sample at a position, or the samples of a slice."""
        if isinstance(position, slice):
            return Split(self.dataset, self.name, self.ordinals[position])
        place = operator.index(position)
        if not -len(self) <= place < len(self):
            raise IndexError(
                f"{self.name}: expected a position in [{-len(self)}, {len(self)}), got {place}"
            )
        return self._read_one(self.ordinals[place])

    def __iter__(self) -> Iterator[Sample]:
        for start in range(0, len(self), 256):
            yield from self.read(range(start, min(start + 256, len(self))))

    def by_key(self, key: str) -> Sample:
        """Return the sample of a key.

        Raises
        ------
        ConfigError
            If it is not a key of these samples.
        """
        total = self.dataset.n_samples[self.name]
        _, ordinal = parse_key(key, {self.name: total}, self.dataset.uri)
        if not self._has(ordinal):
            raise ConfigError(
                f"{self.dataset.uri}: expected a key of {len(self):,} of the {total:,} samples of "
                f"{self.name}, {sample_key(self.name, 0)} to {sample_key(self.name, total - 1)}, "
                f"got {key!r}"
            )
        return self._read_one(ordinal)

    def take(self, positions: Positions) -> Split:
        """Return the samples at some positions, in that order.

        Raises
        ------
        IndexError
            If there is no such position; negative ones count from the end.
        ConfigError
            If they are no integers.
        """
        chosen = np.asarray(positions)
        if len(chosen) and chosen.dtype.kind not in "iu":
            raise ConfigError(
                f"{self.name}: expected positions, which are integers, got {chosen.dtype}; a mask "
                "becomes positions by np.flatnonzero"
            )
        chosen = chosen.astype(np.int64)
        if len(chosen) and not -len(self) <= chosen.min() <= chosen.max() < len(self):
            raise IndexError(
                f"{self.name}: expected positions in [{-len(self)}, {len(self)}), got "
                f"{chosen.min()} to {chosen.max()}"
            )
        chosen = np.where(chosen < 0, chosen + len(self), chosen)
        ordinals = self.ordinals
        if isinstance(ordinals, range):
            return Split(self.dataset, self.name, ordinals.start + ordinals.step * chosen)
        return Split(self.dataset, self.name, ordinals[chosen])

    def where(self, expression: Any = None, /, **conditions: Any) -> Split:
        """Return the samples that meet all conditions on label columns.

        Reads the named columns of all label files of these samples; keeps eight bytes for each
        sample found.

        Parameters
        ----------
        expression : pyarrow.compute.Expression, optional
            Such as ``pc.field("blur_sigma") > 0.5``; reads all columns.
        **conditions
            A column and its value, or a list, set or range of values; see `label_filter`.

        Raises
        ------
        ConfigError
            If there is no such column (lists them), or a value does not fit its column.
        """
        if expression is None and not conditions:
            return self
        dataset = self.dataset
        schema = dataset.schema()
        prepared = prepare_conditions(conditions, schema)
        names = dataset.scan_columns
        columns = names if expression is not None else find_columns(conditions, schema)
        if unknown := [name for name in columns if name not in names]:
            raise ConfigError(
                f"{dataset.uri}: {unknown[0]}: only drawing each image would tell; expected "
                f"conditions on {', '.join(names)}, or a dataset that was built"
            )
        starts = range(0, len(self), _WINDOW_SAMPLES)
        windows = (self._ordinals(self._window(start)) for start in starts)
        found = [np.empty(0, np.int64)]
        tables = dataset.scan_labels(self.name, windows, columns)
        for start, rows in zip(starts, tables, strict=True):
            matched = match_rows(rows, prepared)
            if expression is not None:
                matched &= match_expression(rows, expression)
            found.append(start + np.flatnonzero(matched))
        return self.take(np.concatenate(found))

    def labels(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the label rows of all these samples, in their order."""
        columns = self.dataset.columns if columns is None else columns
        starts = range(0, max(1, len(self)), _WINDOW_SAMPLES)
        return pa.concat_tables([self.read_labels(self._window(it), columns) for it in starts])

    def _window(self, start: int) -> range:
        return range(start, min(start + _WINDOW_SAMPLES, len(self)))

    def at_epoch(self, epoch: int) -> Split:  # noqa: ARG002
        """Return what an epoch of training shows: these samples, but for a split without end."""
        return self

    def epoch_start(self, epoch: int) -> int:  # noqa: ARG002
        """Return the position at which an epoch begins: 0, but of a split without end."""
        return 0

    @property
    def max_digits(self) -> int:
        """Characters of the longest number that was planned for the split."""
        return self.dataset.max_digits(self.name)

    def batches(
        self, size: int, columns: Sequence[str] = BATCH_COLUMNS, drop_last: bool = False
    ) -> Iterator[Batch]:
        """Yield all samples in order, `size` at a time; the last batch may be smaller.

        Parameters
        ----------
        size : int
        columns : sequence of str
            Label columns to read.
        drop_last : bool
            Leave out a smaller last batch.
        """
        stop = len(self) // size * size if drop_last and size > 0 else len(self)
        yield from self.read_batches(range(stop), size, columns)

    def read_batches(
        self, positions: Positions, size: int, columns: Sequence[str] = BATCH_COLUMNS
    ) -> Iterator[Batch]:
        """Yield the samples at some positions, in that order, `size` at a time.

        From an object store many are read ahead together, so that samples from all over a few
        shards take few requests.
        """
        if size < 1:
            raise ConfigError(f"expected batches of at least 1 sample, got {size}")
        yield from self.dataset.read_batches(self.name, self._ordinals(positions), size, columns)

    def read_batch(self, positions: Positions, columns: Sequence[str] = BATCH_COLUMNS) -> Batch:
        """Read the samples at some positions, in that order.

        Samples that are near to each other in a shard are read together.
        """
        return self.dataset.read_batch(self.name, self._ordinals(positions), columns)

    def read(self, positions: Positions) -> list[Sample]:
        """Read the samples at some positions, in that order, as `read_batch` does."""
        return self.dataset.read_samples(self.name, self._ordinals(positions))

    def read_encoded(self, positions: Positions, check: bool = False) -> list[bytes]:
        """Return the files of the images at some positions, in that order, not decoded.

        With `check` they are decoded too, so that a damaged one is found.
        """
        return self.dataset.read_encoded(self.name, self._ordinals(positions), check)

    def read_labels(self, positions: Positions, columns: Sequence[str] = BATCH_COLUMNS) -> pa.Table:
        """Return the label rows at some positions, in that order."""
        return self.dataset.read_labels(self.name, self._ordinals(positions), columns)

    def _read_one(self, ordinal: int | np.int64) -> Sample:
        (sample,) = self.dataset.read_samples(self.name, np.array([ordinal], np.int64))
        return sample

    def _has(self, ordinal: int) -> bool:
        return (
            bool(np.isin(ordinal, self.ordinals))
            if isinstance(self.ordinals, np.ndarray)
            else ordinal in self.ordinals
        )

    def _ordinals(self, positions: Positions) -> NDArray[np.int64]:
        if (
            isinstance(positions, range)
            and positions.step == 1
            and 0 <= positions.start <= positions.stop <= len(self)
        ):
            return _to_array(self.ordinals[positions.start : positions.stop])
        return _to_array(self.take(positions).ordinals)

    def __repr__(self) -> str:
        total = self.dataset.n_samples[self.name]
        return f"<{len(self):,} of {total:,} samples of {self.name} in {self.dataset.uri}>"

    def list_tiles(self) -> list[tuple[str, bytes]]:
        """Return the numbers and the encoded images of the first samples, for a notebook."""
        shown = range(min(SHOWN, len(self)))
        numbers = self.read_labels(shown, ["number"])["number"].to_pylist()
        return list(zip(numbers, self.read_encoded(shown), strict=True))

    def _repr_html_(self) -> str:
        """Return the first samples, for a notebook."""
        return write_sheet({repr(self): self.list_tiles()})


def _to_array(ordinals: range | NDArray[np.int64]) -> NDArray[np.int64]:
    if isinstance(ordinals, range):
        return np.arange(ordinals.start, ordinals.stop, ordinals.step, dtype=np.int64)
    return ordinals
