"""QMNIST: the digits of MNIST made anew from their forms, with 50,000 more for test.

Labels, plain or gzipped, are in either form of its publishers (Yadav and Bottou, "Cold Case: the
Lost MNIST Digits", 2019), of which the digit and the writer are read:

=========  ==================================================================
name ends  content
=========  ==================================================================
idx2-int   IDX of big-endian int32, (N, 8): digit, series, writer, and others
tsv        the same as text, a row each
=========  ==================================================================
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import InputPath
from digit_sequence.base.errors import SourceError
from digit_sequence.sources.emnist import find_file
from digit_sequence.sources.idx import read_images
from digit_sequence.sources.idx_format import MAX_GLYPHS, read_plain
from digit_sequence.sources.ink import Appearance
from digit_sequence.sources.mnist import QMNIST_ATTRIBUTION
from digit_sequence.sources.source import RawGlyphs, Source, SourceBlock, join_glyphs
from digit_sequence.sources.tables import make_glyphs

_MAGIC = 0x00000C02
_COLUMNS = 8
_WRITER = 2
"""Its column."""
_MOST = 2**31 - 1
"""Writers are int32."""
_ROW_BYTES = 200
"""Of a row of text, at most."""


class QmnistSettings(SourceBlock):
    """QMNIST: test digits come from its 60,000 for test only, ten thousand of which are t10k's."""

    name: Literal["qmnist"]
    """QMNIST, from its own files."""
    path: InputPath
    """Folder of qmnist-train-images-idx3-ubyte, qmnist-train-labels-idx2-int (or .tsv), and the
    same of test, gzipped or not."""
    val_fraction: float = Field(0.1, ge=0, lt=1)
    """Share of the training digits, per class, held out for val."""


class Qmnist(Source):
    """QMNIST: part 1 is its test files."""

    Settings = QmnistSettings
    settings: QmnistSettings
    attribution = QMNIST_ATTRIBUTION

    @property
    def has_writers(self) -> bool:
        """Say yes: its label files name them."""
        return True

    def list_files(self) -> list[Path]:
        """List images and labels of train, then of test."""
        folder, files = Path(self.settings.path), []
        for part in ("train", "test"):
            files.append(find_file(folder, f"qmnist-{part}-images-idx3-ubyte"))
            try:
                files.append(find_file(folder, f"qmnist-{part}-labels-idx2-int"))
            except SourceError:
                files.append(find_file(folder, f"qmnist-{part}-labels.tsv"))
        return files

    def read(self, files: Sequence[Path]) -> RawGlyphs:
        """Read train, then test."""
        train, test = (_read_pair(files[2 * part], files[2 * part + 1], part) for part in (0, 1))
        try:
            return join_glyphs(train, test)
        except ValueError as error:
            raise SourceError(f"{files[2]}: {error} in {files[0]}; see source.path") from error


def _read_pair(images: Path, labels: Path, part: int) -> RawGlyphs:
    pixels = read_images(images)
    is_text = ".tsv" in labels.name
    n_bytes = len(pixels) * (_ROW_BYTES if is_text else 4 * _COLUMNS) + 13
    content = bytes(read_plain(labels, n_bytes, labels))
    rows = (_parse_text if is_text else _parse_idx)(content, labels)
    glyphs = make_glyphs(pixels, rows[:, 0], part, Appearance(), labels)
    if rows[:, 1].min() < 0 or rows[:, 1].max() > _MOST:
        raise SourceError(f"{labels}: expected writers of 0 to {_MOST:,}, got others")
    return replace(glyphs, writers=rows[:, 1].astype(np.int32))


def _parse_idx(content: bytes, where: Path) -> NDArray[np.int64]:
    header = struct.unpack_from(">3I", content) if len(content) >= 12 else (0, 0, 0)
    if header[0] != _MAGIC or header[2] != _COLUMNS or header[1] > MAX_GLYPHS:
        raise SourceError(
            f"{where}: expected IDX of int32 with {_COLUMNS} columns (0x{_MAGIC:08x}), got "
            f"0x{header[0]:08x}, {header[1]:,} x {header[2]:,}; see source.path"
        )
    if len(content) != 12 + 4 * header[1] * _COLUMNS:
        raise SourceError(
            f"{where}: expected {header[1]:,} rows of labels, as many as images, got other bytes; "
            "see source.path"
        )
    rows = np.frombuffer(content, ">i4", offset=12).reshape(-1, _COLUMNS)
    return rows[:, [0, _WRITER]].astype(np.int64)


def _parse_text(content: bytes, where: Path) -> NDArray[np.int64]:
    try:
        rows = [line.split() for line in content.splitlines()]
        pairs = [[int(row[0]), int(row[_WRITER])] for row in rows]
        return np.array(pairs, np.int64).reshape(-1, 2)
    except (ValueError, IndexError, OverflowError) as error:
        raise SourceError(f"{where}: expected rows of numbers, got: {error}") from error
