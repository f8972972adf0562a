"""Sidecars: what stands beside an image in a tar, for those who read nothing but the tar.

=====  =====  ============================================================
brief  .json  what training reads: key, number and boxes of the label row
full   .json  the whole label row, with the place of the image at its end
text   .txt   the number alone
=====  =====  ============================================================

A tar counts in blocks of 512 bytes, so `text` takes as much room as `brief` up to some eight
digits. JSON has the bytes that `json.dumps` makes without spaces; it is written column by column,
by the string functions of Arrow, in a tenth of the time. Its keys are fixed, and nothing in it is
null or an empty list, since Hugging Face takes types from the first few samples.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod

import pyarrow as pa
import pyarrow.compute as pc

from digit_sequence.base.arrays import make_array
from digit_sequence.base.registry import Registry
from digit_sequence.containers.container import PLACES, Row

_ESCAPED = r"[^ !#-\[\]-~]"
"""Characters that JSON in ASCII does not hold as they are."""
_SMALL = make_array([str(number) for number in range(1000)], pa.string())
"""Taking texts is three times as fast as writing numbers."""


class Sidecar(ABC):
    """One kind of what stands beside an image."""

    name: str
    """In the config, as `output.sidecar`."""
    extension: str
    fault: str
    """What is said of one that is another than `is_of` expects."""

    @abstractmethod
    def encode(self, rows: pa.Table) -> list[bytes]:
        """Return what stands beside each image.

        Parameters
        ----------
        rows : pyarrow.Table
            Whole label rows, but that each offset is 0.
        """

    def place(self, content: bytes, offset: int) -> bytes:  # noqa: ARG002
        """Return what stands beside an image, the offset of the image filled in."""
        return content

    @abstractmethod
    def is_of(self, content: bytes, row: Row) -> bool:
        """Return whether a sidecar is that of a row."""


class _Json(Sidecar):
    """Columns of the label row, as a JSON object."""

    extension = ".json"
    fault = "its JSON is not its row"

    def __init__(self, name: str, columns: tuple[str, ...] = ()) -> None:
        self.name = name
        self.columns = columns
        """Which; none named: all."""

    def encode(self, rows: pa.Table) -> list[bytes]:
        places = [field.name for field in PLACES]
        others = [name for name in rows.column_names if name not in places]
        columns = rows.select(self.columns or [*others, *places])
        texts = encode_json(columns.to_struct_array().combine_chunks())
        encoded: list[bytes] = texts.cast(pa.binary()).to_pylist()
        return encoded

    def place(self, content: bytes, offset: int) -> bytes:
        if self.columns:
            return content
        head, name, tail = content.rpartition(b'"offset":')  # only the size stands behind it
        return b"%b%b%d%b" % (head, name, offset, tail[1:])

    def is_of(self, content: bytes, row: Row) -> bool:
        expected = {name: row[name] for name in self.columns or row}
        return bool(json.loads(content) == expected)


class _Text(Sidecar):
    """The number alone."""

    name = "text"
    extension = ".txt"
    fault = "its text is not its number"

    def encode(self, rows: pa.Table) -> list[bytes]:
        return [number.encode() for number in rows["number"].to_pylist()]

    def is_of(self, content: bytes, row: Row) -> bool:
        return bool(content.decode() == row["number"])


BRIEF = "brief"
SIDECARS: Registry[Sidecar] = Registry(
    "output.sidecar",
    "digit_sequence.sidecars",
    _Json(BRIEF, ("key", "number", "boxes")),
    _Json("full"),
    _Text(),
)


def encode_json(values: pa.Array) -> pa.Array:
    """Return the JSON text of each value, as ``json.dumps(value, separators=(",", ":"))`` has it.

    Parameters
    ----------
    values : pyarrow.Array
        Without nulls: strings, booleans, integers, finite fractions, and lists and structures of
        these.

    Examples
    --------
    >>> encode_json(pa.array([[{"digit": 7, "share": 0.5}], []])).to_pylist()
    ['[{"digit":7,"share":0.5}]', '[]']
    """
    kind = values.type
    if pa.types.is_struct(kind):
        names = [f'{"," if i else "{"}"{field.name}":' for i, field in enumerate(kind)]
        texts = [encode_json(column) for column in values.flatten()]
        parts = [part for pair in zip(names, texts, strict=True) for part in pair]
        return pc.binary_join_element_wise(*parts, "}", "")
    if pa.types.is_list(kind):
        bounds = pc.subtract(values.offsets, values.offsets[0])
        texts = pa.ListArray.from_arrays(bounds, encode_json(values.flatten()))
        return pc.binary_join_element_wise("[", pc.binary_join(texts, ","), "]", "")
    if pa.types.is_string(kind):
        if pc.any(pc.match_substring_regex(values, _ESCAPED)).as_py():
            return make_array(list(map(json.dumps, values.to_pylist())), kind)
        return pc.binary_join_element_wise('"', values, '"', "")
    if pa.types.is_floating(kind):  # many of them are the same, since they have few decimals
        distinct = values.dictionary_encode()
        texts = make_array(list(map(json.dumps, distinct.dictionary.to_pylist())), pa.string())
        return texts.take(distinct.indices)
    return _SMALL.take(values) if _are_small(values) else values.cast(pa.string())


def _are_small(values: pa.Array) -> bool:
    if not pa.types.is_integer(values.type) or not len(values):
        return False
    least, most = pc.min_max(values).as_py().values()
    return bool(least >= 0 and most < len(_SMALL))
