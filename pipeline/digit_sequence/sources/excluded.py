"""Glyphs that no split uses: rows that a config or a file lists."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.blocks import shorten
from digit_sequence.base.errors import SourceError
from digit_sequence.sources.idx_format import MAX_GLYPHS, bound_bytes, read_plain
from digit_sequence.sources.mix import MixSettings
from digit_sequence.sources.source import Source, SourceBlock

_KEYS = "see source.exclude and source.exclude_file"


def inline_excluded(settings: SourceBlock) -> SourceBlock:
    """Return a block with the rows of its file in place of the file: it goes into the plan.

    Raises
    ------
    SourceError
        If the file cannot be read, or a line holds no row.
    """
    if isinstance(settings, MixSettings):
        parts = {
            name: part.model_copy(update={"source": inline_excluded(part.source)})
            for name, part in settings.parts.items()
        }
        settings = settings.model_copy(update={"parts": parts})
    if settings.exclude_file is None:
        return settings
    path = Path(settings.exclude_file)
    if not path.is_file():
        raise SourceError(f"{path}: expected a file of rows, got none; see source.exclude_file")
    content = bytes(read_plain(path, bound_bytes(path.stat().st_size), path))
    rows = set(settings.exclude)
    for number, line in enumerate(content.splitlines(), start=1):
        text = line.strip()
        if text and not (text.isdigit() and len(text) < 11 and int(text) < MAX_GLYPHS):
            raise SourceError(
                f"{path}: line {number}: expected a row, counted from 0, got {shorten(text)}; "
                "see source.exclude_file"
            )
        rows.update([int(text)] if text else [])
    return settings.model_copy(update={"exclude": tuple(sorted(rows)), "exclude_file": None})


def has_file(settings: SourceBlock) -> bool:
    """Return whether a block, or a part of a mix, names a file of rows."""
    parts = settings.parts.values() if isinstance(settings, MixSettings) else ()
    return settings.exclude_file is not None or any(has_file(part.source) for part in parts)


def find_used(source: Source, n_glyphs: int) -> NDArray[np.bool_]:
    """Return which glyphs a split may use, (N,).

    Raises
    ------
    SourceError
        If a row is listed that the source does not have.
    """
    rows = np.array(source.excluded, np.int64)
    if len(rows) and rows.max() >= n_glyphs:
        raise SourceError(
            f"source.exclude: expected rows below {n_glyphs:,}, as many as the source has, got "
            f"{rows.max():,}; {_KEYS}"
        )
    is_used = np.ones(n_glyphs, np.bool_)
    is_used[rows] = False
    return is_used
