"""Samples and batches: images and their label rows, whatever they were read or drawn from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from digit_sequence.base.characters import SPACE
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.images import cut_images
from digit_sequence.codec.run_lengths import decode_mask

BATCH_COLUMNS = ("key", "number")
"""Label columns of a batch unless others are asked for."""


@dataclass(frozen=True)
class Sample:
    """One image and its label row."""

    image: NDArray[np.uint8]
    """(H, W)"""
    label: Mapping[str, Any]
    """The label row by column; a column is read when it is first asked for."""

    @property
    def key(self) -> str:
        """Name of the sample, unique in the dataset."""
        key: str = self.label["key"]
        return key

    @property
    def number(self) -> str:
        """As it is written, zeros kept."""
        number: str = self.label["number"]
        return number

    @property
    def characters(self) -> str:
        """The characters of the number that have ink and a box each: all but spaces."""
        return self.number.replace(SPACE, "")

    @property
    def boxes(self) -> NDArray[np.int32]:
        """Per digit (digit, top, left, bottom, right), half-open pixels, shape (D, 5).

        Signs have codes from 10 on in place of a digit: `characters` has them.
        """
        return _to_boxes(self.label["boxes"])

    @property
    def masks(self) -> NDArray[np.bool_]:
        """Per digit where its ink is, shape (D, H, W); of a dataset built with `labels.masks`."""
        return np.stack([decode_mask(text, *self.image.shape) for text in self.label["masks"]])


class LabelRows(Protocol):
    """The label rows of some samples, a column at a time."""

    def schema(self) -> pa.Schema:
        """Return the names and types of the columns."""

    def read(self, columns: Sequence[str]) -> pa.Table:
        """Return some columns of all rows."""


class LabelRow(Mapping[str, Any]):
    """One of some label rows."""

    def __init__(self, labels: LabelRows, row: int) -> None:
        self._labels, self._row = labels, row

    def __getitem__(self, column: str) -> Any:
        try:
            return self._labels.read([column])[column][self._row].as_py()
        except ConfigError as error:
            raise KeyError(str(error)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._labels.schema().names)

    def __len__(self) -> int:
        return len(self._labels.schema().names)

    def __repr__(self) -> str:
        return f"<label row {self['key']}: number {self['number']!r}>"

    def __reduce__(self) -> Any:
        (row,) = self._labels.read(list(self)).slice(self._row, 1).to_pylist()
        return dict, (row,)


@dataclass(frozen=True)
class Batch:
    """B images and their label rows."""

    images: NDArray[np.uint8]
    """(B, H, W); an image that is narrower than the widest of the batch has 0 right of it."""
    widths: NDArray[np.int64]
    """(B,) columns of each image."""
    labels: pa.Table
    """B rows with the columns that were asked for."""

    def cut(self) -> Iterator[NDArray[np.uint8]]:
        """Return each image (H, its width)."""
        return cut_images(self.images, self.widths)

    @property
    def numbers(self) -> list[str]:
        """The B numbers."""
        numbers: list[str] = self.labels["number"].to_pylist()
        return numbers

    @property
    def boxes(self) -> list[NDArray[np.int32]]:
        """For each sample as `Sample.boxes`; the column must have been asked for."""
        return [_to_boxes(boxes) for boxes in self.labels["boxes"].to_pylist()]


def _to_boxes(boxes: list[dict[str, int]]) -> NDArray[np.int32]:
    return np.array([list(box.values()) for box in boxes], np.int32)
