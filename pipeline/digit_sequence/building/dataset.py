"""Building: the shards of a plan become files, on any Dask scheduler."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dask.delayed import Delayed

from digit_sequence.base.errors import BuildError, BuildStopped
from digit_sequence.base.names import MANIFEST_PATH
from digit_sequence.building.estimates import check_room
from digit_sequence.building.sampler import Sampler
from digit_sequence.building.shard import (
    Claim,
    build_shard,
    find_bad_sample,
    make_claim,
    open_claim,
    probe_claim,
)
from digit_sequence.plan.plan import Plan, Shard, parse_shard
from digit_sequence.run.events import RUNS_FOLDER, RunLog
from digit_sequence.run.jobs import Failure, Job, Work, make_tasks, probe_workers
from digit_sequence.run.run import Run
from digit_sequence.store.labels import Commit
from digit_sequence.store.ledger import Ledger, drop_lost, read_ledger
from digit_sequence.store.manifest import finalize
from digit_sequence.store.plan_file import publish_plan
from digit_sequence.store.storage import Storage


@dataclass(frozen=True)
class BuildResult:
    """What a build did."""

    manifest: Mapping[str, Any]
    built_samples: int
    """Samples rendered by this run; the others were there."""
    built_shards: int
    """That they are in."""
    seconds: float


def make_work(claim: Claim) -> Work:
    """Return what the tasks of a build do."""
    return Work(claim, build_shard, open_claim, probe_claim, find_bad_sample)


def make_graph(
    storage: Storage, plan: Plan, shards: Iterable[Shard], engine: str | None = None
) -> Iterator[Delayed]:
    """Yield the Dask graph of a build, one task for each shard, keyed by shard and run."""
    work = make_work(make_claim(storage, plan, engine))
    return make_tasks(work, (shard.name for shard in shards), parse_shard)


def build_dataset(
    sampler: Sampler,
    storage: Storage,
    run: Run,
    on_progress: Callable[[int, bool], None] = lambda _samples, _is_new: None,
    overwrite: bool = False,
    should_stop: Callable[[], bool] = lambda: False,
) -> BuildResult:
    """Build what is missing of a dataset, and complete it.

    A shard that fails is tried again, as `run.jobs` says; the others go on meanwhile.

    Parameters
    ----------
    sampler : Sampler
    storage : Storage
        Output directory: empty, or with the same build, begun or complete.
    run : Run
        From `open_scheduler`.
    on_progress : callable
        Called with a count of samples and whether this run has made them.
    overwrite : bool
        Delete the dataset of another config that is there.
    should_stop : callable
        Asked before every new task; true: finish the shards under way and no more.

    Raises
    ------
    ConfigError
        If a shard needs more memory than a worker may use.
    OutputError
        If the directory holds something else, or cannot be written, or a worker cannot use it.
    BuildError
        If shards failed, or the cluster is gone; what is built is kept, and no manifest is written.
    BuildStopped
        If `should_stop` became true before the end.
    """
    if should_stop():
        raise BuildStopped("stopped before anything was touched")
    sampler.plan.check_ends()
    if limit := run.find_memory_limit():
        check_room(sampler, limit)
    storage.check_links()
    storage.clean()
    publish_plan(storage, sampler.plan, sampler.bank, overwrite)
    log = RunLog(storage)
    plan = sampler.plan
    # A worker without numba may take part: the bytes are the same.
    work = make_work(
        make_claim(storage, plan, None if sampler.engine == "numba" else sampler.engine)
    )
    try:
        ledger = read_ledger(storage, plan)
        log.write(
            "start",
            fingerprint=plan.fingerprint,
            versions=plan.inputs["versions"],
            host=platform.node(),
            pid=os.getpid(),
            scheduler=run.kind,
            threads=run.threads,
            shards=plan.n_shards,
            done=ledger.n_done,
        )
        probe_workers(run, work)
        if next(ledger.missing(), None) is not None:
            storage.delete(MANIFEST_PATH)  # without its shards it would promise too much
        on_progress(ledger.done_samples, False)
        progress = _Progress(plan, ledger, log, on_progress)
        _build_missing(run, work, progress, should_stop)
        if lost := drop_lost(storage, plan, ledger):  # someone has deleted files meanwhile
            log.write("lost", shards=len(lost), shard=lost[0].name)
            _build_missing(run, work, progress, should_stop)
        manifest = finalize(storage, plan, ledger)
    except BaseException as error:
        log.write("end", outcome=type(error).__name__, message=str(error)[:2000])
        raise
    log.write("end", outcome="complete", samples=progress.built_samples, digest=manifest["digest"])
    return BuildResult(manifest, progress.built_samples, progress.built_shards, log.seconds)


class _Progress:
    """Notes what comes out of the tasks of a build, in its ledger and its log."""

    def __init__(
        self, plan: Plan, ledger: Ledger, log: RunLog, on_progress: Callable[[int, bool], None]
    ) -> None:
        self.plan = plan
        self.ledger = ledger
        self.built_samples = self.built_shards = 0
        self._log = log
        self._on_progress = on_progress

    @property
    def is_recorded(self) -> bool:
        """Whether the log has all that was noted."""
        return self._log.is_whole

    def collect(self, name: str, commit: Commit) -> None:
        """Note a shard that is built."""
        split, index = parse_shard(name)
        self.ledger.add(self.plan.splits[split].shard(index), commit)
        self.built_samples += commit.rows
        self.built_shards += 1
        self._on_progress(commit.rows, True)
        rate = self.built_samples / self._log.seconds
        self._log.write_progress(done=self.ledger.n_done, images_per_second=round(rate, 1))

    def note_failure(self, failure: Failure) -> None:
        """Note a shard that has failed."""
        self._log.write(
            "failure",
            shard=failure.name,
            sample=failure.sample,
            seed=self.plan.config.seed,
            error=failure.error,
            worker=failure.worker,
            traceback=failure.traceback,
        )

    def note_retry(self, name: str, attempt: int) -> None:
        """Note a shard that is tried again."""
        self._log.write("retry", shard=name, attempt=attempt)


def _build_missing(
    run: Run, work: Work, progress: _Progress, should_stop: Callable[[], bool]
) -> None:
    """Build the missing shards, some of them repeatedly."""
    job = Job(
        work,
        parse_shard,
        progress.collect,
        should_stop=should_stop,
        on_failure=progress.note_failure,
        on_retry=progress.note_retry,
    )
    job.do(run, (shard.name for shard in progress.ledger.missing()))
    if should_stop():
        raise BuildStopped(_describe_stop(progress))
    if job.failures:
        raise BuildError(_describe_failures(job, progress))


def _describe_stop(progress: _Progress) -> str:
    done, total = progress.ledger.n_done, progress.plan.n_shards
    kept = "are done and kept" if done else "are done: none had begun"
    return f"stopped: {done:,} of {total:,} shards {kept}; give the same command again to go on"


def _describe_failures(job: Job, progress: _Progress) -> str:
    first = next(iter(job.failures.values()))
    where = f"sample {first.sample}, " if first.sample else ""
    given_up = "; most failed, so the rest was not tried" if job.is_hopeless else ""
    record = (
        f"Every failure is in {RUNS_FOLDER}/ with its traceback"
        if progress.is_recorded
        else f"{RUNS_FOLDER}/ could not be written, so there is no record of the others"
    )
    return (
        f"{len(job.failures)} of {progress.plan.n_shards:,} shards failed{given_up}; "
        f"{progress.ledger.n_done:,} are done and kept. The first, {first.name} ({where}seed "
        f"{progress.plan.config.seed}): {first.error}\n{record}; "
        "mend the cause and give the same command again"
    )
