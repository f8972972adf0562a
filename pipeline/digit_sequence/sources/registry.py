"""The sources, by the name that `source.name` gives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from digit_sequence.base.errors import SourceError
from digit_sequence.base.registry import Registry
from digit_sequence.sources.csv_table import Csv
from digit_sequence.sources.doubts import find_doubts
from digit_sequence.sources.emnist import Emnist
from digit_sequence.sources.folder import Folder
from digit_sequence.sources.idx import Idx
from digit_sequence.sources.mnist import Mnist
from digit_sequence.sources.mnist_5k import Mnist5k
from digit_sequence.sources.npz import Npz
from digit_sequence.sources.parquet import Parquet
from digit_sequence.sources.qmnist import Qmnist
from digit_sequence.sources.source import RawGlyphs, Source, SourceBlock

SOURCES: Registry[type[Source]] = Registry(
    "source.name",
    "digit_sequence.sources",
    *(Mnist, Mnist5k, Emnist, Qmnist, Idx, Folder, Npz, Csv, Parquet),
)


def open_source(settings: SourceBlock) -> Source:
    """Return the source of a block `source`.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    return SOURCES[settings.name](settings)


def list_files(settings: SourceBlock) -> list[Path]:
    """List the files that a source reads, in its order, after a download of missing ones.

    Parameters
    ----------
    settings : SourceBlock
        The block `source` of a config.

    Returns
    -------
    list of Path
        None of a source whose digits are inside a package.

    Raises
    ------
    SourceError
        If a file is missing and cannot be had.
    """
    try:
        return open_source(settings).list_files()
    except SourceError:
        raise
    except OSError as error:
        raise SourceError(
            f"{error.filename}: expected a readable file or folder, got: {error.strerror}"
        ) from error


def read_source(settings: SourceBlock) -> RawGlyphs:
    """Read all glyphs of a source.

    Parameters
    ----------
    settings : SourceBlock
        The block `source` of a config.

    Returns
    -------
    RawGlyphs
        In the source's own order, which numbers the glyphs; with what looks wrong in `doubts`.

    Raises
    ------
    SourceError
        If a file is missing, is not what it should be, or holds a glyph without ink.
    """
    glyphs = open_source(settings).read(list_files(settings))
    try:
        glyphs.check()
    except ValueError as error:
        raise SourceError(f"source.name: {settings.name}: {error}") from error
    if settings.ink_threshold:
        glyphs = _apply_threshold(glyphs, settings.ink_threshold)
    return replace(glyphs, doubts=(*glyphs.doubts, *find_doubts(glyphs, settings)))


def _apply_threshold(glyphs: RawGlyphs, threshold: int) -> RawGlyphs:
    """Return glyphs whose ink up to a threshold is 0.

    Raises
    ------
    SourceError
        If one has no ink above it.
    """
    images = np.where(glyphs.images > threshold, glyphs.images, np.uint8(0))
    has_ink = images.any(axis=(1, 2))
    if not has_ink.all():
        row = int(has_ink.argmin())
        raise SourceError(
            f"source.ink_threshold: expected ink above {threshold} in every digit, got "
            f"{glyphs.images[row].max()} at most in glyph {row}, a {glyphs.digits[row]}; lower it"
        )
    return replace(glyphs, images=images)
