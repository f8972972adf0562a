"""How fast a dataset is read: images a second, decoded, each with its number, all in one run.

Two figures: on the clock, and by the processor time of the process, which others on the machine
change less; where workers read, their time is not counted, so there is none.

``python -m tests.benchmarks.reading [OUT]``; without OUT, 6,000 images are built first. OUT
must be of the container webdataset. Every loader gives each image as an array and its number. The
same images are drawn from configs/default.yaml, and read from an object store on loopback.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from digit_sequence.building.programs import build
from digit_sequence.config.loading import load_config
from digit_sequence.config.model import Config
from digit_sequence.exports.programs import export
from digit_sequence.live.dataset import open_config
from digit_sequence.read.dataset import open_dataset
from digit_sequence.read.split import Split
from digit_sequence.store.storage import Storage

ROOT = Path(__file__).resolve().parents[2]
REPEATS = 3
BATCH = 64
WORKERS = 2
PEERS = {"mds": "mosaicml-streaming (MDS)", "litdata": "litData"}
"""Those that need an environment of their own, by the export that they read."""


def read_in_order(split: Split) -> Iterator[int]:
    """Read batches in order."""
    for batch in split.batches(BATCH):
        yield len(batch.numbers)


def read_shuffled(split: Split) -> Iterator[int]:
    """Read batches of samples from anywhere."""
    order = np.random.default_rng(0).permutation(len(split))
    for start in range(0, len(split), BATCH):
        yield len(split.read_batch(order[start : start + BATCH]).numbers)


def read_one_by_one(split: Split) -> Iterator[int]:
    """Read single samples from anywhere."""
    for position in np.random.default_rng(0).permutation(len(split)):
        sample = split[position]
        yield len([(sample.image, sample.number)])


def read_torch(split: Split, num_workers: int) -> Iterator[int]:
    """Read shuffled batches for CTC through a DataLoader."""
    from torch.utils.data import DataLoader

    from digit_sequence.learn.streams import NumberStream, collate

    stream = NumberStream(split, seed=1)
    loader = DataLoader(stream, BATCH, num_workers=num_workers, collate_fn=collate)
    for batch in loader:
        yield len(batch.images)


def _open_webdataset(split: Split) -> Any:
    import webdataset

    urls = sorted(str(path) for path in Path(split.dataset.uri).glob(f"images/{split.name}/*.tar"))
    dataset = webdataset.WebDataset(urls, shardshuffle=len(urls), seed=1).shuffle(1000)
    return dataset.decode("l8").to_tuple("png", "json")


def read_webdataset(split: Split) -> Iterator[int]:
    """Read with webdataset, shuffled."""
    for image, label in _open_webdataset(split):
        yield len([(image, label["number"])])


def read_webdataset_torch(split: Split, num_workers: int) -> Iterator[int]:
    """Read with webdataset's own loader, batches of float32 images."""
    import torch
    import webdataset

    def collate(samples: list[Any]) -> Any:
        images = torch.from_numpy(np.stack([image for image, _ in samples]))
        return images.unsqueeze(1).float().div_(255), [label["number"] for _, label in samples]

    dataset = _open_webdataset(split).batched(BATCH, collation_fn=collate)
    for _, numbers in webdataset.WebLoader(dataset, batch_size=None, num_workers=num_workers):
        yield len(numbers)


def read_hugging_face(split: Split, cache: str, streaming: bool) -> Iterator[int]:
    """Read with Hugging Face datasets; what it converts beforehand is not counted."""
    import datasets

    files = f"{split.dataset.uri}/images/{split.name}/*.tar"
    options = {"data_files": files, "split": "train", "cache_dir": cache}
    dataset = datasets.load_dataset("webdataset", streaming=streaming, **options)
    yield 0  # the clock starts here
    for example in dataset:
        yield len([(np.asarray(example["png"]), example["json"]["number"])])


Rates = dict[str, tuple[float, float]]
"""Images a second on the clock and by processor time, by way of reading."""


def measure(ways: Mapping[str, Callable[[], Iterator[int]]]) -> Rates:
    """Return images a second, the best of a few runs."""
    return {name: _measure_one(read) for name, read in ways.items()}


def _measure_one(read: Callable[[], Iterator[int]]) -> tuple[float, float]:
    rates = []
    for _ in range(REPEATS):
        counts = read()
        begin, begin_cpu = time.perf_counter(), time.process_time()
        first = next(counts)
        if first == 0:
            begin, begin_cpu = time.perf_counter(), time.process_time()
        n_images = first + sum(counts)
        seconds = time.perf_counter() - begin, time.process_time() - begin_cpu
        rates.append([n_images / it for it in seconds])
    best = np.max(rates, axis=0)
    return float(best[0]), float(best[1])


