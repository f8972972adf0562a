"""One shard: drawn, encoded, packed and written, in a worker.

`build_shard` is the only place with effects for each shard. It gets names and numbers only, reads
the plan and the digits from the output directory, and returns a small record, so a task costs the
scheduler a few hundred bytes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import TypeVar

import pyarrow.compute as pc

from digit_sequence.base.errors import OutputError
from digit_sequence.base.names import SplitName, sample_key
from digit_sequence.building.compiling import load_kernels
from digit_sequence.building.memory import keep_freed_memory
from digit_sequence.building.sampler import Sampler, open_output
from digit_sequence.codec.encoding import encode_images
from digit_sequence.containers import CONTAINERS
from digit_sequence.containers.container import Batch, Packed, Target
from digit_sequence.plan.plan import Plan, Shard
from digit_sequence.store.done import label_path
from digit_sequence.store.label_rows import make_rows
from digit_sequence.store.label_schema import make_schema
from digit_sequence.store.labels import Commit, encode_labels, hash_rows
from digit_sequence.store.ledger import make_target
from digit_sequence.store.plan_file import PROBE_PATH, check_owner, hash_plan
from digit_sequence.store.storage import Storage

Pack = Callable[[Target, Iterable[Batch]], Packed]
"""What makes the files of a shard."""
Opened = TypeVar("Opened")


@dataclass(frozen=True)
class Claim:
    """A directory and the plan that it is claimed for, as tasks know them."""

    uri: str
    """Output directory, which holds the plan and the digits."""
    plan_sha256: str
    """Of its plan; another build that takes over the directory, or grows it, has another."""
    engine: str | None = None

    def open(self) -> Storage:
        """Open the directory.

        Raises
        ------
        OutputError
            If it holds another build, or none.
        """
        storage = Storage(self.uri)
        check_owner(storage, self.plan_sha256)
        return storage


def make_claim(storage: Storage, plan: Plan, engine: str | None = None) -> Claim:
    """Return the claim of a plan to a directory."""
    return Claim(storage.uri, hash_plan(plan), engine)


def keep_open(open_one: Callable[[Claim], Opened]) -> Callable[[Claim], Opened]:
    """Have a function keep what it has opened last; of threads that ask at once one opens it."""
    lock, kept = threading.Lock(), lru_cache(maxsize=1)(open_one)

    @wraps(open_one)
    def open_or_keep(claim: Claim) -> Opened:
        with lock:
            return kept(claim)

    return open_or_keep


@keep_open
def open_claim(claim: Claim) -> Sampler:
    """Return the sampler of a claim, opened once in a process.

    Raises
    ------
    OutputError
        If the directory holds another build, or none.
    """
    sampler = open_output(claim.open(), claim.engine)
    if sampler.engine == "numba":
        load_kernels(sampler.plan.config)
    return sampler


def probe_claim(claim: Claim) -> None:
    """Open the dataset as a task does, write a file and read it.

    All workers write the same bytes to the same file and nobody removes it, so that they, and those
    of another driver, do not get in each other's way.
    """
    open_claim(claim)
    storage = Storage(claim.uri)
    content = claim.plan_sha256.encode()
    storage.write(PROBE_PATH, content)
    if storage.read(PROBE_PATH) != content:
        raise OutputError(
            f"{claim.uri}: {PROBE_PATH}: expected what was written, got something else"
        )


def build_shard(claim: Claim, split: SplitName, index: int) -> Commit:
    """Build one shard: render, encode, write the shard, then its label file.

    Parameters
    ----------
    claim : Claim
    split : {"train", "val", "test"}
    index : int
        Of the shard in its split.

    Returns
    -------
    Commit
        What the footer of the label file says.
    """
    sampler = open_claim(claim)
    shard = sampler.plan.splits[split].shard(index)
    packed, commit = pack_shard(sampler, shard)
    write_shard(claim.open(), packed, label_path(shard), commit)
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
    output = config.output
    pack = pack or CONTAINERS[output.container].pack
    batch_samples = sampler.fit_batch(shard.split)
    schema = make_schema(sampler.plan.columns)

    def draw_batches() -> Iterator[Batch]:
        for start in range(shard.start, shard.stop, batch_samples):
            rendered = sampler.draw(shard.split, start, min(start + batch_samples, shard.stop))
            images = encode_images(
                rendered.images, rendered.widths, output.image, output.quality, sampler.engine
            )
            yield make_rows(shard, start - shard.start, rendered, schema), images

    packed = pack(make_target(config, shard), draw_batches())
    commit = Commit(
        fingerprint=sampler.plan.fingerprint,
        shard=shard.name,
        rows=shard.n_samples,
        shard_bytes=packed.n_bytes,
        shard_sha256=packed.sha256,
        labels_digest=hash_rows(packed.rows),
        scaled=pc.sum(packed.rows["scaled"]).as_py(),
    )
    return packed, commit


def write_shard(storage: Storage, packed: Packed, labels: str, commit: Commit) -> None:
    """Write a shard, then the label file that commits it."""
    for path, content in packed.files.items():
        storage.write(path, content)
    storage.write(labels, encode_labels(packed.rows, commit))


def find_bad_sample(claim: Claim, split: SplitName, index: int) -> str | None:
    """Return the key of the first sample of a shard that cannot be drawn, if there is one."""
    ordinal = None
    try:
        sampler = open_claim(claim)
        shard = sampler.plan.splits[split].shard(index)
        for ordinal in range(shard.start, shard.stop):
            sampler.draw(split, ordinal, ordinal + 1)
    except Exception:  # known already
        return None if ordinal is None else sample_key(split, ordinal)
    return None
