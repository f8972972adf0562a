"""CSV files as Kaggle has MNIST in: a row a digit, its label, then its pixels row by row.

::

    label,pixel0,pixel1,...,pixel783
    7,0,0,...,0

A header is optional; the column `label` may stand anywhere, and is the first without a header.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from pyarrow import csv

from digit_sequence.base.blocks import shorten
from digit_sequence.base.errors import SourceError
from digit_sequence.sources.idx_format import MAX_SIDE, bound_bytes, read_plain
from digit_sequence.sources.source import RawGlyphs
from digit_sequence.sources.tables import Table, TableSettings, make_glyphs

_HEAD_BYTES = 8 * MAX_SIDE * MAX_SIDE
"""Of a line with the most pixels, at least."""
_REMEDY = "expected is a row a digit: its label, then as many pixels as a square has"


class CsvSettings(TableSettings):
    """CSV files of pixels in the form of Kaggle, plain or gzipped: label,pixel0,pixel1, ..."""

    name: Literal["csv"]
    """CSV files of pixels."""


class Csv(Table):
    """CSV files of pixels in the form of Kaggle."""

    Settings = CsvSettings
    settings: CsvSettings

    def read_file(self, path: Path, part: int) -> RawGlyphs:
        """Read a file."""
        names, has_header = _read_names(path)
        side = math.isqrt(len(names) - 1)
        content = read_plain(path, bound_bytes(path.stat().st_size) + 1, path)
        try:
            table = csv.read_csv(
                pa.BufferReader(content),
                csv.ReadOptions(
                    column_names=names, skip_rows=int(has_header), block_size=16 * _HEAD_BYTES
                ),
                convert_options=csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.uint8()), strings_can_be_null=False
                ),
            )
        except pa.ArrowInvalid as error:
            raise SourceError(
                f"{path}: expected whole numbers 0-255 in all columns, got: "
                f"{shorten(str(error), 300)}; {_REMEDY}"
            ) from error
        if not table.num_rows or any(column.null_count for column in table.columns):
            got = "an empty value" if table.num_rows else "no row"
            raise SourceError(f"{path}: expected whole numbers 0-255, got {got}; {_REMEDY}")
        labels = table["label"].to_numpy()
        pixels = np.empty((table.num_rows, side * side), np.uint8)
        for place, name in enumerate(name for name in names if name != "label"):
            pixels[:, place] = table[name].to_numpy()
        return make_glyphs(pixels.reshape(-1, side, side), labels, part, self.settings, path)


def _read_names(path: Path) -> tuple[list[str], bool]:
    """Return the names of the columns, and whether they stand in the file."""
    head = bytes(read_plain(path, _HEAD_BYTES, path))
    fields = head.removeprefix(b"\xef\xbb\xbf").splitlines()[:1] or [b""]
    texts = [field.strip(b" \"'").decode("utf-8", "replace") for field in fields[0].split(b",")]
    has_header = not all(text.isascii() and text.isdigit() for text in texts)
    places = [place for place, text in enumerate(texts) if text.lower() == "label"]
    if has_header and len(places) != 1:
        raise SourceError(
            f"{path}: expected one column label, got {', '.join(map(shorten, texts[:5]))}, ...; "
            "a file without labels, as Kaggle's test.csv, is of no use here"
        )
    n_pixels = len(texts) - 1
    side = math.isqrt(max(n_pixels, 0))
    if side * side != n_pixels or not 1 <= side <= MAX_SIDE:
        raise SourceError(
            f"{path}: expected a label and the pixels of a square, {MAX_SIDE} rows at most, got "
            f"{len(texts):,} columns; {_REMEDY}"
        )
    label = places[0] if has_header else 0
    names = [f"pixel{place}" for place in range(n_pixels)]
    return [*names[:label], "label", *names[label:]], has_header
