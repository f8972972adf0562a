"""Building: the shards of a plan become files, on any Dask scheduler.

`build_shard` is the only place with effects for each shard. It gets names and numbers only, reads
the plan and the digits from the output directory, and returns a small record, so a task costs the
scheduler a few hundred bytes.
"""

from __future__ import annotations

import os
import platform
import threading
import time
import traceback
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import dask
import pyarrow.compute as pc
from dask.delayed import Delayed

from digit_sequence.base.errors import (
    BuildError,
    BuildStopped,
    ConfigError,
    OutputError,
    RenderError,
    SourceError,
)
from digit_sequence.base.names import MANIFEST_PATH, sample_key
from digit_sequence.build.memory import (
    LIMIT_BYTES,
    TaskMemory,
    check_memory,
    estimate_memory,
    keep_freed_memory,
)
from digit_sequence.build.sampler import Sampler, open_output
from digit_sequence.codec.encoding import encode_image
from digit_sequence.config.model import SplitName
from digit_sequence.containers import CONTAINERS
from digit_sequence.containers.container import Batch, Packed, Target
from digit_sequence.plan.plan import Plan, Shard, parse_shard
from digit_sequence.render.batch import fit_batch
from digit_sequence.run.events import RUNS_FOLDER, RunLog
from digit_sequence.run.schedulers import Run, TaskLost, probe_workers
from digit_sequence.store.labels import Commit, encode_labels, hash_rows, make_rows
from digit_sequence.store.manifest import (
    PROBE_PATH,
    Ledger,
    check_owner,
    finalize,
    hash_plan,
    label_path,
    make_target,
    publish_plan,
    read_ledger,
)
from digit_sequence.store.storage import Storage

MAX_ATTEMPTS = 3
"""How often a shard is tried, all in all."""
ABORT_AFTER = 8
"""Results after which a build gives up, if most of them are failures."""
_RECENT_RESULTS = 16
"""How many results are looked at for that: a disk may be full late in a build."""
_KEPT_TRACEBACKS = 20
_UNFIT_SECONDS = 10.0
"""How long a worker takes to say that it cannot take part: it is not to get all shards for that."""
_ESTIMATE_SAMPLES = 64
_job_lock = threading.Lock()

Pack = Callable[[Target, Iterable[Batch]], Packed]
"""What makes the files of a shard."""


@dataclass(frozen=True)
class ShardFailure:
    """Why a shard was not built."""

    split: SplitName
    index: int
    error: str
    traceback: str
    is_final: bool
    """Whether another try would fail as well."""
    worker: str = ""
    """HOST:PID of the process that failed; nothing if it is gone."""
    sample: str | None = None
    """Key of the sample that cannot be drawn, if it is one."""

    @property
    def shard(self) -> str:
        """Name of the shard."""
        return f"{self.split}-{self.index:05d}"


@dataclass(frozen=True)
class BuildResult:
    """What a build did."""

    manifest: Mapping[str, Any]
    built_samples: int
    """Samples rendered by this run; the others were there."""
    seconds: float


@dataclass(frozen=True)
class Job:
    """A build, as its tasks know it."""

    uri: str
    """Output directory, which holds the plan and the digits."""
    plan_sha256: str
    """Of its plan; another build that takes over the directory, or grows it, has another."""
    engine: str | None = None


def make_job(storage: Storage, plan: Plan, engine: str | None = None) -> Job:
    """Return the job of building a plan."""
    return Job(storage.uri, hash_plan(plan), engine)


def open_job(job: Job) -> Sampler:
    """Return the sampler of a job, opened once in a process.

    Raises
    ------
    OutputError
        If the directory holds another build, or none.
    """
    with _job_lock:
        return _open_job(job)


@lru_cache(maxsize=1)
def _open_job(job: Job) -> Sampler:
    storage = Storage(job.uri)
    check_owner(storage, job.plan_sha256)
    return open_output(storage, job.engine)


