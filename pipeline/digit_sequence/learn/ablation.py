"""An ablation: trainings that differ in one thing, and what each of them reads of the same tests.

::

    OUT/
      ablation.json              what is built and trained, written first
      builds/VARIANT/            a dataset each: base, and one for each thing that is left out
      runs/VARIANT/SEED/         a training run each
      ablation.md, ablation.png  exact match and character error rate, with intervals
      ablation.csv               the same
      readings.parquet           what each run read in each sample of each test

Builds and runs are those of ``build`` and ``train``: what was stopped goes on when the same command
is given again, what is finished is not done again, and variants and seeds may be added. Needs the
extra ``torch``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.documents import parse_json, take
from digit_sequence.base.errors import ConfigError, OutputError
from digit_sequence.base.files import open_new
from digit_sequence.base.folders import open_folder
from digit_sequence.base.names import SplitName
from digit_sequence.base.text import count_things, list_first
from digit_sequence.building.sampler import Sampler, open_sampler
from digit_sequence.learn.checks import check_splits
from digit_sequence.learn.crop_files import list_crops, load_crop
from digit_sequence.learn.evaluation import read_split
from digit_sequence.learn.label_files import read_labels
from digit_sequence.learn.parts import Variant
from digit_sequence.learn.reader import Reader
from digit_sequence.learn.records import TrainOptions
from digit_sequence.learn.report import Reading
from digit_sequence.learn.training import RUN_FILES, Run, train
from digit_sequence.read.dataset import open_dataset
from digit_sequence.read.split import Split

RECORD = "ablation.json"


@dataclass(frozen=True)
class Crops:
    """Real crops as a test."""

    images: list[NDArray[np.uint8]]
    numbers: list[str]


@dataclass(frozen=True)
class Outcome:
    """What a training run came to."""

    variant: str
    seed: int
    readings: dict[str, Reading]
    """Of each test, by its name."""
    seconds: float
    """Of training."""
    cpu_seconds: float
    """Of all cores together."""


@dataclass(frozen=True)
class Ablation:
    """What is to be trained, and where."""

    folder: Path
    samplers: Mapping[str, Sampler]
    """Of the dataset of each variant, by its name; the first is that with everything."""
    options: TrainOptions
    """But for the seed; seeds count from 0."""
    n_seeds: int

    def build_folder(self, variant: str) -> Path:
        """Return where the dataset of a variant is."""
        return self.folder / "builds" / variant

    def run_folder(self, variant: str, seed: int) -> Path:
        """Return where a run of a variant is."""
        return self.folder / "runs" / variant / str(seed)

    def make_record(self, overwrite: bool = False) -> bytes:
        """Return what the folder is to be claimed by; it takes up what is there.

        Raises
        ------
        OutputError
            If the folder holds anything else, or another ablation that is not to be overwritten.
        """
        record: dict[str, dict[str, Any]] = {
            "options": {k: value for k, value in asdict(self.options).items() if k != "seed"},
            "builds": {
                name: {"fingerprint": sampler.plan.fingerprint}
                | {split.name: split.n_samples for split in sampler.plan.splits.values()}
                for name, sampler in self.samplers.items()
            },
        }
        if saved := _read_record(self.folder, overwrite):
            differing = [
                f"{part}.{name}: {saved[part][name]!r} there, {value!r} here"
                for part, values in record.items()
                for name, value in values.items()
                if saved[part].get(name, value) != value
            ]
            if differing:
                raise OutputError(
                    f"{self.folder}: holds another ablation. Nothing was touched; choose another "
                    "--output, or --overwrite to build and train anew. These differ:\n"
                    f"{list_first(differing)}"
                )
            record["builds"] = saved["builds"] | record["builds"]
        return (json.dumps(record, indent=1) + "\n").encode()

    def claim(self, record: bytes, overwrite: bool = False) -> None:
        """Write the record and make the folders, none of them by way of a link.

        Parameters
        ----------
        record : bytes
            From `make_record`.
        overwrite : bool
            Remove all runs.
        """
        runs = [self.run_folder(*it) for it in product(self.samplers, range(self.n_seeds))]
        former = [path.parent for path in self.folder.glob("runs/*/*/last.pt")] if overwrite else ()
        try:
            for path in former:
                with open_folder(path, self.folder) as folder:
                    for name in RUN_FILES:
                        with suppress(FileNotFoundError):
                            folder.unlink(name)
            with open_new(self.folder / RECORD) as file:
                file.write(record)
            for path in (*map(self.build_folder, self.samplers), *runs):
                with open_folder(path, self.folder, create=True):
                    pass
        except OSError as error:
            raise OutputError(f"{self.folder}: cannot be used: {error.strerror}") from error

    @property
    def train_samples(self) -> int:
        """Samples of train in an epoch."""
        built = self._count_built("train")
        return min(built, self.options.limit or built)

    @property
    def epoch_samples(self) -> int:
        """Samples of an epoch: train to learn from, then val to read."""
        return self.train_samples + self._count_built("val")

    def _count_built(self, split: SplitName) -> int:
        return next(iter(self.samplers.values())).plan.splits[split].n_samples

    def train(
        self, tests: Mapping[str, Split | Crops], on_batch: Callable[[int, bool], None]
    ) -> Iterator[Outcome]:
        """Train each variant with the first seed, then with the next; read the tests with each.

        Parameters
        ----------
        tests : mapping of str to Split or Crops
            By name.
        on_batch : callable
            Called with a count of samples and whether they were trained now.
        """
        for seed, variant in product(range(self.n_seeds), self.samplers):
            dataset = open_dataset(self.build_folder(variant))
            options = replace(self.options, seed=seed)
            run = Run(dataset, self.run_folder(variant, seed), options)
            on_batch(run.done_samples, False)
            for _ in train(run, lambda samples: on_batch(samples, True)):
                pass
            readings = {name: read_test(run, test) for name, test in tests.items()}
            yield Outcome(variant, seed, readings, run.progress.seconds, run.progress.cpu_seconds)

    def describe(self) -> str:
        """Say what each training is."""
        options = self.options
        return (
            f"{count_things(options.epochs, 'epoch')} of "
            f"{count_things(self.train_samples, 'sample')} in batches of "
            f"{options.batch_size}, learning rate {options.learning_rate:g}"
        )


def _read_record(folder: Path, overwrite: bool) -> dict[str, dict[str, Any]] | None:
    try:
        names = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
        content = (folder / RECORD).read_bytes() if RECORD in names else None
    except OSError as error:
        raise OutputError(f"{folder}: cannot be used: {error.strerror}") from error
    if content is None:
        if found := [name for name in names if not name.startswith(".")]:
            raise OutputError(
                f"{folder}: expected an empty folder, or one of an ablation, got one that holds "
                f"{found[0]}; choose another --output"
            )
        return None
    if overwrite:
        return None
    try:
        document = parse_json(content)
        return {part: take(document, part, dict) for part in ("options", "builds")}
    except ValueError as error:
        raise OutputError(
            f"{folder / RECORD}: expected what an ablation has written: {error}; choose another "
            "--output, or --overwrite to begin anew"
        ) from error


def plan_variants(where: str, variants: Sequence[Variant]) -> dict[str, Sampler]:
    """Plan the dataset of each variant, by its name.

    Raises
    ------
    ConfigError
        If one cannot be built, or learned from; `where` is the config.
    """
    samplers = {}
    for variant in variants:
        samplers[variant.name] = open_sampler(variant.config)
        splits = samplers[variant.name].plan.splits
        canvas = variant.config.canvas
        longest: dict[str, int] = {name: split.numbers.max_digits for name, split in splits.items()}
        check_splits(where, (canvas.height, canvas.widest), longest)
    return samplers


def load_crops(folder: Path, labels: Path) -> Crops:
    """Read real crops and their labels, all of them.

    Raises
    ------
    ConfigError
        If a label or an image is missing, or cannot be read.
    """
    crops, _ = list_crops([folder])
    numbers = read_labels(labels, crops)
    images = []
    for name, path in crops.items():
        try:
            images.append(load_crop(path))
        except OSError as error:
            raise ConfigError(f"{folder}: {name[:80]}: {error.strerror or error}") from error
    return Crops(images, [numbers[name] for name in crops])


def read_test(run: Run, test: Split | Crops) -> Reading:
    """Read a test with the best weights of a run."""
    if isinstance(test, Split):
        return read_split(run.load_best(), test)[1]
    reader = Reader(run.folder)
    found = [reader.read(image) for image in test.images]
    return Reading(test.numbers, [it.number for it in found], [it.confidence for it in found])
