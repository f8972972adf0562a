"""Verification of one shard in a worker: its bytes, container, images, label rows, redrawn samples.

Rows are compared with the plan where this process has the versions of the plan. Of a dataset that
other versions built only those checks are made that need none of their code: digests, sizes, keys,
images against their rows.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from digit_sequence.base.characters import count_inked, keep_digits
from digit_sequence.base.columns import NUMBER_DIGITS
from digit_sequence.base.digests import hash_contents, hash_pixels
from digit_sequence.base.errors import OutputError
from digit_sequence.base.names import SplitName, sample_key
from digit_sequence.building.row_checks import check_glyphs, check_shapes
from digit_sequence.building.sampler import Sampler
from digit_sequence.building.shard import Claim, keep_open, open_claim, pack_shard
from digit_sequence.codec.encoding import decode_image, encode_image
from digit_sequence.containers import CONTAINERS
from digit_sequence.plan.plan import Plan, Shard
from digit_sequence.sources.hands import NOBODY, WRITERS
from digit_sequence.store.done import check_shard, label_path
from digit_sequence.store.label_rows import make_rows
from digit_sequence.store.label_schema import make_schema
from digit_sequence.store.labels import Commit, encode_labels, hash_rows, read_labels
from digit_sequence.store.ledger import make_target, shard_paths
from digit_sequence.store.plan_file import load_plan, outline_plan
from digit_sequence.store.records import Outline
from digit_sequence.store.storage import Storage


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong."""

    path: str
    """File in the dataset."""
    reason: str
    """Expected and got."""
    shard: str | None = None
    """Shard to build again, if that mends it."""
    is_stray: bool = False
    """Whether the file is none of the dataset's."""


@dataclass(frozen=True)
class ShardReport:
    """What the verification of one shard found."""

    shard: str
    commit: Commit | None
    problems: tuple[Problem, ...]
    redrawn: int
    """Samples drawn again."""
    writers: tuple[int, ...] = ()
    """Who wrote its glyphs, where no writer may be in two splits."""


@dataclass(frozen=True)
class Subject:
    """A dataset, as a process that verifies it has it open."""

    plan: Plan
    outline: Outline
    sampler: Sampler | None
    """None if other versions have built it."""


@keep_open
def open_subject(claim: Claim) -> Subject:
    """Open a dataset to verify it, once in a process.

    Raises
    ------
    OutputError
        If the directory holds another build, or none.
    """
    plan = load_plan(claim.open(), any_versions=True)
    sampler = open_claim(claim) if plan.published is None else None
    return Subject(plan, outline_plan(plan), sampler)


def check_footer(
    storage: Storage, outline: Outline, shard: Shard, find_size: Callable[[str], int | None]
) -> ShardReport:
    """Check whether a shard is done: its label file's footer, and the sizes of its files."""
    commit = None
    try:
        commit, fault = check_shard(storage, outline, shard, find_size)
    except OutputError as error:
        if not storage.is_local:  # an object store that is away damages nothing
            raise
        fault = label_path(shard), str(error)
    problems = (Problem(*fault, shard=shard.name),) if fault else ()
    return ShardReport(shard.name, commit, problems, 0)


def verify_shard(claim: Claim, split: SplitName, index: int, redraw: list[int]) -> ShardReport:
    """Verify one shard in full.

    Parameters
    ----------
    claim, split, index
        As of `build_shard`.
    redraw : list of int
        Ordinals to draw again.
    """
    storage = Storage(claim.uri)
    subject = open_subject(claim)
    shard = subject.plan.splits[split].shard(index)
    report = check_footer(storage, subject.outline, shard, storage.size)
    if report.commit is None or report.problems:
        return report
    try:
        labels = storage.read(label_path(shard))
        rows = read_labels(pa.BufferReader(labels), n_rows=shard.n_samples)
        files = {path: storage.read(path) for path in _list_images(subject, shard, rows)}
        reasons = _check_contents(subject, shard, report.commit, rows, files)
        if not reasons and subject.sampler and encode_labels(rows, report.commit) != labels:
            reasons = [(label_path(shard), "is not as it was written, beside its rows")]
        if not reasons and subject.sampler:
            reasons = _check_redrawn(subject.sampler, shard, rows, files, redraw)
    except Exception as error:  # any damage: what it broke is told with the shard
        if _is_trouble_of_ours(storage, error):
            raise
        reasons = [(label_path(shard), f"cannot be read: {type(error).__name__}: {error}")]
    problems = tuple(Problem(path, reason, shard.name) for path, reason in reasons)
    writers = () if problems else _list_writers(subject.plan, rows)
    return ShardReport(shard.name, report.commit, problems, len(redraw), writers)


