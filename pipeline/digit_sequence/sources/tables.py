"""What sources share whose files hold arrays: checks of images, of labels, and of their number."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import InputPath
from digit_sequence.base.errors import SourceError
from digit_sequence.sources.ink import Appearance, apply_appearance
from digit_sequence.sources.source import HeldOut, RawGlyphs, Source, SourceBlock, join_glyphs


class TableSettings(SourceBlock, HeldOut, Appearance):
    """A file of digits, and maybe another one for test."""

    path: InputPath
    """The file."""
    test_path: InputPath | None = None
    """Another such file, of the digits for test: then no others are, and `test_fraction` means
    nothing."""


class HeldOutBeside(HeldOut):
    """Shares of the digits, for a source that may say which digits are for test."""

    test_fraction: float = Field(0.0, ge=0, lt=1)
    """Share of the digits, per class, that only test uses, beside those that are for test."""


class Table(Source):
    """A source of one file, or of one and another for test."""

    settings: TableSettings

    @property
    def has_test_files(self) -> bool:
        """Whether there is a file for test."""
        return self.settings.test_path is not None

    def list_files(self) -> list[Path]:
        """List the file, then that for test."""
        keys = ("path", "test_path")
        return check_files({f"source.{key}": getattr(self.settings, key) for key in keys})

    def read(self, files: Sequence[Path]) -> RawGlyphs:
        """Read the files."""
        found = [self.read_file(path, part) for part, path in enumerate(files)]
        try:
            return join_glyphs(*found)
        except ValueError as error:
            raise SourceError(f"{files[-1]}: {error} in {files[0]}") from error

    def read_file(self, path: Path, part: int) -> RawGlyphs:
        """Read one of the files."""
        raise NotImplementedError


def check_files(paths: dict[str, str | None]) -> list[Path]:
    """Return files by their keys, without those that are not given; a SourceError if one lacks."""
    files = {key: Path(path) for key, path in paths.items() if path is not None}
    for key, path in files.items():
        if not path.is_file():
            kind = "a folder" if path.is_dir() else "none"
            raise SourceError(f"{path}: expected a file, got {kind}; see {key}")
    return [*files.values()]


def make_glyphs(
    images: NDArray[np.uint8], labels: NDArray[Any], part: int, look: Appearance, where: object
) -> RawGlyphs:
    """Return images and labels of a file as glyphs.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W)
    labels : ndarray of integers, shape (N,)
    part : int
        1 if only test may use them.
    look : Appearance
    where : object
        The file, for messages.

    Raises
    ------
    SourceError
        If a label is no digit, or an image has no ink.
    """
    if len(images) != len(labels):
        raise SourceError(f"{where}: expected {len(images):,} labels, got {len(labels):,}")
    wrong = np.flatnonzero((labels < 0) | (labels > 9))
    if len(wrong):
        row = int(wrong[0])
        raise SourceError(
            f"{where}: row {row}: expected a digit 0-9, got {labels[row]}; leave the row out"
        )
    digits = labels.astype(np.uint8)
    ink = apply_appearance(images, look, where)
    return RawGlyphs(ink, digits, np.full(len(digits), part, np.uint8))
