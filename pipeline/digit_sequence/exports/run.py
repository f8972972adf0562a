"""Running an export: claim the folder, export shard by shard on Dask, join the index files.

::

    DIR/.build/export.json     what is exported, written first; says so when it is complete
    DIR/.build/parts/*.json    entries of one shard, written when its files are there

A part says that its shard is done, so an export that was stopped goes on when the same command is
given again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from digit_sequence.base.characters import encode_text, find_unknown, show_characters
from digit_sequence.base.documents import parse_json, take
from digit_sequence.base.engines import choose_engine
from digit_sequence.base.errors import (
    BuildError,
    BuildStopped,
    ConfigError,
    OutputError,
    how_to_install,
)
from digit_sequence.base.files import hold_folder, open_new
from digit_sequence.base.folders import open_folder
from digit_sequence.base.names import BUILD_FOLDER, sample_key, shard_name
from digit_sequence.codec.encoding import EXTENSIONS, decode_image, encode_image
from digit_sequence.exports import EXPORTS
from digit_sequence.exports.format import POLYGONS, Format, Index, Piece
from digit_sequence.read.dataset import Dataset, open_dataset
from digit_sequence.read.split import Split
from digit_sequence.run.jobs import Job, Work, probe_workers
from digit_sequence.run.run import Run
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


@dataclass(frozen=True)
class Request:
    """An export, as its tasks know it."""

    uri: str
    """Of the dataset."""
    digest: str
    """Of the dataset, which may be built anew."""
    format: str
    folder: str


@dataclass(frozen=True)
class Export:
    """What is to be exported, and where to."""

    dataset: Dataset
    format: str
    """One of `EXPORTS`."""
    folder: Path
    """Empty, or with the same export, begun or complete."""
    max_digits: int | None = None
    """The longest number that readers are set to take; default: that of the format."""


def export_dataset(
    export: Export,
    run: Run,
    on_progress: Callable[[int, bool], None] = lambda _samples, _is_new: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> int:
    """Export a dataset, or what is missing of it; returns how many samples this run exported.

    Parameters
    ----------
    export : Export
    run : Run
        From `open_scheduler`.
    on_progress : callable
        Called with a count of samples and whether this run has exported them.
    should_stop : callable
        Whether to start no further tasks.

    Raises
    ------
    ConfigError
        If there is no such format, or it cannot hold the dataset; nothing is written then.
    OutputError
        If the folder holds something else, or cannot be written.
    BuildError
        If shards failed; the others are kept.
    BuildStopped
        If it was to stop.
    """
    dataset = export.dataset
    kind = check_fit(export)
    plan = {"format": export.format, "digest": dataset.manifest["digest"], "complete": False}
    storage = Storage(str(export.folder))
    with _holding(storage, export.folder):
        return _export(export, kind, storage, plan, run, on_progress, should_stop)


@contextmanager
def _holding(storage: Storage, folder: Path) -> Iterator[None]:
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


def _export(
    export: Export,
    kind: Format,
    storage: Storage,
    plan: dict[str, Any],
    run: Run,
    on_progress: Callable[[int, bool], None],
    should_stop: Callable[[], bool],
) -> int:
    """Export what is missing, while nobody else does."""
    dataset = export.dataset
    if _claim_folder(storage, plan):
        for path in storage.list(PARTS_FOLDER):  # of workers that outlived their driver
            storage.delete(path)
        on_progress(sum(map(len, dataset.values())), False)
        return 0
    units = {unit.name: unit for split in dataset.values() for unit in _list_units(split)}
    there = storage.list(PARTS_FOLDER)
    missing = [name for name, unit in units.items() if _part_path(unit) not in there]
    n_samples = sum(unit.n_samples for unit in units.values())
    on_progress(n_samples - sum(units[name].n_samples for name in missing), False)
    exported = 0

    def collect(_name: str, count: int) -> None:
        nonlocal exported
        exported += count
        on_progress(count, True)

    request = Request(dataset.uri, plan["digest"], export.format, str(export.folder.absolute()))
    work = Work(request, export_unit, open_exported, _probe)
    probe_workers(run, work)
    job = Job(work, lambda name: (units[name],), collect, should_stop=should_stop)
    for names in [missing] if kind.write_piece is None else [[name] for name in missing]:
        job.do(run, names)
    if job.failures:
        first = next(iter(job.failures.values()))
        given_up = "; most failed, so the rest was not tried" if job.is_hopeless else ""
        raise BuildError(
            f"{len(job.failures)} of {len(units)} parts failed{given_up}; the others are kept. "
            f"The first: {first.name}: {first.describe()}"
        )
    if should_stop():
        raise BuildStopped(
            f"{storage.uri}: stopped: {exported:,} samples were exported; give the same command "
            "again to go on"
        )
    there = storage.list(PARTS_FOLDER)
    lost = [unit for unit in units.values() if _part_path(unit) not in there]
    if lost:
        raise OutputError(
            f"{storage.uri}: expected the parts of {len(units)} shards, got none of {len(lost)}, "
            f"{lost[0].name} first; run the same command again"
        )
    _finish(storage, dataset, kind, list(units.values()), plan)
    return exported


def check_fit(export: Export) -> Format:
    """Return the format; refuse what its readers would leave out or could not understand.

    Raises
    ------
    ConfigError
        If there is no such format, its package or a label column is missing, or a number is longer
        than readers take.
    """
    dataset, name = export.dataset, export.format
    kind = EXPORTS[name]
    if kind.package is not None and not find_spec(kind.package):
        raise ConfigError(
            f"export to {name}: expected the package {kind.package}, got none; "
            f"{how_to_install(kind.package)}"
        )
    lacking = [column for column in kind.columns if column not in dataset.columns]
    if lacking:
        raise ConfigError(
            f"{dataset.uri}: export to {name} needs the label columns {', '.join(kind.columns)}, "
            f"got none of {', '.join(lacking)}; nothing was written"
            + ("; build it with labels.polygons: true" if POLYGONS in lacking else "")
        )
    if unfit := [it for it in dataset.alphabet if it not in kind.takes]:
        raise ConfigError(
            f"{dataset.uri}: expected numbers of {show_characters(kind.takes)}, which readers of "
            f"{name} take, got {show_characters(''.join(unfit))} among them; nothing was written"
        )
    limit = export.max_digits or kind.max_digits
    if limit is None:
        return kind
    for split in dataset.values():
        longest = split.max_digits
        if longest > limit:
            raise ConfigError(
                f"{dataset.uri}: {split.name} may have numbers of {longest} characters; readers of "
                f"{name} silently leave out or cut those of more than {limit} unless they are "
                f"set to take them; set them so and give --max-digits {longest}; "
                "nothing was written"
            )
    return kind


def _claim_folder(storage: Storage, plan: dict[str, Any]) -> bool:
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


def _list_units(split: Split) -> Iterator[Unit]:
    shard_samples = split.dataset.shard_samples
    for index, start in enumerate(range(0, len(split), shard_samples)):
        yield Unit(split.name, index, min(shard_samples, len(split) - start))


def _part_path(unit: Unit) -> str:
    return f"{PARTS_FOLDER}/{unit.name}.json"


def _probe(request: Request) -> None:
    """Check that a worker sees the dataset, and the folder of the export."""
    open_exported(request)
    storage = Storage(request.folder)
    if PLAN_PATH not in storage.list(BUILD_FOLDER):
        raise OutputError(
            f"{request.folder}: expected the folder of the export, got another one of that name; "
            "it must be the same directory on every worker, or use --scheduler processes"
        )
    storage.write(PROBE_PATH, request.digest.encode())


@lru_cache(maxsize=1)
def open_exported(request: Request) -> Dataset:
    """Open the dataset of an export, once in a process.

    Raises
    ------
    OutputError
        If it is another one by now.
    """
    dataset = open_dataset(request.uri)
    if dataset.manifest["digest"] != request.digest:
        raise OutputError(f"{request.uri}: was built anew meanwhile; export it into a new folder")
    return dataset


def export_unit(request: Request, unit: Unit) -> int:
    """Write the files of a unit, then its part, which says that they are there.

    Returns how many samples it has.
    """
    kind = EXPORTS[request.format]
    split = open_exported(request)[unit.split]
    folder = Path(request.folder)
    piece = read_piece(split, unit.index, kind)
    if kind.write_piece is not None:
        _refuse_links(folder, split.name)
        kind.write_piece(piece, folder / split.name)
    else:
        assert kind.make_files is not None
        _write_files(folder, kind.make_files(piece))
    entries = {index.path: [section(piece) for section in index.sections] for index in kind.indexes}
    Storage(request.folder).write(_part_path(unit), json.dumps(entries).encode())
    return unit.n_samples


def _refuse_links(root: Path, name: str) -> None:
    """Raise an OutputError if what a format writes by itself would go through a link."""
    try:
        with open_folder(root / name, root, create=True) as folder:
            for path in (root / name).iterdir():
                folder.refuse_link(path.name)
    except OSError as error:
        raise OutputError(f"{root}: {name}: cannot be written: {error.strerror}") from error


def read_piece(split: Split, index: int, kind: Format) -> Piece:
    """Read a shard, images in a format that readers take."""
    dataset = split.dataset
    start = index * dataset.shard_samples
    positions = range(start, min(start + dataset.shard_samples, len(split)))
    there = dataset.columns if kind.optional else ()
    columns = (*kind.columns, *(column for column in kind.optional if column in there))
    rows = split.read_labels(positions, columns).to_pylist()
    codes = {*encode_text(dataset.classes)}
    for ordinal, row in zip(positions, rows, strict=True):
        # They become names of files, and classes, so they must be what a build has written.
        if row["key"] != sample_key(split.name, ordinal) or not _is_number(row["number"]):
            raise OutputError(
                f"{dataset.uri}: {split.name}: row {ordinal}: expected the key "
                f"{sample_key(split.name, ordinal)} and a number, got {row['key']!r} and "
                f"{row['number']!r}; digit-sequence verify {dataset.uri} --repair"
            )
        if unknown := {box["digit"] for box in row.get("boxes", ())} - codes:
            raise OutputError(
                f"{dataset.uri}: {split.name}: row {ordinal}: expected boxes of the characters "
                f"{show_characters(dataset.classes)}, got the code {min(unknown)}; digit-sequence "
                f"verify {dataset.uri} --repair"
            )
    images = split.read_encoded(positions, check=True)
    image_format = dataset.image_format
    if image_format not in kind.images:
        image_format = kind.images[0]
        engine = choose_engine()
        images = [
            encode_image(decode_image(image), image_format, engine=engine) for image in images
        ]
    return Piece(
        split=split.name,
        name=shard_name(split.name, index),
        index=index,
        rows=rows,
        images=images,
        extension=EXTENSIONS[image_format],
        classes=dataset.classes,
    )


def _is_number(number: str) -> bool:
    return bool(number) and find_unknown(number) is None


def _write_files(root: Path, files: dict[str, bytes]) -> None:
    """Write files; those of a shard that is not done are written again.

    No link below the folder is followed.
    """
    folders: dict[Path, list[tuple[str, bytes]]] = {}
    for path, content in files.items():
        target = root / path
        folders.setdefault(target.parent, []).append((target.name, content))
    try:
        for parent, inside in folders.items():
            with open_folder(parent, root, create=True) as folder:
                for name, content in inside:
                    descriptor = folder.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                    with open(descriptor, "wb") as file:  # noqa: PTH123
                        file.write(content)
    except OSError as error:
        raise OutputError(
            f"{root}: cannot be written: {error.strerror or error}; what is exported is kept: "
            "make room, and run the same command again"
        ) from error


def _finish(
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
    for path in (*map(_part_path, units), PROBE_PATH):
        storage.delete(path)


def _parse_part(storage: Storage, unit: Unit, index: Index) -> list[list[str]]:
    """Return the entries of a shard in an index file, for each of its sections."""
    path = _part_path(unit)
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
