"""Verification: whether a dataset holds what its plan says, file by file, sample by sample.

=======  ==========================================================================================
quick    every label file's footer, every file's size, files that do not belong, the plan and its
         glyphs, manifest and card
full     also, for each shard: digest of its bytes and of its rows; the container walked against
         the offsets, and what stands beside its images against the rows; every image decoded, its
         pixels hashed (PNG); keys, numbers and boxes compared with the plan; glyphs within the pool
         of their split
samples  also some random samples drawn again and compared, pixels and row
=======  ==========================================================================================

Shards are verified by the same tasks on the same schedulers as they are built.
"""

from __future__ import annotations

import errno
import hashlib
import random
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import dask
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from dask.delayed import Delayed

from digit_sequence.base.errors import BuildError, BuildStopped, OutputError, SourceError
from digit_sequence.base.names import BUILD_FOLDER, CARD_PATH, MANIFEST_PATH, PLAN_PATH, sample_key
from digit_sequence.build.dataset import Job, make_job, open_job, pack_shard
from digit_sequence.build.sampler import Sampler
from digit_sequence.codec.encoding import decode_image, encode_image
from digit_sequence.config.model import Mnist, Mnist5k, SplitName
from digit_sequence.containers import CONTAINERS
from digit_sequence.plan.plan import Plan, Shard, parse_shard
from digit_sequence.run.events import RUNS_FOLDER
from digit_sequence.run.schedulers import Run, TaskLost
from digit_sequence.sources.bank import GlyphBank, find_bank, load_bank, pack_bank, parse_bank
from digit_sequence.store.labels import (
    SCHEMA,
    Commit,
    encode_labels,
    hash_pixels,
    hash_rows,
    make_rows,
    read_commit,
    read_labels,
)
from digit_sequence.store.manifest import (
    GLYPHS_PATH,
    PROBE_PATH,
    Ledger,
    check_commit,
    describe_plan,
    label_path,
    load_plan,
    load_plan_copy,
    make_card,
    make_manifest,
    make_target,
    map_shards,
    shard_paths,
    to_json,
)
from digit_sequence.store.storage import TEMPORARY_FOLDER, Storage

QUARANTINE = f"{BUILD_FOLDER}/quarantine"
"""Where repair moves files that do not belong to the dataset."""
_UNCHECKED_FOLDERS = (f"{RUNS_FOLDER}/", f"{TEMPORARY_FOLDER}/", f"{QUARANTINE}/")


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


@dataclass(frozen=True)
class VerifyResult:
    """What the verification of a dataset found."""

    n_shards: int
    n_samples: int
    redrawn: int
    problems: tuple[Problem, ...]
    is_quick: bool
    """Whether no image was looked at: as asked, or because the plan or the digits are damaged."""