def _list_writers(plan: Plan, rows: pa.Table) -> tuple[int, ...]:
    """List who wrote the glyphs of some rows, where no writer may be in two splits."""
    if plan.config.source.split_by != "writer":
        return ()
    writers = np.unique(rows[WRITERS.name].combine_chunks().values.to_numpy())
    return tuple(writers[writers != NOBODY].tolist())


def _list_images(subject: Subject, shard: Shard, rows: pa.Table) -> list[str]:
    """Return the files of a shard; only this code knows how it would name many of them."""
    if subject.sampler or not CONTAINERS[subject.outline.container].has_file_per_image:
        return shard_paths(subject.plan, shard)
    files: list[str] = rows["file"].to_pylist()
    return files


def _is_trouble_of_ours(storage: Storage, error: Exception) -> bool:
    """Return whether a file may be sound, and only could not be read here and now."""
    if isinstance(error, OutputError):
        return not storage.is_local
    return isinstance(error, MemoryError) or (
        isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
    )


def _check_contents(
    subject: Subject, shard: Shard, commit: Commit, rows: pa.Table, files: Mapping[str, bytes]
) -> list[tuple[str, str]]:
    """Check digests first: what differs there needs no closer look."""
    if (digest := hash_contents(files.values())) != commit.shard_sha256:
        reason = f"sha256: expected {commit.shard_sha256}, got {digest}"
        changed = _find_changed(subject, shard, rows, files)
        return [(path, reason) for path in changed or [label_path(shard)]]
    if subject.sampler and not rows.schema.equals(make_schema(subject.sampler.plan.columns)):
        return [(label_path(shard), "its columns are not those of a label file")]
    if (digest := hash_rows(rows)) != commit.labels_digest:
        reason = f"digest of its rows: expected {commit.labels_digest}, got {digest}"
        return [(label_path(shard), reason)]
    if (
        "scaled" in rows.column_names
        and (scaled := pc.sum(rows["scaled"]).as_py()) != commit.scaled
    ):
        return [(label_path(shard), f"footer: scaled: expected {scaled}, got {commit.scaled}")]
    reasons = [(label_path(shard), reason) for reason in _check_rows(subject, shard, rows, files)]
    return reasons or _check_images(subject, shard, rows, files)


def _find_changed(
    subject: Subject, shard: Shard, rows: pa.Table, files: Mapping[str, bytes]
) -> list[str]:
    """Return which of a shard's files are not as they were."""
    if len(files) == 1:
        return list(files)
    if subject.sampler is None:
        return [path for path, _ in _check_images(subject, shard, rows, files)]
    packed, _ = pack_shard(subject.sampler, shard)
    return [path for path, content in packed.files.items() if files[path] != content]


