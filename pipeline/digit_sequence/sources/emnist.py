"""The digits of EMNIST, from its own files: 240,000 for train, 40,000 for test, by other writers.

Its images are stored transposed, which is undone here (Cohen et al., "EMNIST: an extension of MNIST
to handwritten letters", 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from digit_sequence.base.blocks import InputPath
from digit_sequence.base.errors import SourceError
from digit_sequence.sources.idx import read_pairs
from digit_sequence.sources.ink import Appearance
from digit_sequence.sources.source import RawGlyphs, Source, SourceBlock
from digit_sequence.sources.tables import check_files
from digit_sequence.sources.writers import read_rows


class EmnistSettings(SourceBlock):
    """The digits of EMNIST: test digits come from its test files only."""

    name: Literal["emnist"]
    """The digits of EMNIST."""
    path: InputPath
    """Folder of its four files, gzipped or not, as they are in gzip.zip of its publishers."""
    subset: Literal["digits", "mnist"] = "digits"
    """Which files: digits, 280,000; mnist, 70,000 that are as many of each writer as in MNIST."""
    writers: InputPath | None = None
    """Text file of who wrote each, plain or gzipped: the number of a writer on each line, those of
    train in the order of its file, then those of test. The publishers have them in matlab.zip."""
    val_fraction: float = Field(0.1, ge=0, lt=1)
    """Share of the training digits, per class, held out for val."""


class Emnist(Source):
    """The digits of EMNIST: part 1 is its test files."""

    Settings = EmnistSettings
    settings: EmnistSettings

    def list_files(self) -> list[Path]:
        """List images and labels of train, then of test; then the writers."""
        subset, writers = self.settings.subset, self.settings.writers
        files = [
            find_file(Path(self.settings.path), f"emnist-{subset}-{part}-{kind}-ubyte")
            for part in ("train", "test")
            for kind in ("images-idx3", "labels-idx1")
        ]
        return [*files, *check_files({"source.writers": writers})]

    def read(self, files: Sequence[Path]) -> RawGlyphs:
        """Read train, then test."""
        glyphs = read_pairs(files[:4], Appearance(transpose=True), "source.path")
        if self.settings.writers is None:
            return glyphs
        return replace(glyphs, writers=read_rows(files[4], len(glyphs.digits)))


def find_file(folder: Path, name: str) -> Path:
    """Return a file of a folder, gzipped or not; a SourceError if there is none."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise SourceError(f"{folder}: expected {name} or {name}.gz, got neither; see source.path")
