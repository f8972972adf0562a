"""Samples and batches: images and their label rows, whatever they were read or drawn from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

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
        """The digits, zeros kept."""
        number: str = self.label["number"]
        return number

    @property
    def boxes(self) -> NDArray[np.int32]:
        """Per digit (digit, top, left, bottom, right), half-open pixels, shape (D, 5)."""
        return _to_boxes(self.label["boxes"])

    @property
    def masks(self) -> NDArray[np.bool_]:
        """Per digit where its ink is, shape (D, H, W); of a dataset built with `labels.masks`."""
        return np.stack([decode_mask(text, *self.image.shape) for text in self.label["masks"]])


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
