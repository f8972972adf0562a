"""The work that is measured: the yardstick's, five digits with all augmentation on 200 x 28."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from digit_sequence.base.digests import hash_images
from digit_sequence.building.memory import keep_freed_memory
from digit_sequence.building.sampler import Sampler, open_sampler
from digit_sequence.building.shard import pack_shard, write_shard
from digit_sequence.codec.encoding import encode_images
from digit_sequence.config.loading import parse_config
from digit_sequence.config.model import Config
from digit_sequence.containers import CONTAINERS
from digit_sequence.containers.container import Packed
from digit_sequence.plan.plan import Shard
from digit_sequence.render.draw import Rendered, fit_batch, render_batch
from digit_sequence.render.layout import lay_out
from digit_sequence.render.recipe import draw_recipes
from digit_sequence.store.done import label_path
from digit_sequence.store.label_rows import make_rows
from digit_sequence.store.label_schema import make_schema
from digit_sequence.store.labels import Commit, encode_labels, hash_rows
from digit_sequence.store.ledger import make_target
from digit_sequence.store.storage import Storage

FORMATS = ("jpeg", "png")
SHARD_SAMPLES = 2500


def make_config(image: str, mnist: Path | None, samples: int, shard_samples: int) -> Config:
    """Return the config of the yardstick's work."""
    source: dict[str, Any] = (
        {"name": "mnist", "path": str(mnist)} if mnist else {"name": "mnist-5k"}
    )
    return parse_config(
        {
            "seed": 1,
            "source": source,
            "splits": {"train": {"numbers": {"values": ["14543"]}, "samples": samples}},
            "canvas": {"height": 28, "width": 200},
            "glyph": {
                "crop": {"margin": 0},
                "aspect": "stretch",
                "salt": {"probability": 0.5, "pixels": [10, 10]},
                "shear": {"probability": 0.7, "degrees": [-15, 0]},
                "rotate": {"probability": 0.5, "degrees": [-40, 40]},
                "overflow": "clip",
                "stroke": {"probability": 0.5, "dilate": 0.5, "pixels": [2, 2]},
            },
            "line": {"spacing": [5, 10]},
            "output": {"image": image, "quality": 95, "shard_samples": shard_samples},
        },
        "benchmark",
    )


def open_work(
    image: str,
    mnist: Path | None,
    samples: int = 10**6,
    shard_samples: int = SHARD_SAMPLES,
    engine: str | None = None,
) -> Sampler:
    """Open the yardstick's work."""
    return open_sampler(make_config(image, mnist, samples, shard_samples), engine)


def encode_rendered(sampler: Sampler, rendered: Rendered) -> list[bytes]:
    """Encode images as a worker does."""
    output = sampler.plan.config.output
    return encode_images(
        rendered.images, rendered.widths, output.image, output.quality, sampler.engine
    )


def take_median(values: list[float]) -> float:
    """Return the median, rounded for a table."""
    return round(statistics.median(values), 2)


def time_call(call: Callable[[], Any]) -> tuple[float, float, Any]:
    """Return the seconds on the clock and on the processor, and what a call returns.

    Garbage is collected before. The two differ on a machine that others use as well.
    """
    gc.collect()
    start, start_cpu = time.perf_counter(), time.process_time()
    result = call()
    return time.perf_counter() - start, time.process_time() - start_cpu, result


def build_one(sampler: Sampler, storage: Storage, index: int) -> int:
    """Build one shard in this process, as a worker does; return its samples."""
    shard, packed, commit = _pack_one(sampler, index)
    write_shard(storage, packed, label_path(shard), commit)
    return shard.n_samples


def make_one(sampler: Sampler, index: int) -> int:
    """Do all that `build_one` does but for the writing; return the bytes made."""
    _, packed, commit = _pack_one(sampler, index)
    return packed.n_bytes + len(encode_labels(packed.rows, commit))


def _pack_one(sampler: Sampler, index: int) -> tuple[Shard, Packed, Commit]:
    shard = sampler.plan.splits["train"].shard(index)
    return shard, *pack_shard(sampler, shard)


def measure_stages(sampler: Sampler, storage: Storage, samples: int) -> dict[str, float]:
    """Return the processor's microseconds per image of each stage of a build, taken apart."""
    spent: dict[str, float] = {}
    keep_freed_memory()  # as a worker does

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        start = time.process_time()
        yield
        spent[name] = spent.get(name, 0.0) + (time.process_time() - start) / samples * 1e6

    config, bank, engine = sampler.plan.config, sampler.bank, sampler.engine
    schema = make_schema(config.columns)
    shard = Shard("train", 0, 0, samples)
    batches = []
    batch_samples = fit_batch(config, 5 * bank.images[0].size, engine)
    for start in range(0, samples, batch_samples):
        stop = min(start + batch_samples, samples)
        numbers, indices = sampler.plan.splits["train"].identities(start, stop)
        with stage("draw"):
            recipes = draw_recipes(
                config, sampler.pools["train"], "train", numbers, indices, engine
            )
        with stage("render"):
            rendered = render_batch(recipes, bank, config, engine)
        with stage("(layout, in render)"):
            lay_out(recipes, bank, config, engine)
        with stage("encode"):
            images = encode_rendered(sampler, rendered)
        with stage("label rows"):
            rows = make_rows(shard, start, rendered, schema)
        with stage("(pixel hash, in label rows)"):
            hash_images(rendered.images)
        batches.append((rows, images))
    with stage("pack"):
        packed = CONTAINERS["webdataset"].pack(make_target(config, shard), batches)
    with stage("sha256 of the shard"):
        digest = packed.sha256
    with stage("digest of the rows"):
        hash_rows(packed.rows)
    _, commit = pack_shard(sampler, Shard("train", 0, 0, 1))
    with stage("label file"):
        labels = encode_labels(packed.rows, commit)
    with stage("write"):
        for path, content in (*packed.files.items(), (label_path(shard), labels)):
            storage.write(path, content)
    assert len(digest) == 64
    return spent