def build_shard(job: Job, split: SplitName, index: int) -> Commit:
    """Build one shard: render, encode, write the shard, then its label file.

    Parameters
    ----------
    job : Job
    split : {"train", "val", "test"}
    index : int
        Of the shard in its split.

    Returns
    -------
    Commit
        What the footer of the label file says.
    """
    sampler = open_job(job)
    shard = sampler.plan.splits[split].shard(index)
    packed, commit = pack_shard(sampler, shard)
    storage = Storage(job.uri)
    check_owner(storage, job.plan_sha256)
    write_shard(storage, packed, label_path(shard), commit)
    return commit


def pack_shard(sampler: Sampler, shard: Shard, pack: Pack | None = None) -> tuple[Packed, Commit]:
    """Render, encode and pack the samples of one shard; nothing is written.

    Parameters
    ----------
    sampler : Sampler
    shard : Shard
    pack : callable, optional
        Default: what packs the container of the config.
    """
    keep_freed_memory()
    config = sampler.plan.config
    pack = pack or CONTAINERS[config.output.container].pack
    glyph_pixels = sampler.plan.splits[shard.split].numbers.max_digits * sampler.bank.images[0].size
    batch_samples = fit_batch(config.canvas, glyph_pixels, sampler.engine)

    def draw_batches() -> Iterator[Batch]:
        for start in range(shard.start, shard.stop, batch_samples):
            rendered = sampler.draw(shard.split, start, min(start + batch_samples, shard.stop))
            images = [
                encode_image(image, config.output.image, config.output.quality)
                for image in rendered.images
            ]
            yield make_rows(shard, start - shard.start, rendered), images

    packed = pack(make_target(config, shard), draw_batches())
    commit = Commit(
        fingerprint=sampler.plan.fingerprint,
        shard=shard.name,
        rows=shard.n_samples,
        shard_bytes=packed.n_bytes,
        shard_sha256=packed.sha256,
        labels_sha256=hash_rows(packed.rows),
        scaled=pc.sum(packed.rows["scaled"]).as_py(),
    )
    return packed, commit


def write_shard(storage: Storage, packed: Packed, labels: str, commit: Commit) -> None:
    """Write a shard, then the label file that commits it."""
    for path, content in packed.files.items():
        storage.write(path, content)
    storage.write(labels, encode_labels(packed.rows, commit))


def _attempt_shard(job: Job, split: SplitName, index: int) -> Commit | ShardFailure:
    """Build a shard, and return what went wrong instead of raising it."""
    try:
        try:
            open_job(job)
        except Exception:
            time.sleep(_UNFIT_SECONDS)
            raise
        return build_shard(job, split, index)
    except Exception as error:  # reported with its traceback, the others go on
        is_of_files = isinstance(error, OutputError | SourceError)
        where = f" on {platform.node()}" if is_of_files else ""
        return ShardFailure(
            split,
            index,
            f"{type(error).__name__}{where}: {error}",
            traceback.format_exc(),
            is_final=isinstance(error, RenderError | ConfigError),
            worker=f"{platform.node()}:{os.getpid()}",
            sample=None if is_of_files else _find_bad_sample(job, split, index),
        )


def _find_bad_sample(job: Job, split: SplitName, index: int) -> str | None:
    """Return the key of the first sample of a shard that cannot be drawn, if there is one."""
    ordinal = None
    try:
        sampler = open_job(job)
        shard = sampler.plan.splits[split].shard(index)
        for ordinal in range(shard.start, shard.stop):
            sampler.draw(split, ordinal, ordinal + 1)
    except Exception:  # known already
        return None if ordinal is None else sample_key(split, ordinal)
    return None


def make_tasks(
    storage: Storage, plan: Plan, shards: Iterable[Shard], engine: str | None = None
) -> Iterator[Delayed]:
    """Yield the Dask graph, one task for each shard, keyed by shard and run."""
    run = uuid.uuid4().hex[:8]
    attempt = dask.delayed(_attempt_shard, pure=False)
    job = make_job(storage, plan, engine)
    for shard in shards:
        yield attempt(job, shard.split, shard.index, dask_key_name=f"{shard.name}-{run}")


