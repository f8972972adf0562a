"""Verification: whether a dataset holds what its plan says, file by file, sample by sample.

=======  ==========================================================================================
quick    every label file's footer, every file's size, files that do not belong, the plan and its
         glyphs, manifest and cards
full     also, for each shard: digest of its bytes and of its rows; the container walked against
         the offsets; every image decoded, its pixels hashed (PNG), its JSON compared with its row;
         keys, numbers and boxes compared with the plan; glyphs within the pool of their split, and
         where splits are by writer, that the rows have no writer in two of them
samples  also some random samples drawn again and compared, pixels and row
=======  ==========================================================================================

Shards are verified by the same tasks on the same schedulers as they are built.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Any

import pyarrow as pa

from digit_sequence.base.documents import parse_json, take
from digit_sequence.base.errors import BuildError, BuildStopped, OutputError, SourceError
from digit_sequence.base.names import BUILD_FOLDER, MANIFEST_PATH, PLAN_PATH, SplitName
from digit_sequence.building.checks import (
    Problem,
    ShardReport,
    check_footer,
    open_subject,
    verify_shard,
)
from digit_sequence.building.shard import make_claim
from digit_sequence.plan.plan import Plan, Shard, parse_shard
from digit_sequence.run.events import RUNS_FOLDER
from digit_sequence.run.jobs import Failure, Job, Work, probe_workers
from digit_sequence.run.run import Run
from digit_sequence.sources.bank import parse_bank
from digit_sequence.store.glyphs import GLYPHS_PATH
from digit_sequence.store.ledger import (
    Ledger,
    find_labelled,
    label_path,
    map_shards,
    read_sizes,
    shard_paths,
)
from digit_sequence.store.manifest import CARD_DIGESTS, describe_dataset
from digit_sequence.store.plan_file import (
    PROBE_PATH,
    check_versions,
    describe_plan,
    load_plan,
    load_plan_copy,
    outline_plan,
    to_json,
)
from digit_sequence.store.storage import TEMPORARY_FOLDER, Storage

_MOST_MISSING = 1000
"""Missing label files that are listed one by one."""
_MOST_SAMPLES = 10**6
"""Of shards without a label file whose files are looked for."""
QUARANTINE = f"{BUILD_FOLDER}/quarantine"
"""Where repair moves files that do not belong to the dataset."""
_UNCHECKED_FOLDERS = (f"{RUNS_FOLDER}/", f"{TEMPORARY_FOLDER}/", f"{QUARANTINE}/")


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
        If there is no plan to verify against, a worker cannot take part, files cannot be read, or
        samples are to be drawn again and other versions have drawn them.
    BuildError
        If shards could not be verified.
    """
    plan, problems = load_any_plan(storage)
    if redraw:
        check_versions(storage, plan, "to draw samples again")
    problems += _check_glyphs(storage, plan)
    labelled = list(find_labelled(outline_plan(plan), storage.list_with_links()[0]))
    problems += _find_strays(storage, plan, labelled)
    ledger = Ledger(plan)
    redrawn = 0
    writers: dict[int, SplitName] = {}

    def collect(name: str, report: ShardReport) -> None:
        nonlocal redrawn
        shard = find_shard(plan, name)
        problems.extend(report.problems)
        for writer in report.writers:
            if writers.setdefault(writer, shard.split) != shard.split:
                reason = f"writer {writer}: expected in one split, got {writers[writer]} as well"
                problems.append(Problem(label_path(shard), reason))
        if report.commit is not None and not report.problems:
            ledger.add(shard, report.commit)
        redrawn += report.redrawn
        on_progress(shard.n_samples, True)

    # With another plan or other digits, a worker could not even open the dataset for more.
    is_quick = quick or any(not problem.is_stray for problem in problems)
    if is_quick:
        _check_footers(storage, plan, labelled, collect, should_stop)
        failures = {}
    else:
        failures = _check_shards(storage, plan, run, labelled, redraw, collect, should_stop)
    if should_stop():
        raise BuildStopped("stopped: the dataset is verified in part only")
    for name, failure in failures.items():
        kind = OutputError if failure.is_of_files else BuildError
        raise kind(f"{name}: {failure.describe()}; verify again")
    problems += _list_missing(plan, labelled)
    problems += _check_manifest(storage, plan, ledger)
    return VerifyResult(plan.n_shards, plan.n_samples, redrawn, tuple(problems), is_quick)


def _check_shards(
    storage: Storage,
    plan: Plan,
    run: Run,
    labelled: Sequence[Shard],
    redraw: int,
    collect: Callable[[str, ShardReport], None],
    should_stop: Callable[[], bool],
) -> dict[str, Failure]:
    """Check the shards that have a label file in full; return those that could not be."""
    chosen = _choose_samples(plan, redraw)

    def find_arguments(name: str) -> tuple[SplitName, int, list[int]]:
        return (*parse_shard(name), chosen.get(name, []))

    work = Work(make_claim(storage, plan), verify_shard, open_subject)
    probe_workers(run, work)
    job = Job(work, find_arguments, collect, should_stop=should_stop)
    job.do(run, (shard.name for shard in labelled))
    return job.failures


def _check_footers(
    storage: Storage,
    plan: Plan,
    labelled: Sequence[Shard],
    collect: Callable[[str, ShardReport], None],
    should_stop: Callable[[], bool],
) -> None:
    """Check the footers of all label files."""
    sizes, outline = storage.list_with_links()[0], outline_plan(plan)
    reports = map_shards(lambda shard: check_footer(storage, outline, shard, sizes.get), labelled)
    for report in takewhile(lambda _: not should_stop(), reports):
        collect(report.shard, report)


