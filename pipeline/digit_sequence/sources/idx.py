"""A pair of IDX files: glyphs and their digits, as MNIST has them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from digit_sequence.base.blocks import InputPath
from digit_sequence.base.characters import DIGITS
from digit_sequence.base.errors import SourceError
from digit_sequence.sources.idx_format import (
    IMAGES_MAGIC,
    LABELS_MAGIC,
    bound_bytes,
    pair_glyphs,
    parse_idx,
    parse_shape,
    read_plain,
)
from digit_sequence.sources.ink import Appearance, apply_appearance
from digit_sequence.sources.source import HeldOut, RawGlyphs, Source, SourceBlock, join_glyphs
from digit_sequence.sources.writers import read_rows


class IdxSettings(SourceBlock, HeldOut, Appearance):
    """Any pair of IDX files, plain or gzipped."""

    name: Literal["idx"]
    """A pair of IDX files."""
    images: InputPath
    """File of uint8 images, (count, rows, columns)."""
    labels: InputPath
    """File of uint8 labels 0-9, in the same order."""
    test_images: InputPath | None = None
    """Likewise, the digits for test: then no others are, and `test_fraction` means nothing."""
    test_labels: InputPath | None = None
    """Their labels."""
    writers: InputPath | None = None
    """Text file of who wrote each, plain or gzipped: the number of a writer on each line, in the
    same order; then those of the digits for test."""

    @model_validator(mode="after")
    def _pair_test(self) -> Self:
        if (self.test_images is None) != (self.test_labels is None):
            lacking = "test_images" if self.test_images is None else "test_labels"
            raise ValueError(f"expected {lacking} beside the other file for test, got none")
        return self


class Idx(Source):
    """Any pair of IDX files, plain or gzipped."""

    Settings = IdxSettings
    settings: IdxSettings

    def list_files(self) -> list[Path]:
        """List the images, then the labels; then those for test, then the writers."""
        keys = ("images", "labels", "test_images", "test_labels", "writers")
        files = {key: Path(path) for key in keys if (path := getattr(self.settings, key))}
        for key, path in files.items():
            if not path.is_file():
                kind = "a text file" if key == "writers" else "an IDX file"
                raise SourceError(f"{path}: expected {kind}, got none; see source.{key}")
        return [*files.values()]

    @property
    def has_test_files(self) -> bool:
        """Whether there is a pair for test."""
        return self.settings.test_images is not None

    def read(self, files: Sequence[Path]) -> RawGlyphs:
        """Read the pairs."""
        writers = None
        if self.settings.writers:
            *files, writers = files
        glyphs = read_pairs(files, self.settings, "source.images and source.labels")
        if writers is None:
            return glyphs
        return replace(glyphs, writers=read_rows(writers, len(glyphs.digits)))


def read_pairs(
    files: Sequence[Path], look: Appearance, keys: str, classes: str = DIGITS
) -> RawGlyphs:
    """Read a pair of IDX files, images and labels, and maybe another one for test.

    Parameters
    ----------
    files : sequence of Path, 2 or 4
    look : Appearance
        How digits look in them.
    keys : str
        What of the block names them.
    classes : str
        The character of each label.

    Raises
    ------
    SourceError
        If one is not what it should be.
    """
    try:
        pairs = [_read_pair(files[n : n + 2], n // 2, classes) for n in range(0, len(files), 2)]
    except SourceError as error:
        raise SourceError(f"{error}; give intact files of a pair in {keys}") from error
    pairs = [
        replace(pair, images=apply_appearance(pair.images, look, path))
        for pair, path in zip(pairs, files[::2], strict=True)
    ]
    if len(pairs) == 1:
        return pairs[0]
    try:
        return join_glyphs(*pairs)
    except ValueError as error:
        raise SourceError(f"{files[2]}: {error} in {files[0]}") from error


def _read_pair(files: Sequence[Path], part: int, classes: str) -> RawGlyphs:
    images, labels = (
        _read_content(path, magic)
        for path, magic in zip(files, (IMAGES_MAGIC, LABELS_MAGIC), strict=True)
    )
    return pair_glyphs(images, labels, files, part, classes)


def read_images(path: Path) -> NDArray[np.uint8]:
    """Read a file of images, (N, H, W); a SourceError if it is none."""
    return parse_idx(_read_content(path, IMAGES_MAGIC), IMAGES_MAGIC, path)


def _read_content(path: Path, magic: int) -> bytearray:
    """Read as much of a file as its header declares, and one byte, which should not be there."""
    n_header = 4 * (1 + (magic & 0xFF))
    shape = parse_shape(read_plain(path, n_header, path), magic, path)
    n_bytes, on_disk = math.prod(shape), path.stat().st_size
    most = bound_bytes(on_disk)
    if n_bytes > most:
        raise SourceError(
            f"{path}: expected at most {most:,} bytes in a file of {on_disk:,}, got a header that "
            f"declares {n_bytes:,}, for {shape}: no digits can be compressed so well"
        )
    return read_plain(path, n_header + n_bytes + 1, path)
