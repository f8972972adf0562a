"""A split as PyTorch's map-style dataset (extra ``torch``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from digit_sequence.base.errors import ConfigError
from digit_sequence.learn.batches import Example
from digit_sequence.read.samples import Batch
from digit_sequence.read.split import Positions, Split

_READ_SAMPLES = 64
_NO_BOXES = np.empty((0, 5), np.int32)

Transform = Callable[[NDArray[np.uint8]], Any]


def check_split(split: object, name: str) -> None:
    """Refuse what is no split, such as a whole dataset."""
    if not isinstance(split, Split):
        raise ConfigError(
            f"{name}: expected a split, such as open_dataset(...)['train'], got "
            f"{type(split).__name__}"
        )


class NumberDataset(Dataset):  # type: ignore[misc]
    """A split as a map-style dataset.

    Parameters
    ----------
    split : Split
    boxes : bool
        Whether examples carry boxes.
    transform : callable, optional
        Applied to every image, uint8 (H, W); must be picklable for workers. `collate` scales
        uint8 to 0 to 1, and takes anything else as it is.
    source : str
        What examples say that they are of.
    max_digits : int, optional
        Digits that `collate` pads to; default: those of the longest number of the split.
    """

    def __init__(
        self,
        split: Split,
        boxes: bool = False,
        transform: Transform | None = None,
        source: str = "",
        max_digits: int | None = None,
    ) -> None:
        check_split(split, "split")
        self.split = split
        self._has_boxes = boxes
        self._columns = ["key", "number", *(["boxes"] if boxes else [])]
        self._transform = transform
        self._source, self._max_digits = source, max_digits or split.max_digits

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, position: int) -> Example:
        """Return the example at a position."""
        return self.__getitems__([position])[0]

    def __getitems__(self, positions: Positions) -> list[Example]:
        """Return the examples at some positions, which is how a DataLoader asks for a batch."""
        return self._make_examples(self.split.read_batch(positions, self._columns))

    def stream(self, positions: NDArray[np.int64]) -> Iterator[Example]:
        """Yield the examples at some positions, in that order."""
        for batch in self.split.read_batches(positions, _READ_SAMPLES, self._columns):
            yield from self._make_examples(batch)

    def _make_examples(self, batch: Batch) -> list[Example]:
        images: Iterable[Any] = batch.cut()
        if self._transform is not None:
            images = map(self._transform, images)
        boxes = batch.boxes if self._has_boxes else [_NO_BOXES] * len(batch.images)
        keys = batch.labels["key"].to_pylist()
        same = [[self._max_digits] * len(keys), [self._source] * len(keys)]
        return list(map(Example, images, batch.numbers, keys, boxes, *same))
