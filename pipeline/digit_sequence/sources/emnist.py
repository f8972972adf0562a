"""The digits and letters of EMNIST, from its own files; those for test are by other writers.

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
from digit_sequence.base.characters import CHARACTERS, DIGITS, LETTERS, SPACE
from digit_sequence.base.errors import SourceError
from digit_sequence.sources.idx import read_pairs
from digit_sequence.sources.ink import Appearance
from digit_sequence.sources.source import RawGlyphs, Source, SourceBlock
from digit_sequence.sources.tables import check_files
from digit_sequence.sources.writers import read_rows

_CLASSES = {
    "digits": DIGITS,
    "mnist": DIGITS,
    "byclass": DIGITS + LETTERS + SPACE * 26,
    "bymerge": DIGITS + LETTERS + SPACE * 11,
    "balanced": DIGITS + LETTERS + SPACE * 11,
    "letters": SPACE + LETTERS,
}
"""The character of each label, by subset; a space for those that are left out: small letters."""


class EmnistSettings(SourceBlock):
    """The digits and letters of EMNIST: glyphs for test come from its test files only."""

    name: Literal["emnist"]
    """The digits and letters of EMNIST."""
    path: InputPath
    """Folder of its four files, gzipped or not, as they are in gzip.zip of its publishers."""
    subset: Literal["digits", "mnist", "byclass", "bymerge", "balanced", "letters"] = "digits"
    """Which files: digits, 280,000; mnist, 70,000 that are as many of each writer as in MNIST; with
    letters A-Z byclass, all there are; bymerge and balanced, where C I J K L M O P S U V W X Y Z
    may be small; letters, which has no digits and all letters may be small, for a mix. Labels of
    small letters are left out; rows count what is left."""
    writers: InputPath | None = None
    """Text file of who wrote each, plain or gzipped: the number of a writer on each line, those of
    train in the order of its file, then those of test. The publishers have them in matlab.zip."""
    val_fraction: float = Field(0.1, ge=0, lt=1)
    """Share of the training digits, per class, held out for val."""


class Emnist(Source):
    """The digits and letters of EMNIST: part 1 is its test files."""

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
        classes = _CLASSES[self.settings.subset]
        glyphs = read_pairs(files[:4], Appearance(transpose=True), "source.path", classes)
        if self.settings.writers is not None:
            glyphs = replace(glyphs, writers=read_rows(files[4], len(glyphs.digits)))
        return _leave_out(glyphs, CHARACTERS.index(SPACE)) if SPACE in classes else glyphs


def _leave_out(glyphs: RawGlyphs, code: int) -> RawGlyphs:
    """Return glyphs without those of a code."""
    is_kept = glyphs.digits != code
    return RawGlyphs(
        glyphs.images[is_kept],
        glyphs.digits[is_kept],
        glyphs.parts[is_kept],
        writers=None if glyphs.writers is None else glyphs.writers[is_kept],
    )


def find_file(folder: Path, name: str) -> Path:
    """Return a file of a folder, gzipped or not; a SourceError if there is none."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise SourceError(f"{folder}: expected {name} or {name}.gz, got neither; see source.path")
