"""A pair of IDX files: glyphs and their digits, as MNIST has them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.blocks import InputPath
from digit_sequence.base.errors import SourceError
from digit_sequence.sources.idx_format import (
    IMAGES_MAGIC,
    LABELS_MAGIC,
    pair_glyphs,
    parse_shape,
    read_plain,
)
from digit_sequence.sources.ink import Appearance, Ink, extract_ink
from digit_sequence.sources.source import HeldOut, RawGlyphs, Source, SourceBlock
from digit_sequence.sources.writers import read_rows

_UNCHECKED_BYTES = 1 << 28
_MAX_RATIO = 100
"""What gzip makes of digits, at most: of MNIST it is 5, of zeros 1,000."""
_CHUNK = 4096
"""Images that are turned into ink together."""


class IdxSettings(SourceBlock, HeldOut, Appearance):
    """Any pair of IDX files, plain or gzipped."""

    name: Literal["idx"]
    """A pair of IDX files."""
    images: InputPath
    """File of uint8 images, (count, rows, columns)."""
    labels: InputPath
    """File of uint8 labels 0-9, in the same order."""
    writers: InputPath | None = None
    """Text file of who wrote each, plain or gzipped: the number of a writer on each line, in the
    same order."""


class Idx(Source):
    """Any pair of IDX files, plain or gzipped."""

    Settings = IdxSettings
    settings: IdxSettings

    def list_files(self) -> list[Path]:
        """List the images, then the labels, then the writers."""
        keys = ("images", "labels", "writers")
        files = {key: Path(path) for key in keys if (path := getattr(self.settings, key))}
        for key, path in files.items():
            if not path.is_file():
                kind = "a text file" if key == "writers" else "an IDX file"
                raise SourceError(f"{path}: expected {kind}, got none; see source.{key}")
        return [*files.values()]

    def read(self, files: Sequence[Path]) -> RawGlyphs:
        """Read the pair."""
        try:
            contents = [
                _read_content(path, magic)
                for path, magic in zip(files[:2], (IMAGES_MAGIC, LABELS_MAGIC), strict=True)
            ]
            glyphs = pair_glyphs(contents[0], contents[1], files, part=0)
        except SourceError as error:
            raise SourceError(
                f"{error}; give intact files of a pair in source.images and source.labels"
            ) from error
        if self.settings.writers:
            glyphs = replace(glyphs, writers=read_rows(files[2], len(glyphs.digits)))
        if self.settings.transpose:
            glyphs = replace(glyphs, images=glyphs.images.transpose(0, 2, 1))
        if self.settings.ink != "bright":
            glyphs = replace(glyphs, images=_extract_ink(glyphs.images, self.settings.ink))
            has_ink = glyphs.images.any(axis=(1, 2))
            if not has_ink.all():
                raise SourceError(
                    f"{files[0]}: row {int(has_ink.argmin())}: expected a glyph with ink "
                    f"({self.settings.ink}), got none; see source.ink"
                )
        return glyphs


def _extract_ink(images: NDArray[np.uint8], ink: Ink) -> NDArray[np.uint8]:
    """Return the ink of images, some at a time: real numbers take eight times the memory."""
    found = np.empty(images.shape, np.uint8)
    for start in range(0, len(images), _CHUNK):
        part = images[start : start + _CHUNK].astype(np.float64)
        found[start : start + _CHUNK] = np.rint(extract_ink(part, ink, is_lossy=False))
    return found


def _read_content(path: Path, magic: int) -> bytearray:
    """Read as much of a file as its header declares, and one byte, which should not be there."""
    n_header = 4 * (1 + (magic & 0xFF))
    shape = parse_shape(read_plain(path, n_header, path), magic, path)
    n_bytes, on_disk = math.prod(shape), path.stat().st_size
    most = max(_UNCHECKED_BYTES, _MAX_RATIO * on_disk)
    if n_bytes > most:
        raise SourceError(
            f"{path}: expected at most {most:,} bytes in a file of {on_disk:,}, got a header that "
            f"declares {n_bytes:,}, for {shape}: no digits can be compressed so well"
        )
    return read_plain(path, n_header + n_bytes + 1, path)
