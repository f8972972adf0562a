"""Exporting one shard, in a worker: read, written in the format, then its part."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from digit_sequence.base.characters import encode_text, find_unknown, show_characters
from digit_sequence.base.engines import choose_engine
from digit_sequence.base.errors import OutputError
from digit_sequence.base.folders import open_folder
from digit_sequence.base.names import BUILD_FOLDER, sample_key, shard_name
from digit_sequence.codec.encoding import EXTENSIONS, decode_image, encode_image
from digit_sequence.exports import EXPORTS
from digit_sequence.exports.folder import PLAN_PATH, PROBE_PATH, Unit, part_path
from digit_sequence.exports.format import Format, Piece
from digit_sequence.read.dataset import Dataset, open_dataset
from digit_sequence.read.split import Split
from digit_sequence.store.storage import Storage


@dataclass(frozen=True)
class Request:
    """An export, as its tasks know it."""

    uri: str
    """Of the dataset."""
    digest: str
    """Of the dataset, which may be built anew."""
    format: str
    folder: str


def probe_export(request: Request) -> None:
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
    Storage(request.folder).write(part_path(unit), json.dumps(entries).encode())
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
