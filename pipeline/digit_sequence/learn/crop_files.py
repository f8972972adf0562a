"""The files of a user's crops, and the labels that some have.

::

    FOLDER/
      any/name.png ...     PNG, JPEG, TIFF or BMP
      labels.csv           file,number: the file as it is called in FOLDER, its digits
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from digit_sequence.base.documents import read_table
from digit_sequence.base.errors import ConfigError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
MAX_DIGITS = 1000
"""Of a label."""
SHOWN = 3
"""Names in a message."""


def list_crops(places: Sequence[Path]) -> tuple[dict[str, Path], list[str]]:
    """Return the images that files and folders hold, by name, and the other files of the folders.

    Images of a folder, and of those in it, are named as they are called in it, in order of names.

    Raises
    ------
    ConfigError
        If there are none, if a place is not there, or if two have one name.
    """
    crops: dict[str, Path] = {}
    others: list[str] = []
    for place in places:
        for name, path in _list_place(place):
            if path != place and path.suffix.lower() not in IMAGE_SUFFIXES:
                others.append(name)
            elif name in crops:
                raise ConfigError(
                    f"{path}: expected images of different names, got {name} twice; name the "
                    "folder that holds both"
                )
            else:
                crops[name] = path
    if not crops:
        raise ConfigError(
            f"{', '.join(map(str, places[:SHOWN]))}: expected images ({' '.join(IMAGE_SUFFIXES)}), "
            f"got {'a folder without any' if not others else 'none of them: ' + show(others)}"
        )
    return crops, others


def _list_place(place: Path) -> Iterator[tuple[str, Path]]:
    if not place.is_dir():
        if not place.exists():
            raise ConfigError(
                f"{place}: expected an image or a folder of images, got nothing there"
            )
        yield place.name, place
        return

    def refuse(error: OSError) -> None:
        raise ConfigError(f"{error.filename}: cannot be listed: {error.strerror}") from error

    for folder, folders, names in os.walk(place, onerror=refuse):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            yield path.relative_to(place).as_posix(), path


def read_labels(path: Path) -> dict[str, str]:
    """Read a CSV file with the columns file and number, and any others; return number by file.

    Raises
    ------
    ConfigError
        If it is no such file, naming the line.
    """
    rows = csv.DictReader(io.StringIO(read_table(path), newline=""))
    labels: dict[str, str] = {}
    try:
        names = list(rows.fieldnames or ())
        if not {"file", "number"} <= set(names):
            got = ",".join(names)[:80]
            raise ConfigError(f"{path}: line 1: expected the columns file and number, got {got!r}")
        for row in rows:
            _add_label(
                labels, row["file"] or "", row["number"] or "", f"{path}: line {rows.line_num}"
            )
    except csv.Error as error:
        raise ConfigError(f"{path}: line {rows.line_num}: expected a CSV file: {error}") from error
    if not labels:
        raise ConfigError(f"{path}: expected a label at least, got none")
    return labels


def _add_label(labels: dict[str, str], file: str, number: str, where: str) -> None:
    if not (number.isascii() and number.isdigit() and len(number) <= MAX_DIGITS):
        raise ConfigError(f"{where}: number: expected the digits 0 to 9 alone, got {number[:80]!r}")
    if file in labels:
        raise ConfigError(f"{where}: file: expected each file once, got {file[:80]!r} again")
    labels[file] = number


def check_labels(path: Path, labels: Mapping[str, str], names: Mapping[str, Path]) -> None:
    """Refuse labels of files that are not there, and images without a label.

    Raises
    ------
    ConfigError
        Naming some of them.
    """
    if lost := [name for name in labels if name not in names]:
        raise ConfigError(f"{path}: {len(lost):,} files of its labels are not there: {show(lost)}")
    if bare := [name for name in names if name not in labels]:
        raise ConfigError(f"{path}: expected a label for each image, got none for {show(bare)}")


def show(names: Sequence[str]) -> str:
    """Return some names, and how many more there are.

    >>> show(["a", "b", "c", "d"])
    'a, b, c and 1 more'
    """
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(name[:80] for name in names[:SHOWN]) + more