def verify_dataset(
    storage: Storage,
    run: Run,
    *,
    quick: bool = False,
    redraw: int = 0,
    on_progress: Callable[[int, bool], None] = lambda _samples, _is_new: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> VerifyResult:
    """Verify a dataset.

    Parameters
    ----------
    storage : Storage
    run : Run
        From `open_scheduler`.
    quick : bool
        Footers, sizes and names only; no image is read.
    redraw : int
        Random samples to draw again and compare.
    on_progress, should_stop : callable
        As of `build_dataset`.

    Raises
    ------
    OutputError
        If there is no plan to verify against.
    BuildError
        If a task was lost with its worker, twice.
    """
    plan, problems = load_any_plan(storage)
    problems += _check_glyphs(storage, plan)
    problems += _find_strays(storage, plan)
    ledger = Ledger(plan)
    redrawn = 0
    lost: dict[str, str] = {}

    def collect(result: ShardReport | TaskLost) -> None:
        nonlocal redrawn
        if isinstance(result, TaskLost):
            lost[result.key.rpartition("-")[0]] = result.error
            return
        shard = _find_shard(plan, result.shard)
        problems.extend(result.problems)
        if result.commit is not None and not result.problems:
            ledger.add(shard, result.commit)
        redrawn += result.redrawn
        on_progress(shard.n_samples, True)

    # With another plan or other digits, a worker could not even open the dataset for more.
    is_quick = quick or any(not problem.is_stray for problem in problems)
    if is_quick:
        _check_footers(storage, plan, collect, should_stop)
    else:
        chosen = _choose_samples(plan, redraw)
        run.execute(_make_tasks(storage, plan, plan.shards(), chosen), collect, should_stop)
        if lost:  # with their workers: they get one more chance
            again = [_find_shard(plan, name) for name in lost]
            lost.clear()
            run.execute(_make_tasks(storage, plan, again, chosen), collect, should_stop)
    if should_stop():
        raise BuildStopped("stopped: the dataset is verified in part only")
    for name, error in lost.items():
        raise BuildError(f"{name}: {error}; verify again")
    problems += _check_manifest(storage, plan, ledger)
    return VerifyResult(plan.n_shards, plan.n_samples, redrawn, tuple(problems), is_quick)


def _check_footers(
    storage: Storage,
    plan: Plan,
    collect: Callable[[ShardReport], None],
    should_stop: Callable[[], bool],
) -> None:
    """Check the footers of all label files."""
    sizes = storage.list("images")
    reports = map_shards(lambda shard: _check_footer(storage, plan, shard, sizes), plan.shards())
    for report in takewhile(lambda _: not should_stop(), reports):
        collect(report)


def _find_shard(plan: Plan, name: str) -> Shard:
    """Return the shard of a name."""
    split, index = parse_shard(name)
    return plan.splits[split].shard(index)


def _choose_samples(plan: Plan, count: int) -> dict[str, list[int]]:
    """Choose ordinals at random, by shard."""
    chosen: dict[str, list[int]] = {}
    splits = list(plan.splits.values())
    for number in sorted(random.sample(range(plan.n_samples), min(count, plan.n_samples))):
        ordinal = number
        for split in splits:
            if ordinal < split.n_samples:
                shard = split.shard(ordinal // split.shard_samples)
                chosen.setdefault(shard.name, []).append(ordinal)
                break
            ordinal -= split.n_samples
    return chosen


def _make_tasks(
    storage: Storage, plan: Plan, shards: Iterable[Shard], chosen: Mapping[str, list[int]]
) -> Iterator[Delayed]:
    check = dask.delayed(verify_shard, pure=False)
    run = uuid.uuid4().hex[:8]
    job = make_job(storage, plan)
    for shard in shards:
        redraw = chosen.get(shard.name, [])
        yield check(job, shard.split, shard.index, redraw, dask_key_name=f"{shard.name}-{run}")


# -- the dataset as a whole -----------------------------------------------------------------------


def load_any_plan(storage: Storage) -> tuple[Plan, list[Problem]]:
    """Load the plan, or if its file is damaged the copy in the manifest; and what is damaged."""
    try:
        plan = load_plan(storage)
        if storage.read(PLAN_PATH) != to_json(describe_plan(plan)):
            return plan, [Problem(PLAN_PATH, "is not as it was written")]
        return plan, []
    except OutputError as error:
        copied = load_plan_copy(storage)
        if copied is None:
            raise
        return copied, [Problem(PLAN_PATH, str(error))]


def _check_glyphs(storage: Storage, plan: Plan) -> list[Problem]:
    """Check the digits that the dataset carries."""
    packed = _read(storage, GLYPHS_PATH)
    if isinstance(packed, Problem):
        return [packed]
    try:
        parse_bank(packed, plan.source_digest)
    except SourceError as error:
        return [Problem(GLYPHS_PATH, str(error))]
    return []


def _read(storage: Storage, path: str) -> bytes | Problem:
    """Return the bytes of a file, or why there are none; raise if an object store is away."""
    try:
        return storage.read(path)
    except FileNotFoundError:
        return Problem(path, "is missing")
    except OutputError as error:
        if not storage.is_local:
            raise
        return Problem(path, str(error))


def _find_strays(storage: Storage, plan: Plan) -> list[Problem]:
    """Find what no build has written; hidden files are left to others, such as git."""
    found = {path for path in storage.list() if _is_ours(path)}
    irregular = []
    for path in _list_files(plan):
        if path in found:
            found.remove(path)
        elif storage.is_irregular(path):
            irregular.append(path)
            found = {inner for inner in found if not inner.startswith(f"{path}/")}
    return [
        *(Problem(path, "is not a file", is_stray=True) for path in irregular),
        *(Problem(path, "is no file of this dataset", is_stray=True) for path in sorted(found)),
    ]


def _list_files(plan: Plan) -> Iterator[str]:
    """Yield the path of every file that a build writes."""
    yield from (PLAN_PATH, GLYPHS_PATH, PROBE_PATH, MANIFEST_PATH, CARD_PATH)
    for shard in plan.shards():
        yield from shard_paths(plan, shard)
        yield label_path(shard)


def _is_ours(path: str) -> bool:
    if path.startswith(_UNCHECKED_FOLDERS):
        return False
    return not path.startswith(".") or path.startswith(f"{BUILD_FOLDER}/")


def _check_manifest(storage: Storage, plan: Plan, ledger: Ledger) -> list[Problem]:
    """Compare the manifest and the card with what a build would write; if all shards are sound."""
    if next(ledger.missing(), None) is not None:
        return []
    manifest = make_manifest(plan, ledger)
    problems = []
    for path, expected in (
        (CARD_PATH, make_card(plan.config, manifest).encode()),
        (MANIFEST_PATH, to_json(manifest)),
    ):
        got = _read(storage, path)
        if isinstance(got, Problem):
            problems.append(got)
        elif got != expected:
            problems.append(Problem(path, "is not what the shards and the plan say"))
    return problems


# -- one shard ------------------------------------------------------------------------------------


def _check_footer(
    storage: Storage, plan: Plan, shard: Shard, sizes: Mapping[str, int]
) -> ShardReport:
    path = label_path(shard)
    commit = None
    found = None
    try:
        with storage.open(path) as file:
            commit = read_commit(file)
            if commit is None:
                found = path, "is not a label file of this program"
            elif found := check_commit(plan, shard, commit, sizes):
                found = _find_resized(plan, file, sizes) or found
    except FileNotFoundError:
        found = path, "is missing"
    except OutputError as error:
        if not storage.is_local:  # an object store that is away damages nothing
            raise
        found = path, str(error)
    problems = (Problem(*found, shard=shard.name),) if found else ()
    return ShardReport(shard.name, commit, problems, 0)


def _find_resized(plan: Plan, labels: Any, sizes: Mapping[str, int]) -> tuple[str, str] | None:
    """Return which of a shard's files, one for each image, has not the size that its row says."""
    if not CONTAINERS[plan.config.output.container].has_file_per_image:
        return None
    try:
        rows = read_labels(labels, ["file", "size"]).to_pylist()
    except (pa.ArrowException, OSError):
        return None
    for row in rows:
        if (got := sizes.get(row["file"])) not in (None, row["size"]):
            return row["file"], f"expected {row['size']:,} bytes, got {got:,}"
    return None


def verify_shard(job: Job, split: SplitName, index: int, redraw: list[int]) -> ShardReport:
    """Verify one shard in full.

    Parameters
    ----------
    job, split, index
        As of `build_shard`.
    redraw : list of int
        Ordinals to draw again.
    """
    storage = Storage(job.uri)
    sampler = open_job(job)
    shard = sampler.plan.splits[split].shard(index)
    paths = shard_paths(sampler.plan, shard)
    sizes = {path: size for path in paths if (size := storage.size(path)) is not None}
    report = _check_footer(storage, sampler.plan, shard, sizes)
    if report.commit is None or report.problems:
        return report
    try:
        labels = storage.read(label_path(shard))
        rows = read_labels(pa.BufferReader(labels))
        files = {path: storage.read(path) for path in paths}
        reasons = _check_contents(sampler, shard, report.commit, rows, files)
        if not reasons and encode_labels(rows, report.commit) != labels:
            reasons = [(label_path(shard), "is not as it was written, beside its rows")]
        reasons += _check_redrawn(sampler, shard, rows, files, redraw) if not reasons else []
    except Exception as error:  # any damage: what it broke is told with the shard
        if _is_trouble_of_ours(storage, error):
            raise
        reasons = [(label_path(shard), f"cannot be read: {type(error).__name__}: {error}")]
    problems = tuple(Problem(path, reason, shard.name) for path, reason in reasons)
    return ShardReport(shard.name, report.commit, problems, len(redraw))


def _is_trouble_of_ours(storage: Storage, error: Exception) -> bool:
    """Return whether a file may be sound, and only could not be read here and now."""
    if isinstance(error, OutputError):
        return not storage.is_local
    return isinstance(error, MemoryError) or (
        isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
    )


def _check_contents(
    sampler: Sampler, shard: Shard, commit: Commit, rows: pa.Table, files: Mapping[str, bytes]
) -> list[tuple[str, str]]:
    """Check digests first: what differs there needs no closer look."""
    digest = hashlib.sha256()
    for content in files.values():
        digest.update(content)
    if digest.hexdigest() != commit.shard_sha256:
        reason = f"sha256: expected {commit.shard_sha256}, got {digest.hexdigest()}"
        changed = _find_changed(sampler, shard, files)
        return [(path, reason) for path in changed or [label_path(shard)]]
    if not rows.schema.equals(SCHEMA):
        return [(label_path(shard), "its columns are not those of a label file")]
    if hash_rows(rows) != commit.labels_sha256:
        reason = f"sha256 of its rows: expected {commit.labels_sha256}, got {hash_rows(rows)}"
        return [(label_path(shard), reason)]
    if (scaled := pc.sum(rows["scaled"]).as_py()) != commit.scaled:
        return [(label_path(shard), f"footer: scaled: expected {scaled}, got {commit.scaled}")]
    reasons = [(label_path(shard), reason) for reason in _check_rows(sampler, shard, rows, files)]
    return reasons or _check_images(sampler, shard, rows, files)


def _find_changed(sampler: Sampler, shard: Shard, files: Mapping[str, bytes]) -> list[str]:
    """Return which of a shard's files are not as they are when it is built again."""
    if len(files) == 1:
        return list(files)
    packed, _ = pack_shard(sampler, shard)
    return [path for path, content in packed.files.items() if files[path] != content]


def _check_rows(
    sampler: Sampler, shard: Shard, rows: pa.Table, files: Mapping[str, bytes]
) -> Iterator[str]:
    """Compare the rows with the plan."""
    plan = sampler.plan
    canvas = plan.config.canvas
    numbers, indices = plan.splits[shard.split].identities(shard.start, shard.stop)
    ordinals = range(shard.start, shard.stop)
    places = list(files) if len(files) > 1 else list(files) * shard.n_samples
    expected = {
        "key": [sample_key(shard.split, ordinal) for ordinal in ordinals],
        "split": [shard.split] * shard.n_samples,
        "number": numbers,
        "n_digits": [len(number) for number in numbers],
        "sample_index": indices.tolist(),
        "ordinal": list(ordinals),
        "shard": [shard.name] * shard.n_samples,
        "row": list(range(shard.n_samples)),
        "file": places,
        "height": [canvas.height] * shard.n_samples,
        "width": [canvas.width] * shard.n_samples,
    }
    for column, values in expected.items():
        got = rows[column].to_pylist()
        if got != values:
            row = next(row for row in range(len(values)) if got[row] != values[row])
            yield f"row {row}: {column}: expected {values[row]!r}, got {got[row]!r}"
    ids = sampler.pools[shard.split].ids
    boxes = rows["boxes"].combine_chunks()
    edges = {
        name: boxes.values.field(name).to_numpy() for name in ("top", "left", "bottom", "right")
    }
    glyphs = rows["glyph_ids"].combine_chunks().values.to_numpy()
    digits = np.frombuffer("".join(numbers).encode(), np.uint8) - ord("0")
    checks = {
        "boxes: digits are not the number's": np.array_equal(
            boxes.values.field("digit").to_numpy(), digits
        ),
        "boxes: outside the canvas": bool(
            (edges["top"] >= 0).all()
            and (edges["left"] >= 0).all()
            and (edges["top"] < edges["bottom"]).all()
            and (edges["left"] < edges["right"]).all()
            and (edges["bottom"] <= canvas.height).all()
            and (edges["right"] <= canvas.width).all()
        ),
        "glyph_ids: outside the pool of the split": bool(np.isin(glyphs, ids).all()),
    }
    yield from (reason for reason, is_met in checks.items() if not is_met)


def _check_images(
    sampler: Sampler, shard: Shard, rows: pa.Table, files: Mapping[str, bytes]
) -> list[tuple[str, str]]:
    """Walk the container, decode every image, compare with the rows."""
    output = sampler.plan.config.output
    records = rows.to_pylist()
    path = next(iter(files))
    container, target = CONTAINERS[output.container], make_target(sampler.plan.config, shard)
    try:
        reasons = [(path, reason) for reason in container.walk(target, records, files)]
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
    for ordinal in ordinals:
        rendered = sampler.draw(shard.split, ordinal, ordinal + 1)
        (row,) = rows.slice(ordinal - shard.start, 1).to_pylist()
        drawn = make_rows(shard, ordinal - shard.start, rendered).to_pylist()[0]
        encoded = files[row["file"]][row["offset"] : row["offset"] + row["size"]]
        if encode_image(rendered.images[0], output.image, output.quality) != encoded:
            reasons.append((row["file"], f"{row['key']}: drawn again, its image is another"))
        if drawn != {name: row[name] for name in drawn}:
            reasons.append((label_path(shard), f"{row['key']}: drawn again, its row is another"))
    return reasons


# -- repair ---------------------------------------------------------------------------------------


def repair_dataset(storage: Storage, problems: Iterable[Problem]) -> None:
    """Undo what is broken, so that building the same plan again mends the dataset and no more.

    Broken shards lose their commit record, files that do not belong are moved to
    ``.build/quarantine``, and the plan and its digits are written again.

    Raises
    ------
    SourceError
        If the digits are broken, and the source gives others by now.
    """
    plan, _ = load_any_plan(storage)
    problems = list(problems)
    for problem in problems:  # first, for a stray may stand where a file is to be
        if problem.is_stray:
            storage.move(problem.path, f"{QUARANTINE}/{uuid.uuid4().hex[:8]}/{problem.path}")
    for problem in problems:
        if problem.shard is not None:
            storage.delete(label_path(_find_shard(plan, problem.shard)))
        elif problem.path == GLYPHS_PATH:
            storage.write(GLYPHS_PATH, pack_bank(_find_bank(plan)))
        elif problem.path == PLAN_PATH:
            storage.write(PLAN_PATH, to_json(describe_plan(plan)))
    storage.delete(MANIFEST_PATH)  # last, for it may hold the only sound copy of the plan


def _find_bank(plan: Plan) -> GlyphBank:
    """Take the digits from the cache, or from the source if it needs no path."""
    bank = find_bank(plan.source_digest)
    if bank is None and isinstance(plan.config.source, Mnist | Mnist5k):
        bank = load_bank(plan.config.source)
    if bank is None or bank.digest != plan.source_digest:
        raise SourceError(
            f"{GLYPHS_PATH}: the digits {plan.source_digest[:16]} of the source "
            f"{plan.config.source.name} are not in the cache; give the build command again, whose "
            "config names the source"
        )
    return bank
