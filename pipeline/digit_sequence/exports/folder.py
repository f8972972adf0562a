"""The folder of an export: its plan, a part for each shard, and the index files made of the parts.

::

    DIR/.build/export.json     what is exported, written first; says so when it is complete
    DIR/.build/parts/*.json    entries of one shard, written when its files are there

A part says that its shard is done, so an export that was stopped goes on when the same command is
given again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digit_sequence.base.documents import parse_json, take
from digit_sequence.base.errors import OutputError
from digit_sequence.base.files import hold_folder, open_new
from digit_sequence.base.names import BUILD_FOLDER, shard_name
from digit_sequence.exports.format import Format, Index
from digit_sequence.read.dataset import Dataset
from digit_sequence.store.storage import Storage

PLAN_PATH = f"{BUILD_FOLDER}/export.json"
PARTS_FOLDER = f"{BUILD_FOLDER}/parts"
PROBE_PATH = f"{BUILD_FOLDER}/probe"


@dataclass(frozen=True)
class Unit:
    """What one task exports: a shard."""

    split: str
    index: int
    n_samples: int

    @property
    def name(self) -> str:
        """Of the shard."""
        return shard_name(self.split, self.index)


def part_path(unit: Unit) -> str:
    """Return the path of the part of a shard."""
    return f"{PARTS_FOLDER}/{unit.name}.json"


@contextmanager
def hold_export(storage: Storage, folder: Path) -> Iterator[None]:
    """Keep the folder of an export to one driver: two would remove each other's parts."""
    with ExitStack() as stack:
        try:
            is_free = stack.enter_context(hold_folder(folder))
        except OSError as error:
            raise OutputError(
                f"{storage.uri}: cannot be used: {error.strerror or error}; choose another folder"
            ) from error
        if not is_free:
            raise OutputError(
                f"{storage.uri}: another export into this folder is running; wait for its end, or "
                "choose another folder"
            )
        yield


def claim_folder(storage: Storage, plan: dict[str, Any]) -> bool:
    """Write the plan into an empty folder, or take up the same; returns whether it is complete."""
    try:
        there = _parse_plan(storage)
    except FileNotFoundError:
        found = storage.list()
        if found:
            raise OutputError(
                f"{storage.uri}: expected an empty folder or an export to go on with, got "
                f"{len(found)} other files, {next(iter(found))} among them; choose another"
            ) from None
        storage.write(PLAN_PATH, json.dumps(plan).encode())
        return False
    for name in ("format", "digest"):
        if there[name] != plan[name]:
            raise OutputError(
                f"{storage.uri}: holds another export: {name} {there[name]} there, {plan[name]} "
                "here; nothing was touched; choose another folder"
            )
    return bool(there["complete"])


def _parse_plan(storage: Storage) -> dict[str, Any]:
    """Return what the plan of an export says."""
    try:
        there = parse_json(storage.read(PLAN_PATH))
        kinds = {"format": str, "digest": str, "complete": bool}
        return {key: take(there, key, kind) for key, kind in kinds.items()}
    except ValueError as error:
        raise OutputError(
            f"{storage.uri}: {PLAN_PATH}: is not the plan of an export: {error}; choose another "
            "folder"
        ) from error


def finish_export(
    storage: Storage, dataset: Dataset, kind: Format, units: list[Unit], plan: dict[str, Any]
) -> None:
    """Join the index files, write what else the format has, and say that all is there."""
    for index in kind.indexes:
        for split in dataset:
            parts = [unit for unit in units if unit.split == split]
            _join_index(storage, index, dataset, split, parts)
    for path, text in kind.make_extras(dataset).items():
        storage.write(path, text.encode())
    storage.write(PLAN_PATH, json.dumps(plan | {"complete": True}).encode())
    for path in (*map(part_path, units), PROBE_PATH):
        storage.delete(path)


def _parse_part(storage: Storage, unit: Unit, index: Index) -> list[list[str]]:
    """Return the entries of a shard in an index file, for each of its sections."""
    path = part_path(unit)
    try:
        sections: list[list[str]] = take(parse_json(storage.read(path)), index.path, list)
        entries = [entry for section in sections for entry in section]
        if len(sections) != len(index.sections) or not all(type(it) is str for it in entries):
            raise ValueError("expected lists of text")
    except (TypeError, ValueError, FileNotFoundError) as error:
        storage.delete(path)
        raise OutputError(
            f"{storage.uri}: {path}: is not the part of a shard: {error}; it is removed: run the "
            "same command again"
        ) from error
    return sections


def _join_index(
    storage: Storage, index: Index, dataset: Dataset, split: str, units: list[Unit]
) -> None:
    """Write an index file, part by part."""
    path = Path(storage.locate(index.path.format(split=split)))
    try:
        with open_new(path, root=Path(storage.locate(BUILD_FOLDER)).parent) as file:
            begin = index.texts[0]
            if index.list_classes is not None:
                begin = begin.replace("{classes}", index.list_classes(dataset.classes))
            file.write(begin.encode())
            for number, text in enumerate(index.texts[1:]):
                separator = ""
                for unit in units:
                    for entry in _parse_part(storage, unit, index)[number]:
                        file.write((separator + entry).encode())
                        separator = index.separator
                file.write(text.encode())
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
