"""Real crops with labels as a split, made like the images of another: to train on, or in a mix."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from digit_sequence.base.characters import count_inked, show_characters
from digit_sequence.base.errors import ConfigError
from digit_sequence.codec.encoding import encode_image
from digit_sequence.learn.crop_files import list_crops, load_crop
from digit_sequence.learn.crops import Taught, measure_images, prepare_crop
from digit_sequence.learn.label_files import read_labels
from digit_sequence.read.backing import Ordinals
from digit_sequence.read.samples import Batch, Sample
from digit_sequence.read.split import Split
from digit_sequence.read.splits import Splits
from digit_sequence.read.where import find_columns

NAME = "crops"
"""Of the only split."""
MEASURED = 256
"""Images of the other split that are looked at."""
_WAY = "levels"
_SHARD_SAMPLES = 1000
_KEPT = 4096
"""Crops that a process keeps as they were prepared."""


class CropDataset(Splits):
    """Crops of files, of one split.

    Parameters
    ----------
    uri : str
        Their folder.
    crops : mapping of str to Path
        By name, which is the key of each.
    numbers : mapping of str to str
        Of each crop.
    taught : Taught
        What images they are made like.
    """

    def __init__(
        self, uri: str, crops: Mapping[str, Path], numbers: Mapping[str, str], taught: Taught
    ) -> None:
        self._uri, self._taught = uri, taught
        self._paths = list(crops.values())
        lengths = [len(numbers[name]) for name in crops]
        inked = [count_inked(numbers[name]) for name in crops]
        self._labels = pa.table(
            {
                "key": pa.array(list(crops), pa.string()),
                "split": pa.array([NAME] * len(crops), pa.string()),
                "number": pa.array([numbers[name] for name in crops], pa.string()),
                "n_digits": pa.array(inked, pa.int16()),
                "ordinal": pa.array(range(len(crops)), pa.int64()),
            }
        )
        self._longest = max(lengths)
        self._prepare = lru_cache(_KEPT)(self._load)

    @property
    def uri(self) -> str:
        """Their folder."""
        return self._uri

    @property
    def fingerprint(self) -> str:
        """Digest of the names, the numbers, the sizes of the files, and what they are made like."""
        sizes = [path.stat().st_size for path in self._paths]
        rows = self._labels.select(["key", "number"]).to_pylist()
        text = json.dumps([rows, sizes, asdict(self._taught)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def image_shape(self) -> tuple[int, int]:
        """(H, W) of the images that they are made like; a longer crop is wider."""
        return self._taught.height, self._taught.width

    @property
    def alphabet(self) -> str:
        """The characters of the numbers of those that they are made like."""
        return self._taught.alphabet

    @property
    def image_format(self) -> str:
        """How they would be encoded."""
        return "png"

    @property
    def shard_samples(self) -> int:
        """Samples that are read together."""
        return _SHARD_SAMPLES

    @property
    def n_samples(self) -> Mapping[str, int]:
        """Samples of the split."""
        return {NAME: len(self._paths)}

    def max_digits(self, split: str) -> int:  # noqa: ARG002
        """Return the characters of the longest number."""
        return self._longest

    def schema(self) -> pa.Schema:
        """Return the names and types of the label columns."""
        return self._labels.schema

    def read_samples(self, split: str, ordinals: Ordinals) -> list[Sample]:
        """Read some crops, in their order."""
        rows = self.read_labels(split, ordinals, self.columns).to_pylist()
        images = [self._prepare(ordinal).copy() for ordinal in ordinals.tolist()]
        return list(map(Sample, images, rows))

    def read_batch(self, split: str, ordinals: Ordinals, columns: Sequence[str]) -> Batch:
        """Read some crops, in their order, as one batch."""
        found = [self._prepare(ordinal) for ordinal in ordinals.tolist()]
        widths = np.array([image.shape[1] for image in found], np.int64)
        height, widest = self.image_shape
        images = np.zeros((len(found), height, widths.max(initial=0) or widest), np.uint8)
        for page, image in zip(images, found, strict=True):
            page[:, : image.shape[1]] = image
        return Batch(images, widths, self.read_labels(split, ordinals, columns))

    def read_encoded(self, split: str, ordinals: Ordinals, check: bool) -> list[bytes]:  # noqa: ARG002
        """Return crops as they were prepared, as PNG."""
        return [encode_image(self._prepare(ordinal), "png") for ordinal in ordinals.tolist()]

    def read_labels(
        self,
        split: str,  # noqa: ARG002
        ordinals: Ordinals,
        columns: Sequence[str],
    ) -> pa.Table:
        """Return the label rows of some crops, in their order."""
        return self._labels.select(find_columns(columns, self.schema())).take(ordinals)

    def scan_labels(
        self, split: str, windows: Iterable[Ordinals], columns: Sequence[str]
    ) -> Iterator[pa.Table]:
        """Yield the label rows of each window."""
        for ordinals in windows:
            yield self.read_labels(split, ordinals, columns)

    def _load(self, ordinal: int) -> NDArray[np.uint8]:
        path = self._paths[ordinal]
        try:
            return prepare_crop(load_crop(path), _WAY, self._taught)
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror or error}") from error

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_prepare"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._prepare = lru_cache(_KEPT)(self._load)


def open_crops(
    folder: str | os.PathLike[str], labels: str | os.PathLike[str], like: Split
) -> Split:
    """Open a folder of real crops and their labels as a split.

    Each crop gets the rows of the images of another split, and the grey levels that paper and ink
    have there; paper is added right of it up to their width.

    Parameters
    ----------
    folder : path
        PNG, JPEG, TIFF or BMP, in folders of any depth; their names are the keys.
    labels : path
        A table, an export or a dataset: see `digit_sequence.learn.label_files`.
    like : Split
        Whose images they are made like.

    Raises
    ------
    ConfigError
        If a label or an image is missing, or a label is none. An image that is damaged is found
        when it is read.
    """
    crops, _ = list_crops([Path(folder)])
    numbers = read_labels(Path(labels), crops)
    samples = like.read(range(min(len(like), MEASURED)))
    alphabet = like.dataset.alphabet
    for name, number in numbers.items():
        if unknown := "".join(sorted({*number} - {*alphabet})):
            raise ConfigError(
                f"{labels}: {name[:80]}: expected characters of {like.dataset.uri}, "
                f"{show_characters(alphabet)}, got {show_characters(unknown)} as well"
            )
    measured = measure_images((sample.image for sample in samples), *like.dataset.image_shape)
    taught = replace(measured, alphabet=alphabet)
    return CropDataset(os.fspath(folder), crops, numbers, taught)[NAME]
