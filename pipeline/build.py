"""Building: the shards of a plan become files, on any Dask scheduler.

`build_shard` is the only place with effects for each shard. It gets names and numbers only, reads
the plan from the output directory and the glyphs from the cache, and returns a small record, so a
task costs the scheduler a few hundred bytes.
"""

from __future__ import annotations

import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import dask
import pyarrow as pa
import pyarrow.compute as pc
from dask.delayed import Delayed

from pipeline.codec import EXTENSIONS, encode_image
from pipeline.config import SplitName
from pipeline.errors import BuildError, OutputError, PipelineError
from pipeline.labels import Commit, encode_labels, hash_rows, make_rows
from pipeline.manifest import finalize, find_commits, label_path, publish_plan
from pipeline.plan import Plan, Shard
from pipeline.render import BATCH_SAMPLES
from pipeline.sampler import Sampler, open_output
from pipeline.schedulers import Run
from pipeline.shards import CONTAINERS, Pack, Packed
from pipeline.storage import Storage

_ESTIMATE_SAMPLES = 64
_sampler_lock = threading.Lock()


@dataclass(frozen=True)
class ShardFailure:
    """Why a shard was not built."""

    shard: str
    error: str
    traceback: str | None
    """None if the error is the user's to solve."""


@dataclass(frozen=True)
class BuildResult:
    """What a build did."""

    manifest: Mapping[str, Any]
    built_samples: int
    """Samples rendered by this run; the others were there."""
    seconds: float


@lru_cache(maxsize=1)
def _open_sampler(uri: str, fingerprint: str, _n_samples: tuple[int, ...]) -> Sampler:
    """Keep the sampler of one build in a process; a plan of other sizes is read again."""
    sampler = open_output(Storage(uri))
    if sampler.plan.fingerprint != fingerprint:
        raise OutputError(f"{uri}: another build has taken over the directory; start this one anew")
    return sampler


def build_shard(
    uri: str, fingerprint: str, n_samples: tuple[int, ...], split: SplitName, index: int
) -> Commit:
    """Build one shard: render, encode, write the shard, then its label file.

    Parameters
    ----------
    uri : str
        Output directory, which holds the plan.
    fingerprint : str
        Of the plan.
    n_samples : tuple of int
        Of each split of the plan.
    split : {"train", "val", "test"}
    index : int
        Of the shard in its split.

    Returns
    -------
    Commit
        What the footer of the label file says.
    """
    with _sampler_lock:
        sampler = _open_sampler(uri, fingerprint, n_samples)
    shard = sampler.plan.splits[split].shard(index)
    packed, commit = pack_shard(sampler, shard, CONTAINERS[sampler.plan.config.output.container])
    write_shard(Storage(uri), packed, label_path(shard), commit)
    return commit


def pack_shard(sampler: Sampler, shard: Shard, pack: Pack) -> tuple[Packed, Commit]:
    """Render, encode and pack the samples of one shard; nothing is written."""
    output = sampler.plan.config.output
    tables, images = [], []
    for start in range(shard.start, shard.stop, BATCH_SAMPLES):
        rendered = sampler.draw(shard.split, start, min(start + BATCH_SAMPLES, shard.stop))
        tables.append(make_rows(shard, start - shard.start, rendered))
        images += [encode_image(image, output) for image in rendered.images]
    packed = pack(shard, pa.concat_tables(tables), images, EXTENSIONS[output.image])
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


def _attempt_shard(
    uri: str, fingerprint: str, n_samples: tuple[int, ...], split: SplitName, index: int
) -> Commit | ShardFailure:
    """Build a shard, and return what went wrong instead of raising it."""
    try:
        return build_shard(uri, fingerprint, n_samples, split, index)
    except PipelineError as error:
        return ShardFailure(f"{split}-{index:05d}", str(error), None)
    except Exception as error:
        trace = traceback.format_exc()
        return ShardFailure(f"{split}-{index:05d}", f"{type(error).__name__}: {error}", trace)


def make_tasks(storage: Storage, plan: Plan, shards: Iterable[Shard]) -> Iterator[Delayed]:
    """Yield the Dask graph, one task for each shard, keyed by this run and the shard."""
    run = uuid.uuid4().hex[:8]
    attempt = dask.delayed(_attempt_shard, pure=False)
    n_samples = tuple(split.n_samples for split in plan.splits.values())
    for shard in shards:
        yield attempt(
            storage.uri,
            plan.fingerprint,
            n_samples,
            shard.split,
            shard.index,
            dask_key_name=f"{shard.name}-{run}",
        )


def build_dataset(
    sampler: Sampler,
    storage: Storage,
    run: Run,
    on_progress: Callable[[int, bool], None] = lambda _samples, _is_new: None,
    overwrite: bool = False,
) -> BuildResult:
    """Build what is missing of a dataset, and complete it.

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

    Raises
    ------
    OutputError
        If the directory holds something else, or cannot be written.
    BuildError
        If shards failed; the others are kept, and no manifest is written.
    """
    begin = time.perf_counter()
    plan = sampler.plan
    publish_plan(storage, plan, overwrite)
    commits = find_commits(storage, plan)
    on_progress(sum(commit.rows for commit in commits.values()), False)
    failures: list[ShardFailure] = []
    built_samples = 0

    def collect(result: Commit | ShardFailure) -> None:
        nonlocal built_samples
        if isinstance(result, ShardFailure):
            failures.append(result)
            return
        commits[result.shard] = result
        built_samples += result.rows
        on_progress(result.rows, True)

    done = set(commits)
    missing = (shard for shard in plan.shards() if shard.name not in done)
    run(make_tasks(storage, plan, missing), collect)
    if failures:
        raise _describe_failures(failures, plan)
    manifest = finalize(storage, plan, commits)
    return BuildResult(manifest, built_samples, time.perf_counter() - begin)


def _describe_failures(failures: list[ShardFailure], plan: Plan) -> PipelineError:
    first = failures[0]
    detail = first.error if first.traceback is None else f"{first.error}\n{first.traceback}"
    return BuildError(
        f"{len(failures)} of {plan.n_shards} shards failed; the others are kept. The first, "
        f"{first.shard}: {detail}"
    )


def estimate_bytes(sampler: Sampler) -> int:
    """Estimate the bytes of all shards from a few samples of each split."""
    pack = CONTAINERS[sampler.plan.config.output.container]
    total = 0.0
    for name, split in sampler.plan.splits.items():
        shard = Shard(name, 0, 0, min(split.n_samples, _ESTIMATE_SAMPLES))
        packed, _ = pack_shard(sampler, shard, pack)
        total += packed.n_bytes / shard.n_samples * split.n_samples
    return round(total)
