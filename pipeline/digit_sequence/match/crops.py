"""Real crops: a folder of images, with or without labels, as arrays of one height."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.blocks import shorten
from digit_sequence.base.characters import count_inked, drop_signs
from digit_sequence.base.documents import check_row, read_text
from digit_sequence.base.errors import ConfigError, SourceError
from digit_sequence.base.text import list_first
from digit_sequence.numbers.number import check_number
from digit_sequence.sources.image_files import is_image_file, read_grey

MIN_CROPS = 8
"""Of fewer no range can be told."""
HEIGHTS = (24, 64)
"""Rows of a canvas, at least and at most, unless the user names them."""
COLUMNS = {"file", "number"}
"""Those that a file of labels has at least."""
NAMES = "names"
"""In place of a file of labels: each file's name begins with its number."""


@dataclass(frozen=True)
class Crop:
    """One line of digits."""

    name: str
    image: NDArray[np.float64]
    """(H, W) grey, 0 to 255."""
    number: str | None = None
    boxes: NDArray[np.float64] | None = None
    """(D, 4) top, left, bottom, right of each character but the space."""


@dataclass(frozen=True)
class Label:
    """What a row of a file of labels says."""

    where: str
    number: str
    boxes: NDArray[np.float64] | None


def read_crops(
    folder: Path, labels: str | None = None, height: int | None = None
) -> tuple[list[Crop], list[str]]:
    """Read all images of a folder, scaled to one height.

    Parameters
    ----------
    folder : Path
        Of image files.
    labels : str, optional
        A CSV file with the columns file, number and maybe boxes (left, top, width and height of
        each character in pixels, "2 13 25 29;31 13 19 25"); or "names". Signs are not measured.
    height : int, optional
        Rows; by default the median of the images', within `HEIGHTS`.

    Returns
    -------
    crops : list of Crop
        By name.
    notes : list of str
        What of the folder is no image.

    Raises
    ------
    SourceError
        If there are fewer than `MIN_CROPS` images, or one cannot be read.
    ConfigError
        If labels are not sound, or do not fit the images.
    """
    paths, others = list_crops(folder)
    rows = _find_labels(paths, labels)
    images = _read_images(paths)
    rows_high = height or int(np.clip(np.median([len(it) for it in images]), *HEIGHTS))
    crops = [
        _scale(path.name, image, rows.get(path.name), rows_high)
        for path, image in zip(paths, images, strict=True)
    ]
    return crops, _list_notes(folder, others, labels)


def _list_notes(folder: Path, others: Sequence[str], labels: str | None) -> list[str]:
    """Say what else a folder holds, and what of it could be labels."""
    names = [name for name in others if labels is None or folder / name != Path(labels)]
    notes = [f"{folder}: left out, for it is no image: {_name_some(names)}"] if names else []
    if labels is None and (tables := [it for it in names if _is_label_file(folder / it)]):
        notes.append(
            f"{folder / tables[0]} has labels: give --labels {folder / tables[0]} to use them"
        )
    return notes


