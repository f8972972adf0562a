"""Who wrote the glyphs of a source: the files that say so."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.blocks import shorten
from digit_sequence.base.errors import SourceError
from digit_sequence.sources.idx_format import read_plain

_MAX_BYTES = 1 << 30
_MOST = 2**31 - 1
"""Writers are int32."""


def read_rows(path: Path, n_glyphs: int) -> NDArray[np.int32]:
    """Read a file of a writer on each line, plain or gzipped, in the order of the glyphs.

    Parameters
    ----------
    path : Path
    n_glyphs : int
        How many lines it is to have.

    Returns
    -------
    ndarray of int32, shape (n_glyphs,)

    Raises
    ------
    SourceError
        If it has another number of lines, or a line is no number of a writer.
    """
    lines = _read_text(path).splitlines()
    if len(lines) != n_glyphs:
        raise SourceError(
            f"{path}: expected {n_glyphs:,} lines, the writer of each glyph in its order, got "
            f"{len(lines):,}; see source.writers"
        )
    return np.array(_parse(path, enumerate(lines, 1)), np.int32)


def read_table(path: Path, files: Sequence[str]) -> NDArray[np.int32]:
    """Read a CSV file of lines ``file,writer``; a first line that says so is passed over.

    Parameters
    ----------
    path : Path
    files : sequence of str
        The files that it is to name, in any order, each once.

    Returns
    -------
    ndarray of int32, shape (files,)
        In the order of `files`.

    Raises
    ------
    SourceError
        If it names another file, or one twice or not at all, or a line is not one of two values.
    """
    rows = [row for row in enumerate(csv.reader(io.StringIO(_read_text(path))), 1) if row[1]]
    if rows and [value.strip() for value in rows[0][1]] == ["file", "writer"]:
        rows = rows[1:]
    expected, named = set(files), set()
    for number, row in rows:
        if len(row) != 2:
            raise SourceError(
                f"{path}: line {number}: expected file,writer, got {shorten(','.join(row))}; see "
                "source.writers"
            )
        if row[0] not in expected or row[0] in named:
            raise SourceError(
                f"{path}: line {number}: expected an image file of the source, each once, as "
                f"{files[0]}, got {shorten(row[0])}; leave the line out, or mend its path"
            )
        named.add(row[0])
    if missing := [name for name in files if name not in named]:
        raise SourceError(
            f"{path}: expected a line for each of {len(files):,} image files, got none for "
            f"{shorten(missing[0])} and {len(missing) - 1:,} others; add them"
        )
    writers = _parse(path, ((number, row[1]) for number, row in rows))
    by_file = dict(zip((row[0] for _, row in rows), writers, strict=True))
    return np.array([by_file[name] for name in files], np.int32)


def pick_rows(
    rows: NDArray[np.int64], places: NDArray[np.int64], digits: NDArray[np.uint8]
) -> NDArray[np.int32]:
    """Return the writers of some rows of a label file of QMNIST, whose digits are known.

    Raises
    ------
    SourceError
        If their digits are others: the files are not of the same glyphs.
    """
    if rows.ndim != 2 or rows.shape[1] < 3 or places.max(initial=0) >= len(rows):
        raise SourceError(f"source.writers: expected rows of all glyphs, got shape {rows.shape}")
    if not np.array_equal(rows[places, 0], digits):
        raise SourceError(
            "source.writers: expected the digits of the glyphs in their order, got others; the "
            "label files of QMNIST belong to the original MNIST alone"
        )
    writers: NDArray[np.int32] = rows[places, 2].astype(np.int32)
    return writers


def _read_text(path: Path) -> str:
    content = read_plain(path, _MAX_BYTES, path)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(f"{path}: expected UTF-8 text, got byte {error.start}") from error


def _parse(path: Path, lines: Iterable[tuple[int, str]]) -> list[int]:
    """Return the writers of numbered lines."""
    writers = []
    for number, text in lines:
        stripped = text.strip()
        is_number = stripped.isascii() and stripped.isdecimal() and len(stripped) < 20
        if not is_number or int(stripped) > _MOST:
            raise SourceError(
                f"{path}: line {number}: expected the number of a writer, 0 to {_MOST:,}, got "
                f"{shorten(stripped)}; number the writers"
            )
        writers.append(int(stripped))
    return writers
