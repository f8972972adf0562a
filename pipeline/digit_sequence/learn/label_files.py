"""Labels of a user's crops: a table, an export of this program, or one of its datasets.

===================  ============================================================================
labels               what they are
===================  ============================================================================
``labels.csv``       columns file and number; or filename and words (EasyOCR), file_name and text
``labels.jsonl``     file_name or filename, and text, in each line (ImageFolder, MMOCR)
``labels.json``      number by file (docTR), or images with file_name and text (COCO)
``labels.txt``       file, a tab, number (PaddleOCR); else as CSV
a folder             a dataset, of whose images crops have the keys; or KEY.gt.txt (tesstrain)
===================  ============================================================================

A file may be called as in the folder of crops, or otherwise if its last part is the only one such.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from digit_sequence.base.characters import OTHERS, find_unknown, show_characters
from digit_sequence.base.documents import check_row, parse_json, read_text, take
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.names import MANIFEST_PATH
from digit_sequence.learn.crop_files import show
from digit_sequence.read.dataset import Dataset, open_dataset

MAX_DIGITS = 1000
"""Of a label."""
TRUTH_SUFFIX = ".gt.txt"
"""Of files with the number of one image, beside it."""
COLUMNS = (("file", "number"), ("filename", "words"), ("file_name", "text"), ("filename", "text"))
"""What the columns of a table, or the keys of a line, may be called."""


class Label(NamedTuple):
    """The number of a file."""

    where: str
    """For messages."""
    file: str
    number: str


def read_labels(path: Path, crops: Mapping[str, Path]) -> dict[str, str]:
    """Return the number of each crop.

    Parameters
    ----------
    path : Path
        A file or a folder of labels, see above.
    crops : mapping of str to Path
        From `crop_files.list_crops`.

    Raises
    ------
    ConfigError
        If it is neither, naming the line; if a file of its labels is not there, or a crop has none.
    """
    if path.is_dir():
        return _read_folder(path, crops)
    labels = list(_read_file(path))
    if not labels:
        raise ConfigError(f"{path}: expected a label at least, got none")
    names = [PurePosixPath(name).name for name in crops]
    counts = Counter(names)
    by_last_part = {last: name for last, name in zip(names, crops, strict=True) if counts[last] < 2}
    numbers: dict[str, str] = {}
    for label in labels:
        is_there = label.file in crops
        name = label.file if is_there else by_last_part.get(PurePosixPath(label.file).name)
        _add(numbers, label, label.file if name is None else name)
    if lost := [name for name in numbers if name not in crops]:
        raise ConfigError(f"{path}: {len(lost):,} files of its labels are not there: {show(lost)}")
    if bare := [name for name in crops if name not in numbers]:
        raise ConfigError(f"{path}: expected a label for each image, got none for {show(bare)}")
    return numbers


def is_label_file(name: str, labels: Path | None) -> bool:
    """Tell whether a file that is no image is one of the labels."""
    last = PurePosixPath(name).name
    return labels is not None and (last == labels.name or last.endswith(TRUTH_SUFFIX))


def _add(numbers: dict[str, str], label: Label, name: str) -> None:
    number = label.number
    if not number or find_unknown(number) is not None or len(number) > MAX_DIGITS:
        signs = show_characters(OTHERS)
        raise ConfigError(
            f"{label.where}: number: expected digits 0 to 9 and {signs}, got {number[:80]!r}"
        )
    if name in numbers:
        raise ConfigError(
            f"{label.where}: file: expected each file once, got {label.file[:80]!r} again"
        )
    numbers[name] = number


# -- folders ---------------------------------------------------------------------------------------


def _read_folder(path: Path, crops: Mapping[str, Path]) -> dict[str, str]:
    if (path / MANIFEST_PATH).exists():
        return _read_dataset(path, crops)
    numbers: dict[str, str] = {}
    for name, crop in crops.items():
        beside = [
            path / f"{stem}{TRUTH_SUFFIX}" for stem in (Path(name).with_suffix(""), crop.stem)
        ]
        truth = next((file for file in beside if file.is_file()), None)
        if truth is None:
            raise ConfigError(
                f"{path}: expected {MANIFEST_PATH} of a dataset, or a file *{TRUTH_SUFFIX} for "
                f"each image, got none for {name[:80]}; {MANIFEST_PATH} is of a finished build"
            )
        _add(numbers, Label(str(truth), name, read_text(truth).strip()), name)
    return numbers


def _read_dataset(path: Path, crops: Mapping[str, Path]) -> dict[str, str]:
    numbers = match_dataset(open_dataset(path), path, crops, "number")
    if bare := [name for name in crops if name not in numbers]:
        raise ConfigError(
            f"{path}: expected images called by keys of the dataset, or its own, got {show(bare)}"
        )
    return numbers


def match_dataset(
    dataset: Dataset, path: Path, crops: Mapping[str, Path], column: str
) -> dict[str, Any]:
    """Return what a label column of a dataset says of each crop of its images, by their names.

    Parameters
    ----------
    dataset : Dataset
    path : Path
        Its folder.
    crops : mapping of str to Path
        Files that have the key of a sample, or are files of the dataset.
    column : str
    """
    root = path.resolve()
    keys = {name: crop.stem for name, crop in crops.items()}
    files = {
        name: crop.resolve().relative_to(root).as_posix()
        for name, crop in crops.items()
        if crop.resolve().is_relative_to(root)
    }
    found: dict[str, Any] = {}
    for split in dataset.values():
        for by, wanted in (("key", keys), ("file", files)):
            rows = split.where(**{by: set(wanted.values())}).labels([by, column])
            found |= dict(zip(rows[by].to_pylist(), rows[column].to_pylist(), strict=True))
    values = {name: found.get(keys[name], found.get(files.get(name, ""))) for name in crops}
    return {name: value for name, value in values.items() if value is not None}


# -- files -----------------------------------------------------------------------------------------


def _read_file(path: Path) -> Iterator[Label]:
    text = read_text(path)
    is_list = path.suffix == ".txt" and "\t" in text.partition("\n")[0]
    parse = _parse_list if is_list else PARSERS.get(path.suffix.lower(), _parse_table)
    return parse(str(path), text)


def _parse_table(path: str, text: str) -> Iterator[Label]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    try:
        names = list(rows.fieldnames or ())
        chosen = next((pair for pair in COLUMNS if set(pair) <= set(names)), None)
        if chosen is None:
            got = ",".join(names)[:80]
            raise ConfigError(f"{path}: line 1: expected the columns file and number, got {got!r}")
        for row in rows:
            where = f"{path}: line {rows.line_num}"
            file, number = (row[name] or "" for name in chosen)
            if names == ["filename", "words"]:  # EasyOCR quotes no comma: words are the rest
                number = ",".join([number, *row.get(None, ())])
            else:
                check_row(where, row)
            yield Label(where, file, number)
    except csv.Error as error:
        raise ConfigError(f"{path}: line {rows.line_num}: expected a CSV file: {error}") from error


def _parse_list(path: str, text: str) -> Iterator[Label]:
    for count, line in enumerate(text.splitlines(), start=1):
        file, tab, number = line.partition("\t")
        if not tab:
            raise ConfigError(f"{path}: line {count}: expected a file, a tab and its number")
        yield Label(f"{path}: line {count}", file, number)


def _parse_lines(path: str, text: str) -> Iterator[Label]:
    for count, line in enumerate(text.splitlines(), start=1):
        yield _take_label(f"{path}: line {count}", _parse(f"{path}: line {count}", line))


def _parse_document(path: str, text: str) -> Iterator[Label]:
    document = _parse(path, text)
    if isinstance(document, dict) and isinstance(document.get("images"), list):
        for count, image in enumerate(document["images"]):
            yield _take_label(f"{path}: images.{count}", image)
        return
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: expected an object, the number of each file")
    for file, number in document.items():
        if not isinstance(number, str):
            raise ConfigError(f"{path}: {file[:80]}: expected its number as text")
        yield Label(f"{path}: {file[:80]}", file, number)


def _parse(where: str, text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError as error:
        raise ConfigError(f"{where}: expected JSON: {error}") from error


def _take_label(where: str, line: Any) -> Label:
    keys = line if isinstance(line, dict) else ()
    file, number = next((pair for pair in COLUMNS if set(pair) <= set(keys)), COLUMNS[2])
    try:
        return Label(where, take(line, file, str), take(line, number, str))
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error


PARSERS: dict[str, Callable[[str, str], Iterator[Label]]] = {
    ".jsonl": _parse_lines,
    ".json": _parse_document,
}
"""By the end of a file's name; all others are CSV."""
