"""What a container is: how the encoded images of a shard become files, and are checked.

A container is one module of this package with one subclass of `Container`, and a line in the
registry; a package of its own adds one by an entry point in the group ``digit_sequence.containers``
that names an instance.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pyarrow as pa

from digit_sequence.base.arrays import make_array, repeat_text
from digit_sequence.base.digests import hash_contents

Batch = tuple[pa.Table, list[bytes]]
"""Label rows, all columns but those of their place, and the encoded images."""
Row = Mapping[str, Any]
"""A whole label row."""
PLACES = tuple(
    pa.field(name, kind, nullable=False)
    for name, kind in (("file", pa.string()), ("offset", pa.int64()), ("size", pa.int64()))
)
"""Label columns that only packing a shard can tell; they stand behind the column `row`."""


@dataclass(frozen=True)
class Target:
    """The shard that samples are packed into."""

    split: str
    name: str
    """Of the shard."""
    n_samples: int
    extension: str
    """Of the encoded images: .png or .jpg."""
    sidecar: str
    """What stands beside each image, in containers that have such: see `sidecars`."""


@dataclass(frozen=True)
class Packed:
    """A shard ready to be written."""

    files: Mapping[str, bytes | memoryview]
    """By path in the dataset."""
    rows: pa.Table
    """Label rows, places filled in."""

    @property
    def n_bytes(self) -> int:
        """Bytes of all its files."""
        return sum(map(len, self.files.values()))

    @property
    def sha256(self) -> str:
        """Digest of its files, one after another."""
        return hash_contents(self.files.values())


@dataclass(frozen=True)
class SampleFiles:
    """Where the samples are in the files of a container, in the words of Croissant."""

    includes: str
    """Glob of the files with images, members of archives perhaps; ``{}`` is the extension of an
    image."""
    fields: Mapping[str, Mapping[str, Any]]
    """Where each field of a sample is in them: ``extract`` and ``transform`` of a Croissant source;
    the same texts take the extension, too."""
    media_type: str | None = None
    """Of the files with images; None: that of an image."""
    archive_type: str | None = None
    """Media type of the files that these are members of."""
    joined: str | None = None
    """The field that is a label column as well, by which a sample gets what its file lacks."""


class Container(ABC):
    """How the images of a shard become files.

    A shard is one file, in which images lie whole at offsets, or each image is a file of its own.
    """

    name: str
    """In the config, as `output.container`."""
    suffix: str
    """Of the file of a shard: what `paths` and `pattern` are made with."""
    has_file_per_image: bool = False
    copies: int = 1
    """How many times a shard is in memory while it is packed, at most."""
    sample_files: SampleFiles | None = None
    """None: Croissant has no words for them."""
    sidecars: Collection[str] = ()
    """What may stand beside an image; where nothing does, none."""

    @property
    def pattern(self) -> str:
        """Glob of the image files of a split, for Hugging Face; ``{}`` is the split."""
        return f"images/{{}}/*.{self.suffix}"

    def paths(
        self,
        target: Target,
        identities: Iterable[tuple[str, int]],  # noqa: ARG002
    ) -> list[str]:
        """Return the paths of a shard's files in the dataset, in the order of its rows.

        Parameters
        ----------
        target : Target
        identities : iterable of (str, int)
            Number and sample index of each sample; not computed unless it is iterated over.
        """
        return [f"images/{target.split}/{target.name}.{self.suffix}"]

    @abstractmethod
    def pack(self, target: Target, batches: Iterable[Batch]) -> Packed:
        """Return the files of a shard, and its label rows with the place of each image."""

    @abstractmethod
    def walk(
        self, target: Target, rows: Sequence[Row], files: Mapping[str, bytes]
    ) -> Iterator[str]:
        """Yield what is wrong with the structure of a shard's files, as the rows describe it.

        Whatever it raises tells that the structure cannot be walked. Images are decoded by others.
        """


def place_rows(
    rows: pa.Table, files: str | Sequence[str], offsets: Sequence[int], images: Sequence[bytes]
) -> pa.Table:
    """Return label rows with where each image is, in one chunk.

    Parameters
    ----------
    rows : pyarrow.Table
        All columns but `PLACES`.
    files : str or sequence of str
        Path of the file with all images, or of the file of each.
    offsets : sequence of int
        Of each image in its file.
    images : sequence of bytes
        Encoded.
    """
    if isinstance(files, str):
        paths = repeat_text(files, len(rows))
    else:
        paths = make_array(files, pa.string())
    sizes = list(map(len, images))
    rows = rows.combine_chunks()
    behind = rows.schema.get_field_index("row") + 1
    arrays, fields = rows.columns, list(rows.schema)
    arrays[behind:behind] = [paths, make_array(offsets, pa.int64()), make_array(sizes, pa.int64())]
    fields[behind:behind] = PLACES
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def set_offsets(rows: pa.Table, offsets: Sequence[int]) -> pa.Table:
    """Return label rows that have their places with other offsets."""
    column = rows.schema.get_field_index("offset")
    return rows.set_column(column, rows.schema.field(column), make_array(offsets, pa.int64()))


def join_batches(batches: Iterable[Batch]) -> Batch:
    """Return all rows in one chunk, and all images."""
    tables, images = zip(*batches, strict=True)
    return pa.concat_tables(tables).combine_chunks(), list(chain(*images))
