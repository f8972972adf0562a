"""What an export format is: files of each shard, and index files made of entries of all shards.

A format is one module of this package with one `Format`, and a line in the registry; a package of
its own adds one by an entry point in the group ``digit_sequence.exports``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digit_sequence.base.characters import CHARACTERS

if TYPE_CHECKING:  # for types alone: help lists the formats
    from digit_sequence.read.dataset import Dataset

Row = Mapping[str, Any]
BOX_COLUMNS = ("key", "number", "ordinal", "height", "width", "boxes")
"""Label columns that formats with boxes need."""
MASKS, POLYGONS = "masks", "polygons"
"""Columns that a dataset has on request."""


@dataclass(frozen=True)
class Piece:
    """The samples of one shard, to be exported."""

    split: str
    name: str
    """Of the shard."""
    index: int
    """Of the shard in its split."""
    rows: list[dict[str, Any]]
    """Label rows with the columns of the format."""
    images: list[bytes]
    """Encoded."""
    extension: str
    """Of the images: .png or .jpg."""
    classes: str
    """The characters that boxes may be of, in the order of the dataset's alphabet."""

    def image_name(self, row: Row) -> str:
        """Return the file name of a sample's image."""
        return f"{row['key']}{self.extension}"

    def find_class(self, box: Mapping[str, int]) -> int:
        """Return the place of a box's character in `classes`: of a digit the digit."""
        return self.classes.index(CHARACTERS[box["digit"]])


@dataclass(frozen=True)
class Index:
    """A file about all samples of a split: fixed texts, and between them entries of each sample."""

    path: str
    """In the export; ``{split}`` is the split."""
    sections: tuple[Callable[[Piece], list[str]], ...]
    """The entries of a shard, for each place between two texts."""
    texts: tuple[str, ...] = ("", "")
    """One more than there are sections; ``{classes}`` in the first is what `list_classes` makes."""
    separator: str = ""
    """Between two entries."""
    list_classes: Callable[[str], str] | None = None
    """Returns a text about the classes of a dataset, see `Piece.classes`."""


def put_images(folder: str) -> Callable[[Piece], dict[str, bytes]]:
    """Return what puts the images of a shard into a folder; ``{split}`` in it is the split."""

    def make_files(piece: Piece) -> dict[str, bytes]:
        root = folder.format(split=piece.split)
        names = [f"{root}/{piece.image_name(row)}" for row in piece.rows]
        return dict(zip(names, piece.images, strict=True))

    return make_files


def list_entries(make_entry: Callable[[Piece, Row], str]) -> Callable[[Piece], list[str]]:
    """Return what makes an entry of each sample."""
    return lambda piece: [make_entry(piece, row) for row in piece.rows]


def no_extras(_dataset: Dataset) -> dict[str, str]:
    """Return no further files."""
    return {}


@dataclass(frozen=True)
class Format:
    """One export format; its module shows the layout of its files."""

    name: str
    """On the command line, as ``--to``."""
    readers: str
    """Who reads it."""
    writes: str
    """Which files it has, in Markdown, for the table of formats in the README."""
    make_files: Callable[[Piece], dict[str, bytes]] | None = None
    """Returns the files of a shard, by path in the export."""
    write_piece: Callable[[Piece, Path], None] | None = None
    """Instead of `make_files`, for files of a whole split: puts a shard into them, in the folder of
    the split. Shards come one after another; one that was cut off comes again."""
    indexes: tuple[Index, ...] = ()
    make_extras: Callable[[Dataset], dict[str, str]] = no_extras
    """Returns further files, by path in the export."""
    columns: tuple[str, ...] = ("key", "number", "ordinal")
    """Label columns that it needs."""
    optional: tuple[str, ...] = ()
    """Label columns that it takes as well where a dataset has them."""
    max_digits: int | None = None
    """Readers leave out longer numbers unless they are told otherwise."""
    takes: str = CHARACTERS
    """Characters that readers take."""
    images: tuple[str, ...] = ("png", "jpeg")
    """Image formats that readers take; others are encoded anew as the first of these."""
    package: str | None = None
    """What writing it needs: the name of an extra and of its package."""
    note: str = ""
    """What a user must know."""