def _check_rows(
    subject: Subject, shard: Shard, rows: pa.Table, files: Mapping[str, bytes]
) -> Iterator[str]:
    """Compare the rows with the plan."""
    canvas = subject.plan.config.canvas
    ordinals = range(shard.start, shard.stop)
    places = list(files) if len(files) > 1 else list(files) * shard.n_samples
    expected: dict[str, list[Any]] = {
        "key": [sample_key(shard.split, ordinal) for ordinal in ordinals],
        "split": [shard.split] * shard.n_samples,
        "ordinal": list(ordinals),
        "shard": [shard.name] * shard.n_samples,
        "row": list(range(shard.n_samples)),
        "file": places,
        "height": [canvas.height] * shard.n_samples,
    }
    if "width" in rows.column_names:
        widths = np.clip(rows["width"].to_numpy(), canvas.narrowest, canvas.widest)
        expected["width"] = widths.tolist()
    numbers = rows["number"].to_pylist()
    if subject.sampler:  # other code may choose other numbers
        split = subject.plan.splits[shard.split]
        numbers, indices = split.identities(shard.start, shard.stop)
        expected |= {"number": numbers, "sample_index": indices.tolist()}
    expected["n_digits"] = [count_inked(number) for number in numbers]
    if NUMBER_DIGITS.name in rows.column_names:
        expected[NUMBER_DIGITS.name] = [keep_digits(number) for number in numbers]
    for column, values in expected.items():
        if subject.sampler is None and column not in rows.column_names:
            continue
        got = rows[column].to_pylist()
        if got != values:
            row = next(row for row in range(len(values)) if got[row] != values[row])
            yield f"row {row}: {column}: expected {values[row]!r}, got {got[row]!r}"
    if subject.sampler:
        yield from check_glyphs(subject.sampler, shard, rows, numbers)
    yield from check_shapes(rows)


def _check_images(
    subject: Subject, shard: Shard, rows: pa.Table, files: Mapping[str, bytes]
) -> list[tuple[str, str]]:
    """Walk the container, decode every image, compare with the rows."""
    output = subject.plan.config.output
    records = rows.to_pylist()
    reasons: list[tuple[str, str]] = []
    if subject.sampler:  # other code may put other things beside the images
        path = next(iter(files))
        target = make_target(subject.plan.config, shard)
        try:
            walk = CONTAINERS[output.container].walk(target, records, files)
            reasons = [(path, reason) for reason in walk]
        except Exception as error:  # a container may be broken in any way
            return [(path, f"cannot be walked: {type(error).__name__}: {error}")]
    for row in records:
        encoded = files[row["file"]][row["offset"] : row["offset"] + row["size"]]
        reason = _check_image(encoded, row, is_exact=output.image == "png")
        if reason:
            reasons.append((row["file"], f"{row['key']}: {reason}"))
    return reasons


def _check_image(encoded: bytes, row: Mapping[str, Any], is_exact: bool) -> str | None:
    """Return what is wrong with an encoded image, if it is."""
    try:
        image = decode_image(encoded)
    except Exception as error:  # and so may an image
        return f"cannot be decoded: {type(error).__name__}: {error}"
    if image.shape != (row["height"], row["width"]):
        return f"expected {row['height']} x {row['width']} pixels, got {image.shape}"
    if is_exact and hash_pixels(image) != row["pixel_hash"]:
        return f"pixels: expected the hash {row['pixel_hash']}, got {hash_pixels(image)}"
    return None


def _check_redrawn(
    sampler: Sampler,
    shard: Shard,
    rows: pa.Table,
    files: Mapping[str, bytes],
    ordinals: Iterable[int],
) -> list[tuple[str, str]]:
    """Draw samples again; image bytes and rows must be the same."""
    reasons = []
    output = sampler.plan.config.output
    schema = make_schema(sampler.plan.columns)
    for ordinal in ordinals:
        rendered = sampler.draw(shard.split, ordinal, ordinal + 1)
        (row,) = rows.slice(ordinal - shard.start, 1).to_pylist()
        drawn = make_rows(shard, ordinal - shard.start, rendered, schema).to_pylist()[0]
        encoded = files[row["file"]][row["offset"] : row["offset"] + row["size"]]
        image = next(rendered.cut())
        if encode_image(image, output.image, output.quality, sampler.engine) != encoded:
            reasons.append((row["file"], f"{row['key']}: drawn again, its image is another"))
        if drawn != {name: row[name] for name in drawn}:
            reasons.append((label_path(shard), f"{row['key']}: drawn again, its row is another"))
    return reasons