def build_dataset(
    sampler: Sampler,
    storage: Storage,
    run: Run,
    on_progress: Callable[[int, bool], None] = lambda _samples, _is_new: None,
    overwrite: bool = False,
    should_stop: Callable[[], bool] = lambda: False,
) -> BuildResult:
    """Build what is missing of a dataset, and complete it.

    A shard that fails is tried again, `MAX_ATTEMPTS` times in all, unless another try would fail
    as well; the others go on meanwhile.

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
    _check_memory(sampler)
    storage.clean()
    publish_plan(storage, sampler.plan, sampler.bank, overwrite)
    log = RunLog(storage)
    plan = sampler.plan
    try:
        probe_workers(run, _probe, make_job(storage, plan))
        ledger = read_ledger(storage, plan)
        if next(ledger.missing(), None) is not None:
            storage.delete(MANIFEST_PATH)  # without its shards it would promise too much
        on_progress(ledger.done_samples, False)
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
        crew = _Crew(sampler, ledger, log, on_progress, should_stop)
        crew.build(run, storage)
        manifest = finalize(storage, plan, ledger)
    except BaseException as error:
        log.write("end", outcome=type(error).__name__, message=str(error)[:2000])
        raise
    log.write("end", outcome="complete", samples=crew.built_samples, digest=manifest["digest"])
    return BuildResult(manifest, crew.built_samples, log.seconds)


class _Crew:
    """Follows the shards of one run: what came out, what is to be tried again."""

    def __init__(
        self,
        sampler: Sampler,
        ledger: Ledger,
        log: RunLog,
        on_progress: Callable[[int, bool], None],
        should_stop: Callable[[], bool],
    ) -> None:
        self.built_samples = 0
        self._plan = sampler.plan
        # A worker without numba may take part: the bytes are the same.
        self._engine = None if sampler.engine == "numba" else sampler.engine
        self._ledger = ledger
        self._log = log
        self._on_progress = on_progress
        self._should_stop = should_stop
        self._is_failure: deque[bool] = deque(maxlen=_RECENT_RESULTS)
        self._failures: dict[str, ShardFailure] = {}

    def build(self, run: Run, storage: Storage) -> None:
        """Build the missing shards, some of them repeatedly."""
        for attempt in range(MAX_ATTEMPTS):
            shards: Iterable[Shard] = self._ledger.missing()
            if attempt:
                again = [failed for failed in self._failures.values() if not failed.is_final]
                shards = [self._plan.splits[failed.split].shard(failed.index) for failed in again]
                for failed in again:
                    self._log.write("retry", shard=failed.shard, attempt=attempt + 1)
            run.execute(
                make_tasks(storage, self._plan, shards, self._engine), self._collect, self._is_over
            )
            if self._should_stop():
                raise BuildStopped(self._describe_stop())
            if self._is_hopeless() or all(failed.is_final for failed in self._failures.values()):
                break
        if self._failures:
            raise BuildError(self._describe_failures())

    def _collect(self, result: Commit | ShardFailure | TaskLost) -> None:
        if isinstance(result, TaskLost):
            split, index = parse_shard(result.key.rpartition("-")[0])
            # Several workers died over it, or beside it: it gets one more chance.
            is_final = f"{split}-{index:05d}" in self._failures
            result = ShardFailure(split, index, result.error, "", is_final)
        self._is_failure.append(isinstance(result, ShardFailure))
        if isinstance(result, ShardFailure):
            self._note_failure(result)
            return
        split, index = parse_shard(result.shard)
        self._failures.pop(result.shard, None)
        self._ledger.add(self._plan.splits[split].shard(index), result)
        self.built_samples += result.rows
        self._on_progress(result.rows, True)
        rate = self.built_samples / self._log.seconds
        self._log.write_progress(done=self._ledger.n_done, images_per_second=round(rate, 1))

    def _note_failure(self, failure: ShardFailure) -> None:
        self._log.write(
            "failure",
            shard=failure.shard,
            sample=failure.sample,
            seed=self._plan.config.seed,
            error=failure.error,
            worker=failure.worker,
            traceback=failure.traceback,
        )
        if len(self._failures) >= _KEPT_TRACEBACKS:
            failure = replace(failure, traceback="")
        self._failures[failure.shard] = failure

    def _is_hopeless(self) -> bool:
        n_results = len(self._is_failure)
        return n_results >= ABORT_AFTER and sum(self._is_failure) > n_results / 2

    def _is_over(self) -> bool:
        return self._should_stop() or self._is_hopeless()

    def _describe_stop(self) -> str:
        done, total = self._ledger.n_done, self._plan.n_shards
        return (
            f"stopped: {done:,} of {total:,} shards are done and kept; give the same command "
            "again to go on"
        )

    def _describe_failures(self) -> str:
        first = next(iter(self._failures.values()))
        where = f"sample {first.sample}, " if first.sample else ""
        given_up = "; most failed, so the rest was not tried" if self._is_hopeless() else ""
        return (
            f"{len(self._failures)} of {self._plan.n_shards:,} shards failed{given_up}; "
            f"{self._ledger.n_done:,} are done and kept. The first, {first.shard} ({where}seed "
            f"{self._plan.config.seed}): {first.error}\nEvery failure is in "
            f"{RUNS_FOLDER}/ with its traceback; mend the cause and give the same command again"
        )


def _probe(job: Job) -> None:
    """Open the dataset as a task does, write a file and read it.

    All workers write the same bytes to the same file and nobody removes it, so that they, and those
    of another driver, do not get in each other's way.
    """
    open_job(job)
    storage = Storage(job.uri)
    content = job.plan_sha256.encode()
    storage.write(PROBE_PATH, content)
    if storage.read(PROBE_PATH) != content:
        raise OutputError(f"{job.uri}: {PROBE_PATH}: expected what was written, got something else")


def estimate_bytes(sampler: Sampler) -> int:
    """Estimate the bytes of all shards from a few samples of each split."""
    return round(
        sum(
            _measure_sample(sampler, name) * split.n_samples
            for name, split in sampler.plan.splits.items()
        )
    )


def estimate_task(sampler: Sampler, sample_bytes: float | None = None) -> TaskMemory:
    """Estimate the memory that a worker needs for a shard of the split that needs most.

    Parameters
    ----------
    sampler : Sampler
    sample_bytes : float, optional
        Bytes of a sample in a shard file; default: measured on a few samples of each split.
    """
    plan = sampler.plan
    estimates = [
        estimate_memory(
            plan.config,
            min(split.n_samples, split.shard_samples),
            sample_bytes or _measure_sample(sampler, name),
            split.numbers.max_digits,
            sampler.bank.images[0].size,
            sampler.engine,
        )
        for name, split in plan.splits.items()
    ]
    return max(estimates, key=lambda memory: memory.total)


def _check_memory(sampler: Sampler) -> None:
    """Check that a worker has room for a shard; draw samples only if that is not plain."""
    config = sampler.plan.config
    most = 2 * config.canvas.height * config.canvas.width + 4096  # noise, encoded badly, and a row
    if estimate_task(sampler, most).total <= LIMIT_BYTES:
        return
    with suppress(RenderError):  # the shard that it is in will say so
        check_memory(estimate_task(sampler), config)


def _measure_sample(sampler: Sampler, split: SplitName) -> float:
    """Return the bytes of a sample in a shard file, a mean over a few of a split."""
    n_samples = min(sampler.plan.splits[split].n_samples, _ESTIMATE_SAMPLES)
    packed, _ = pack_shard(sampler, Shard(split, 0, 0, n_samples))
    return packed.n_bytes / n_samples
