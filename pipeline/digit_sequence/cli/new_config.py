"""The config that `new` writes: that of a job, or of `match`, with a user's wishes put into it."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from digit_sequence.base.characters import LETTERS, show_characters
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.yaml import parse_yaml
from digit_sequence.cli.wishes import (
    TRAIN,
    Wishes,
    find_file,
    list_fields,
    list_sources,
    parse_lengths,
    parse_look,
)
from digit_sequence.config.jobs import (
    JOBS,
    MODELINE,
    PLAIN,
    find_folder,
    read_job,
    split_comment,
)
from digit_sequence.config.loading import parse_config
from digit_sequence.config.looks import write_out_looks
from digit_sequence.exports import EXPORTS
from digit_sequence.exports.format import MASKS, POLYGONS
from digit_sequence.numbers.file import read_numbers
from digit_sequence.plan.plan import Plan, make_plan

COLUMNS_PER_DIGIT = 32
"""Of the canvas, for digits at random and for numbers of a file."""
MAX_LEVEL = 14
"""Characters of a line that may be tilted as looks have it: the ends of a longer one would reach
the edges of its canvas."""
LINE = 100
"""Characters of a line, at most."""
_LABELS: Mapping[str, object] = {MASKS: "rle", POLYGONS: True}
"""What the block `labels` says to have the columns that some formats need."""


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
    """Raise a ConfigError if digits or readers of the format do not go with such numbers."""
    letters = show_characters("".join(it for it in plan.alphabet if it in LETTERS))
    if letters and wishes.digits in list_sources():
        raise ConfigError(
            f"--digits: expected glyphs of {letters}, as these numbers have, got {wishes.digits}, "
            f"which has digits alone; name a folder of yours with FOLDER/{letters[0]}/*.png and so "
            "on, or write a config with the source emnist"
        )
    if wishes.trainer == TRAIN:
        return
    takes = EXPORTS[wishes.trainer].takes
    if unfit := "".join(it for it in plan.alphabet if it not in takes):
        raise ConfigError(
            f"--for: expected a format whose readers take {show_characters(unfit)}, as these "
            f"numbers have, got {wishes.trainer}"
        )


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
        source["ink"] = "auto"  # most are dark on white
    for key in [it for it in source if it not in list_fields(source["name"])]:
        del source[key]


def _put_numbers(tree: Any, wishes: Wishes, path: Path) -> str:
    """Have digits at random, or numbers of a file, and a canvas as wide as the longest.

    Returns a comment.
    """
    lengths, file = parse_lengths(wishes.numbers), find_file(wishes.numbers)
    for split in tree["splits"].values():
        if lengths:
            split["numbers"]["random"]["lengths"][:] = lengths
        elif file is not None:
            keys = file.model_dump(exclude_none=True) | {"path": _refer(file.path, path)}
            split["numbers"] = _make_flow({"file": _make_flow(keys)})
    longest = lengths[1] if lengths else max(map(len, read_numbers(file) if file else ()))
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
    looks = parse_look(wishes.look)
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
