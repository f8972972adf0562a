"""A pair of IDX files: glyphs and their digits, as MNIST has them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from digit_sequence.base.blocks import InputPath
from digit_sequence.base.errors import SourceError
from digit_sequence.sources.idx_format import (
    IMAGES_MAGIC,
    LABELS_MAGIC,
    pair_glyphs,
    parse_shape,
    read_plain,
)
from digit_sequence.sources.source import HeldOut, RawGlyphs, Source, SourceBlock


class IdxSettings(SourceBlock, HeldOut):
    """Any pair of IDX files, plain or gzipped."""

    name: Literal["idx"]
    """A pair of IDX files."""
    images: InputPath
    """File of uint8 images, (count, rows, columns), ink bright on 0."""
    labels: InputPath
    """File of uint8 labels 0-9, in the same order."""


class Idx(Source):
    """Any pair of IDX files, plain or gzipped."""

    Settings = IdxSettings
    settings: IdxSettings

    def list_files(self) -> list[Path]:
        """List the images, then the labels."""
        files = [Path(self.settings.images), Path(self.settings.labels)]
        for key, path in zip(("images", "labels"), files, strict=True):
            if not path.is_file():
                raise SourceError(f"{path}: expected an IDX file, got none; see source.{key}")
        return files

    def read(self, files: Sequence[Path]) -> RawGlyphs:
        """Read the pair."""
        try:
            contents = [
                _read_content(path, magic)
                for path, magic in zip(files, (IMAGES_MAGIC, LABELS_MAGIC), strict=True)
            ]
            return pair_glyphs(contents[0], contents[1], files, part=0)
        except SourceError as error:
            raise SourceError(
                f"{error}; give intact files of a pair in source.images and source.labels"
            ) from error


def _read_content(path: Path, magic: int) -> bytearray:
    """Read as much of a file as its header declares, and one byte, which should not be there."""
    n_header = 4 * (1 + (magic & 0xFF))
    shape = parse_shape(read_plain(path, n_header, path), magic, path)
    return read_plain(path, n_header + math.prod(shape) + 1, path)
