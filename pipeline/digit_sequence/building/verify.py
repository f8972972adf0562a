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

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from digit_sequence.base.errors import BuildError, BuildStopped, OutputError
from digit_sequence.base.names import MANIFEST_PATH, SplitName
from digit_sequence.building.dataset_checks import (
    check_bank,
    check_manifest,
    find_strays,
    load_any_plan,
)
from digit_sequence.building.shard import make_claim
from digit_sequence.building.shard_checks import (
    Problem,
    ShardReport,
    check_footer,
    open_subject,
    verify_shard,
)
from digit_sequence.plan.plan import Plan, Shard, parse_shard
from digit_sequence.run.jobs import Failure, Job, Work, probe_workers
from digit_sequence.run.run import Run
from digit_sequence.store.done import label_path
from digit_sequence.store.ledger import Ledger, find_labelled, map_shards
from digit_sequence.store.places import KEEP_BUILDING
from digit_sequence.store.plan_file import check_versions, outline_plan
from digit_sequence.store.storage import Storage

_FEW = 20
"""Shards that a complete dataset has lost, which are named one by one."""


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
    problems += check_bank(storage, plan)
    sizes, links = storage.list_with_links()
    was_complete = MANIFEST_PATH in sizes
    labelled = list(find_labelled(outline_plan(plan), sizes))
    problems += find_strays(storage, plan, labelled, sizes, links)
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
        _check_footers(storage, plan, labelled, sizes, collect, should_stop)
        failures = {}
    else:
        sizes.clear()  # of millions of images, perhaps
        failures = _check_shards(storage, plan, run, labelled, redraw, collect, should_stop)
    if should_stop():
        raise BuildStopped("stopped: the dataset is verified in part only")
    for name, failure in failures.items():
        kind = OutputError if failure.is_of_files else BuildError
        raise kind(f"{name}: {failure.describe()}; verify again")
    problems += _list_missing(plan, labelled, was_complete)
    problems += check_manifest(storage, plan, ledger)
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
    sizes: Mapping[str, int],
    collect: Callable[[str, ShardReport], None],
    should_stop: Callable[[], bool],
) -> None:
    """Check the footers of all label files, and the sizes that they tell against those found."""
    outline = outline_plan(plan)
    reports = map_shards(lambda shard: check_footer(storage, outline, shard, sizes.get), labelled)
    for report in takewhile(lambda _: not should_stop(), reports):
        collect(report.shard, report)


def _list_missing(plan: Plan, labelled: Sequence[Shard], was_complete: bool) -> list[Problem]:
    """Name the shards without a label file if a complete dataset has lost a few; count others."""
    n_missing = plan.n_shards - len(labelled)
    if not n_missing:
        return []
    if was_complete and n_missing <= _FEW:
        there = set(labelled)
        lost = (shard for shard in plan.shards() if shard not in there)
        return [Problem(label_path(shard), "is missing", shard.name) for shard in lost]
    mend = "--repair builds them again" if was_complete else KEEP_BUILDING
    return [Problem("labels", f"{n_missing:,} of {plan.n_shards:,} shards are missing; {mend}")]


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
