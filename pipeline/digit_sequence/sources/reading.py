"""Reading the glyphs of one source: its files, then its glyphs with what looks wrong in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from digit_sequence.base.errors import SourceError
from digit_sequence.sources.doubts import find_doubts
from digit_sequence.sources.source import RawGlyphs, Source


def list_source_files(source: Source) -> list[Path]:
    """List the files that a source reads, in its order, after a download of missing ones.

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
        return source.list_files()
    except SourceError:
        raise
    except OSError as error:
        raise SourceError(
            f"{error.filename}: expected a readable file or folder, got: {error.strerror}"
        ) from error


def read_glyphs(source: Source) -> RawGlyphs:
    """Read all glyphs of a source.

    Returns
    -------
    RawGlyphs
        In the source's own order, which numbers the glyphs; with what looks wrong in `doubts`.

    Raises
    ------
    SourceError
        If a file is missing, is not what it should be, or holds a glyph without ink.
    """
    settings = source.settings
    glyphs = source.read(list_source_files(source))
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