def list_crops(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the images of a folder, and the names of what else it holds, without reading them.

    Raises
    ------
    SourceError
        If it is no folder, or has fewer than `MIN_CROPS` images.
    """
    if not folder.is_dir():
        raise SourceError(f"{folder}: expected a folder of images, got none")
    found = sorted(folder.iterdir())
    paths = [path for path in found if path.is_file() and is_image_file(path)]
    if len(paths) < MIN_CROPS:
        raise SourceError(
            f"{folder}: expected at least {MIN_CROPS} images of numbers, got {len(paths)}"
        )
    images = {*paths}
    return paths, [path.name for path in found if path not in images]


def _name_some(names: Sequence[str]) -> str:
    return ", ".join(shorten(name, 60) for name in names[:3]) + ", ..." * (len(names) > 3)


def _read_images(paths: Sequence[Path]) -> list[NDArray[np.float64]]:
    """Read images as grey from 0 to 255; name all that cannot be read."""
    images, broken = [], []
    for path in paths:
        try:
            images.append(read_grey(path, "auto")[0] * 255)
        except SourceError as error:
            broken.append(str(error))
    if broken:
        raise SourceError(
            f"{len(broken):,} of {len(paths):,} images cannot be read:\n{list_first(broken)}"
        )
    return images


def _scale(name: str, image: NDArray[np.float64], label: Label | None, height: int) -> Crop:
    from skimage.transform import resize

    if min(image.shape) < 8:
        rows, columns = image.shape
        raise SourceError(f"{name}: expected 8 rows and columns at least, got {rows} x {columns}")
    boxes = None if label is None else label.boxes
    if label is not None and boxes is not None:
        is_inside = (boxes >= 0).all() and (boxes[:, 2:] <= np.array(image.shape) + 1).all()
        if not is_inside:
            rows, columns = image.shape
            raise ConfigError(
                f"{label.where}: boxes: expected boxes within the {rows} x {columns} pixels of "
                f"{name}"
            )
    scale = height / len(image)
    if len(image) != height:
        shape = (height, max(8, round(image.shape[1] * scale)))
        image = resize(image, shape, mode="edge", anti_aliasing=scale < 1)
    return Crop(
        name,
        image,
        None if label is None else label.number,
        None if boxes is None else boxes * scale,
    )


def _find_labels(paths: Sequence[Path], labels: str | None) -> dict[str, Label]:
    """Return the label of each file: all have one, or none."""
    if labels is None:
        return {}
    if labels == NAMES:
        return {path.name: _parse_name(path) for path in paths}
    rows = _read_labels(Path(labels))
    names = {path.name for path in paths}
    lacking = [path.name for path in paths if path.name not in rows]
    unknown = [label.where for name, label in rows.items() if name not in names]
    if lacking:
        raise ConfigError(
            f"{labels}: expected a row for each image, got none for {len(lacking)}: "
            f"{_name_some(lacking)}"
        )
    if unknown:
        raise ConfigError(f"{unknown[0]}: expected the name of an image in {paths[0].parent}")
    return rows


def _parse_name(path: Path) -> Label:
    match = re.match(r"([0-9]+)(?![0-9A-Za-z])", path.name)
    if match is None:
        raise ConfigError(
            f"{path}: expected a name that begins with its number, like 4071_2.png; "
            "or give a file of labels"
        )
    _check_number(str(path), match[1])
    return Label(str(path), match[1], None)


def _is_label_file(path: Path) -> bool:
    """Tell whether it is a CSV file with the columns of labels."""
    try:
        is_table = path.suffix.lower() == ".csv" and path.is_file()
        header = next(csv.reader(io.StringIO(read_text(path), newline="")), []) if is_table else []
    except (ConfigError, csv.Error):  # who names it is told
        return False
    return {*header} >= COLUMNS


def _read_labels(path: Path) -> dict[str, Label]:
    """Read a CSV file of labels by the name of the image."""
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    rows: dict[str, Label] = {}
    try:
        columns = reader.fieldnames or []
        if not set(columns) >= COLUMNS:
            raise ConfigError(
                f"{path}: expected the columns file, number and maybe boxes, "
                f"got {shorten(', '.join(columns))}"
            )
        for row in reader:
            where = f"{path}: line {reader.line_num}"
            check_row(where, row)
            name, number = (row["file"] or "").strip(), (row["number"] or "").strip()
            if name in rows:
                raise ConfigError(f"{where}: expected one row for {shorten(name)}, got another")
            _check_number(where, number)
            rows[name] = Label(where, number, _parse_boxes(where, number, row.get("boxes") or ""))
    except csv.Error as error:
        raise ConfigError(
            f"{path}: line {reader.line_num}: expected a CSV file: {error}"
        ) from error
    if len({row.boxes is None for row in rows.values()}) > 1:
        raise ConfigError(f"{path}: boxes: expected them in all rows or in none")
    return rows


def _check_number(where: str, number: str) -> None:
    """Raise a `ConfigError` if a label is none that a build could have."""
    try:
        check_number(number)
    except ValueError as error:
        raise ConfigError(f"{where}: number: {error}") from None
    if not drop_signs(number):
        raise ConfigError(f"{where}: number: expected a digit or a letter, got {shorten(number)}")


def _parse_boxes(where: str, number: str, text: str) -> NDArray[np.float64] | None:
    """Return boxes (D, 4) top, left, bottom, right of "left top width height;..."."""
    if not text.strip():
        return None
    try:
        boxes = np.array([[float(word) for word in box.split()] for box in text.split(";")])
        left, top, width, height = boxes.T
    except ValueError:
        raise ConfigError(
            f'{where}: boxes: expected "left top width height;...", got {shorten(text)}'
        ) from None
    if (
        len(boxes) != count_inked(number)
        or not (boxes[:, 2:] > 0).all()
        or not (abs(boxes) < 1e6).all()
    ):
        raise ConfigError(
            f"{where}: boxes: expected one with a width and a height for each character of "
            f"{number}, got {shorten(text)}"
        )
    return np.stack([top, left, top + height, left + width], 1)
