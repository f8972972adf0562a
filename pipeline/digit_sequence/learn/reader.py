"""The reader of a user's own crops: images in files, numbers and how sure they are out.

A careful reader prepares each crop in several ways (`digit_sequence.learn.crops`), collects what it
may show under each, and asks under each how likely all of these numbers are, by CTC over all paths.
The number with the highest sum of log likelihoods wins; how sure it is, is its mean likelihood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from digit_sequence.learn.batches import stack_images
from digit_sequence.learn.checkpoints import open_weights
from digit_sequence.learn.crop_files import load_crop
from digit_sequence.learn.crops import WAYS, Taught, prepare_crop
from digit_sequence.learn.decoding import choose_number, read_images
from digit_sequence.learn.network import Recognizer


@dataclass(frozen=True)
class CropReading:
    """What was read in one file."""

    number: str
    """Empty if there is none, or if the file cannot be read."""
    confidence: float
    """Probability of the number, 0 to 1; the mean over the ways of a careful reader."""
    problem: str = ""
    """Why the file cannot be read."""


class Reader:
    """A network and what it was taught on.

    Parameters
    ----------
    weights : str or Path
        What ``train`` wrote: ``best.pt``, or the folder of the run.
    ways : sequence of str
        Of `WAYS`, how to prepare each crop.

    Raises
    ------
    OutputError
        If the file has no weights of this network.
    """

    def __init__(self, weights: str | Path, ways: Sequence[str] = tuple(WAYS)[:1]) -> None:
        self.model: Recognizer
        self.taught: Taught
        self.model, self.taught = open_weights(Path(weights))
        self.ways = tuple(ways)

    def prepare(self, crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a crop as the network sees it first, uint8 (H, W)."""
        return prepare_crop(crop, self.ways[0], self.taught)

    def read(self, crop: NDArray[np.uint8]) -> CropReading:
        """Read one crop, uint8 (H, W)."""
        images = [prepare_crop(crop, way, self.taught) for way in self.ways]
        if len(images) == 1:
            image = stack_images(images)
            numbers, confidences, _ = read_images(self.model, image, torch.tensor([image.shape[3]]))
            return CropReading(numbers[0], confidences[0])
        with torch.inference_mode():
            looks = [self.model(stack_images([image]))[0] for image in images]
        return CropReading(*choose_number(looks))

    def read_file(self, path: str | Path) -> CropReading:
        """Read the crop of a file; one that cannot be read says why."""
        try:
            return self.read(load_crop(Path(path)))
        except OSError as error:
            return CropReading("", 0.0, error.strerror or str(error))
