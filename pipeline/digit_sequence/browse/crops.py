"""A folder of real crops, to be browsed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from digit_sequence.base.characters import SPACE, encode_text
from digit_sequence.base.errors import ConfigError
from digit_sequence.browse.collection import HeldCollection
from digit_sequence.match.crops import Crop, read_crops
from digit_sequence.report.subject import Picture

REAL = "real"
"""What crops have in place of a split."""


class CropCollection(HeldCollection):
    """A folder of real crops.

    Parameters
    ----------
    folder : Path
    labels : str or None
        As of `match.crops.read_crops`.
    """

    kind = "real crops"

    def __init__(self, folder: Path, labels: str | None) -> None:
        crops, notes = read_crops(folder, labels)
        self.name, self.faults = str(folder), notes
        self.samples = {REAL: len(crops)}
        self._crops = {crop.name: crop for crop in crops}
        self._names = list(self._crops)
        self._rows = pa.table(
            {
                "key": self._names,
                "split": [REAL] * len(crops),
                "ordinal": range(len(crops)),
                "number": pa.array([crop.number for crop in crops], pa.string()),
                "n_digits": pa.array(
                    [crop.number and len(crop.number) for crop in crops], pa.int16()
                ),
                "height": [crop.image.shape[0] for crop in crops],
                "width": [crop.image.shape[1] for crop in crops],
                "grey": [round(float(crop.image.mean()), 1) for crop in crops],
            }
        )

    def name_sample(self, split: str, ordinal: int) -> str:  # noqa: ARG002 - there is one
        """Return the name of a file."""
        return self._names[ordinal]

    def find_key(self, key: str) -> tuple[str, int]:
        """Return the position of a file."""
        if key not in self._crops:
            raise ConfigError(f"{self.name}: expected the name of an image in it, got {key!r}")
        return REAL, self._names.index(key)

    def write_command(self, *_: Any) -> str:
        """Return nothing: no command draws them."""
        return ""

    def load(self, keys: Sequence[str], with_masks: bool) -> list[Picture | str]:  # noqa: ARG002
        """Return some crops."""
        return [make_picture(self._crops[key], *self.find_key(key)) for key in keys]


def make_picture(crop: Crop, split: str, ordinal: int) -> Picture:
    """Return a crop as a picture."""
    number = crop.number or ""
    boxes = np.empty((0, 5), np.int64)
    if crop.boxes is not None:
        codes = [*encode_text(number.replace(SPACE, ""))]
        boxes = np.column_stack([codes, crop.boxes.round().astype(np.int64)])
    image = crop.image.round().clip(0, 255).astype(np.uint8)
    return Picture(split, ordinal, number, image, boxes, [], "")