def measure_drawn() -> Rates:
    """Return images a second of drawing what reading reads."""
    split = open_config(_load_config())["train"]
    ways = {
        "drawn, batches in order": read_in_order,
        "drawn, NumberStream, no workers": partial(read_torch, num_workers=0),
        f"drawn, NumberStream, {WORKERS} workers": partial(read_torch, num_workers=WORKERS),
    }
    return measure({name: partial(read, split) for name, read in ways.items()})


def measure_store(folder: str, temporary: str) -> Rates:
    """Return images a second from an object store on this machine, without a cache and with one."""
    from tests.servers import BUCKET, open_store

    Path(temporary).mkdir()
    with open_store(Path(temporary)) as store:
        os.environ.update(store.environment)
        storage = Storage(f"s3://{BUCKET}/dataset")
        for path in filter(Path.is_file, sorted(Path(folder).rglob("*"))):
            storage.write(path.relative_to(folder).as_posix(), path.read_bytes())
        bare = open_dataset(storage.uri)["train"]
        cached = open_dataset(storage.uri, cache=f"{temporary}/cache")["train"]
        ways = {
            "object store, NumberStream, no workers": partial(read_torch, bare, 0),
            f"object store, NumberStream, {WORKERS} workers": partial(read_torch, bare, WORKERS),
            "the same with a cache, no workers": partial(read_torch, cached, 0),
            f"the same with a cache, {WORKERS} workers": partial(read_torch, cached, WORKERS),
        }
        return measure(ways)


def measure_all(split: Split, cache: str) -> Rates:
    """Return images a second of every way of reading, by its name."""
    ways = {
        "reader, batches in order": read_in_order,
        "reader, batches from anywhere": read_shuffled,
        "reader, single samples from anywhere": read_one_by_one,
        "PyTorch NumberStream, no workers": partial(read_torch, num_workers=0),
        f"PyTorch NumberStream, {WORKERS} workers": partial(read_torch, num_workers=WORKERS),
        "webdataset": read_webdataset,
        "webdataset WebLoader, no workers": partial(read_webdataset_torch, num_workers=0),
        f"webdataset WebLoader, {WORKERS} workers": partial(
            read_webdataset_torch, num_workers=WORKERS
        ),
        "HF datasets, streaming": partial(read_hugging_face, cache=cache, streaming=True),
        "HF datasets, converted before": partial(read_hugging_face, cache=cache, streaming=False),
    }
    return measure({name: partial(read, split) for name, read in ways.items()})


def measure_peers(folder: str, temporary: str) -> Rates:
    """Return images a second of peers that read exports, in the environment of loaders, if any."""
    default = ROOT / ".venv-loaders/bin/python"
    python = os.environ.get("DIGIT_SEQUENCE_LOADERS_PYTHON", str(default))
    rates: Rates = {}
    for kind in PEERS if Path(python).exists() else ():
        export(folder, kind, f"{temporary}/{kind}", scheduler="synchronous")
        for workers in (0, WORKERS):
            script = str(ROOT / "tests/loaders/time_export.py")
            what = [kind, f"{temporary}/{kind}", "train", str(workers), str(REPEATS)]
            done = subprocess.run(
                [python, script, *what], check=False, capture_output=True, text=True
            )
            name = f"{PEERS[kind]}, {f'{workers} workers' if workers else 'no workers'}"
            if done.returncode:
                print(f"{name}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
            else:
                clock, cpu = map(float, done.stdout.split()[-2:])
                rates[name] = clock, cpu
    return rates


def run(folder: str | None = None) -> Rates:
    """Measure a dataset, or one that is built for it; returns images a second by way of reading."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as temporary:
        if folder is None:
            folder = f"{temporary}/dataset"
            _build(folder)
        rates = measure_all(open_dataset(folder)["train"], f"{temporary}/hf")
        rates |= measure_peers(folder, f"{temporary}/peers")
        return rates | measure_drawn() | measure_store(folder, f"{temporary}/store")


def _load_config() -> Config:
    sizes = {"train": 6000, "val": 1, "test": 1}
    overrides = [f"splits.{name}.samples={size}" for name, size in sizes.items()]
    return load_config(ROOT / "configs/default.yaml", overrides)


def _build(folder: str) -> None:
    """Build 6,000 images of configs/default.yaml, in shards of 1,000."""
    build(_load_config(), folder)


def describe(rates: Rates) -> str:
    """Return the table."""
    lines = [f"{'images/s':>10}{'by processor time':>20}"]
    for name, (clock, cpu) in rates.items():
        is_alone = f"{WORKERS} workers" not in name
        lines.append(f"{clock:10,.0f}{f'{cpu:,.0f}' if is_alone else '':>20}  {name}")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    print(describe(run(sys.argv[1] if len(sys.argv) > 1 else None)))


if __name__ == "__main__":
    main()