def _list_missing(plan: Plan, labelled: Sequence[Shard]) -> list[Problem]:
    """List the shards without a label file; of very many the first, and how many more."""
    n_missing = plan.n_shards - len(labelled)
    there = set(labelled)
    first = list(islice((shard for shard in plan.shards() if shard not in there), _MOST_MISSING))
    problems = [Problem(label_path(shard), "is missing", shard.name) for shard in first]
    if n_missing > len(first):
        problems.append(Problem("labels", f"{n_missing - len(first):,} more files are missing"))
    return problems


def find_shard(plan: Plan, name: str) -> Shard:
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


# -- the dataset as a whole -----------------------------------------------------------------------


def load_any_plan(storage: Storage) -> tuple[Plan, list[Problem]]:
    """Load the plan, or if its file is damaged the copy in the manifest; and what is damaged."""
    try:
        plan = load_plan(storage, any_versions=True)
        if storage.read(PLAN_PATH) != to_json(describe_plan(plan)):
            return plan, [Problem(PLAN_PATH, "is not as it was written")]
        return plan, []
    except OutputError as error:
        copied = load_plan_copy(storage, any_versions=True)
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


def _find_strays(storage: Storage, plan: Plan, labelled: Sequence[Shard]) -> list[Problem]:
    """Find what no build has written; hidden files are left to others, such as git."""
    files, links = storage.list_with_links()
    found = {path for path in files if _is_ours(path)}
    links = sorted(path for path in links if _is_ours(path))
    irregular = []
    for path in _list_files(storage, plan, labelled, found):
        if path in found:
            found.remove(path)
        elif path not in links and storage.is_irregular(path):
            irregular.append(path)
            found = {inner for inner in found if not inner.startswith(f"{path}/")}
    return [
        *(Problem(path, "is a link", is_stray=True) for path in links),
        *(Problem(path, "is not a file", is_stray=True) for path in irregular),
        *(Problem(path, "is no file of this dataset", is_stray=True) for path in sorted(found)),
    ]


def _list_files(
    storage: Storage, plan: Plan, labelled: Sequence[Shard], found: Collection[str]
) -> Iterator[str]:
    """Yield the path of every file that a build writes, but those of no use to ask for.

    A plan may be for far more shards than there are files: of those without a label file, after
    many, only the files that are there are looked at.
    """
    yield from (PLAN_PATH, GLYPHS_PATH, PROBE_PATH, MANIFEST_PATH, *CARD_DIGESTS)
    for shard in labelled:
        yield from _list_images(storage, plan, shard)
        yield label_path(shard)
    there = set(labelled)
    unlabelled = (shard for shard in plan.shards() if shard not in there)
    n_samples = 0
    for shard in unlabelled:
        yield from _list_images(storage, plan, shard)
        yield label_path(shard)
        n_samples += shard.n_samples
        if n_samples > _MOST_SAMPLES:
            yield from [path for path in found if path.startswith("images/")]
            return


def _list_images(storage: Storage, plan: Plan, shard: Shard) -> list[str]:
    """Return the files of a shard: by the plan, or where other code has named them by its rows."""
    if plan.published is None or plan.config.output.container != "files":
        return shard_paths(plan, shard)
    try:
        with storage.open(label_path(shard)) as file:
            return list(read_sizes(file, shard.n_samples))
    except (FileNotFoundError, OutputError, pa.ArrowException, KeyError, TypeError, ValueError):
        return []


def _is_ours(path: str) -> bool:
    if path.startswith(_UNCHECKED_FOLDERS):
        return False
    return not path.startswith(".") or f"{path}/".startswith(f"{BUILD_FOLDER}/")


def _check_manifest(storage: Storage, plan: Plan, ledger: Ledger) -> list[Problem]:
    """Compare the manifest and the cards with what a build would write; if all shards are sound.

    Where other versions wrote them, as far as this one knows them: the manifest has digests of the
    cards that they wrote, and may hold more.
    """
    if next(ledger.missing(), None) is not None:
        return []
    content = _read(storage, MANIFEST_PATH)
    expected, _ = describe_dataset(plan, ledger)
    manifest: dict[str, Any] | None = expected
    found = {path: _read(storage, path) for path in CARD_DIGESTS}
    if plan.published:  # of a version without it, perhaps
        absent = [path for path, card in found.items() if isinstance(card, Problem)]
        manifest = _take_known(expected, content, absent)
        known = manifest or {}
        found = {
            p: card for p, card in found.items() if p not in absent or CARD_DIGESTS[p] in known
        }
    problems = []
    for path, inside in (found | {MANIFEST_PATH: content}).items():
        if isinstance(inside, Problem):
            problems.append(inside)
        elif not _is_expected(path, inside, manifest):
            problems.append(Problem(path, "is not what the shards and the plan say"))
    return problems


def _is_expected(path: str, content: bytes, manifest: dict[str, Any] | None) -> bool:
    """Tell whether a card or the manifest is as it should be."""
    if manifest is None:  # it is broken, and nothing else knows the cards
        return path in CARD_DIGESTS
    if path in CARD_DIGESTS:
        return bool(hashlib.sha256(content).hexdigest() == manifest[CARD_DIGESTS[path]])
    return content == to_json(manifest)


def _take_known(
    expected: dict[str, Any], content: bytes | Problem, absent: Collection[str]
) -> dict[str, Any] | None:
    """Return what another version's manifest says, with what this one expects in its place.

    None if it is no manifest, or has no digest of a card that is not absent.
    """
    try:
        found = parse_json(b"" if isinstance(content, Problem) else content)
        digests = {
            digest: take(found, digest, str)
            for path, digest in CARD_DIGESTS.items()
            if digest in found or path not in absent
        }
        known = {key: expected[key] for key in expected if key not in CARD_DIGESTS.values()}
        return {**found, **known, **digests}
    except (TypeError, ValueError):
        return None
