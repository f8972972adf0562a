"""Members of a tar file, images and label rows, written by compiled loops.

The bytes are those that `tarfile` and `json` make. The columns of the rows become a table of
numbers and a table of text; a fraction becomes the whole number of its last decimal, whose digits
are then the shortest that give the fraction back.
"""

from __future__ import annotations

import tarfile
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from digit_sequence.store import tar_kernels as kernels
from digit_sequence.store.containers import Buffer
from digit_sequence.store.labels import BOX, repeat_text

_PLACES = ("offset", "size")
_NUMBER_BYTES = 21
"""Characters of a number and what stands before it in a list, at most."""


class _Columns:
    """The columns of label rows, sorted by kind; `labels` is the JSON between the values."""

    def __init__(self, rows: pa.Table, path: str, sizes: NDArray[np.int64]) -> None:
        self.rows = rows.combine_chunks()
        self.path = path
        self.starts = _to_integers(self._chunk("glyph_ids").offsets)
        self.labels = b""
        self.text: list[pa.Array] = []
        # The first column of numbers is the offset, which is known when a member is written.
        self.numbers = [np.zeros(len(rows), np.int64), sizes]
        self.lists: list[NDArray[np.int64]] = []
        places = [pa.field("file", pa.string()), *(pa.field(name, pa.int64()) for name in _PLACES)]
        fields = [*rows.schema, *places]
        self.table = np.zeros(len(fields), kernels.COLUMN)
        opening = "{"
        for column, field in zip(self.table, fields, strict=True):
            is_text = pa.types.is_string(field.type)
            label = f'{opening}"{field.name}":' + ('"' if is_text else "")
            column["label"] = len(self.labels), len(self.labels) + len(label)
            self.labels += label.encode()
            column["kind"], column["place"] = self._add(field)
            opening = '",' if is_text else ","
        assert opening == ","  # the last column is no text: its quotation mark would be missing

    def _chunk(self, name: str) -> Any:
        return self.rows[name].chunk(0)

    def _add(self, field: pa.Field) -> tuple[int, int]:
        """Add a column; return its kind and its place among those of that kind."""
        if field.name in _PLACES:
            return kernels.INTEGER, _PLACES.index(field.name)
        if field.name == "file":
            return self._add_text(repeat_text(self.path, len(self.rows)))
        chunk = self._chunk(field.name)
        if pa.types.is_boolean(field.type) or pa.types.is_string(field.type):
            return self._add_text(chunk.cast(pa.string()))
        if pa.types.is_list(field.type):
            return self._add_list(chunk.values)
        self.numbers.append(_to_integers(chunk))
        kind = kernels.DECIMAL if pa.types.is_floating(field.type) else kernels.INTEGER
        return kind, len(self.numbers) - 1

    def _add_list(self, values: pa.Array) -> tuple[int, int]:
        place = len(self.lists)
        if values.type == BOX:
            self.lists += map(_to_integers, values.flatten())
            return kernels.BOXES, place
        self.lists.append(_to_integers(values))
        kind = kernels.DECIMALS if pa.types.is_floating(values.type) else kernels.INTEGERS
        return kind, place

    def _add_text(self, strings: pa.Array) -> tuple[int, int]:
        self.text.append(strings)
        return kernels.TEXT, len(self.text) - 1

    def join_text(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return all text columns one after another, and the bounds (T, B + 1) of their values."""
        parts, bounds, begin = [], [], 0
        for strings in self.text:
            offsets = np.frombuffer(strings.buffers()[1], np.int32)[: len(strings) + 1]
            parts.append(np.frombuffer(strings.buffers()[2], np.uint8)[: offsets[-1]])
            bounds.append(offsets.astype(np.int64) + begin)
            begin += len(parts[-1])
        return np.concatenate(parts), np.stack(bounds)


def _to_integers(values: pa.Array) -> NDArray[np.int64]:
    """Return numbers as whole ones: fractions as multiples of their last decimal."""
    # Not through to_numpy, which imports pandas.
    array = np.frombuffer(values.buffers()[1], values.type.to_pandas_dtype())
    array = array[values.offset : values.offset + len(values)]
    if not pa.types.is_floating(values.type):
        return array.astype(np.int64)
    whole: NDArray[np.float64] = np.rint(array * kernels.UNIT)
    assert (whole / kernels.UNIT == array).all()
    return whole.astype(np.int64)


def write_members(
    rows: pa.Table, images: list[bytes], extension: str, path: str, target: Buffer
) -> list[int]:
    """Append images and their rows as members of a tar file; return the offsets of the images.

    Parameters
    ----------
    rows : pyarrow.Table
        Label rows, all columns but those of their place.
    images : list of bytes
        Encoded.
    extension : str
        Of the images.
    path : str
        Of the tar file in the dataset.
    target : Buffer
        Its content so far.
    """
    sizes = np.array(list(map(len, images)), np.int64)
    columns = _Columns(rows, path, sizes)
    text, text_bounds = columns.join_text()
    box_labels = [f'{"," if i else "{"}"{field.name}":' for i, field in enumerate(BOX)]
    box_bounds = len(columns.labels) + np.cumsum([0, *map(len, box_labels)])
    labels = columns.labels + "".join(box_labels).encode()
    numbers, lists = np.stack(columns.numbers), np.stack(columns.lists)
    extensions = np.zeros((2, 5), np.uint8)
    for row, name in zip(extensions, (extension, ".json"), strict=True):
        row[: len(name)] = list(name.encode())
    header = np.frombuffer(tarfile.TarInfo().tobuf(tarfile.USTAR_FORMAT), np.uint8).copy()
    header[148:156] = ord(" ")  # the checksum, which counts as blanks
    room = len(images) * (4 * tarfile.BLOCKSIZE + len(labels) + _NUMBER_BYTES * len(numbers))
    room += lists.shape[1] * (_NUMBER_BYTES * len(lists) + len(labels) - len(columns.labels) + 2)
    target.size += kernels.write_members(
        columns.table,
        np.frombuffer(labels, np.uint8),
        box_bounds,
        text,
        text_bounds,
        numbers,
        lists,
        columns.starts,
        np.frombuffer(b"".join(images), np.uint8),
        sizes,
        extensions,
        header,
        target.size,
        target.reserve(room + len(text) + int(sizes.sum()), len(images)),
    )
    offsets: list[int] = numbers[0].tolist()
    return offsets
