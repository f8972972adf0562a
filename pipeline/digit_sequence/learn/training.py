"""The reference training job: a network learns to read a dataset, and says how well it does.

::

    RUN/
      report.md, report.json    exact match and character error rate by number of characters
      curve.png                 learning curve
      mistakes.png              the mistakes on test that the network was surest of
      best.pt                   weights that read val best, and what images they know
      last.pt                   everything needed to go on

Stopped at any point, the same command goes on and ends with the same weights: orders, weights and
random states are saved with their position. Needs the extra ``torch``.
"""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from digit_sequence.base.characters import show_characters
from digit_sequence.base.errors import ConfigError, OutputError
from digit_sequence.learn.batches import BLANK, CtcBatch, collate, decode_classes
from digit_sequence.learn.checkpoints import (
    check_like,
    load_checkpoint,
    parse_record,
    reading,
    save_atomically,
)
from digit_sequence.learn.crops import Taught, measure_images
from digit_sequence.learn.doubtful import measure_both, open_doubtful
from digit_sequence.learn.network import Recognizer, count_steps, make_recognizer
from digit_sequence.learn.report import Reading, draw_curve, draw_mistakes, measure, write_markdown
from digit_sequence.learn.sampler import ShardBatchSampler
from digit_sequence.learn.streams import NumberDataset
from digit_sequence.read.split import Split
from digit_sequence.read.splits import Splits

WARM_UP = 0.05
"""Share of all steps in which the learning rate rises."""
EVALUATION_BATCH = 256
CHECKPOINT_SECONDS = 60.0
"""A checkpoint is written at the end of an epoch, and when the last one is this old."""
MAX_GRADIENT = 5.0
RUN_FILES = ("last.pt", "best.pt", "report.md", "report.json", "curve.png", "mistakes.png")
"""What a run writes."""
MEASURED = 256
"""Images of train by which a reader knows paper and ink."""
CURVE_POINTS = 20
"""Points of the learning curve for each epoch."""


@dataclass(frozen=True)
class TrainOptions:
    """What decides the weights, apart from the dataset."""

    epochs: int = 6
    batch_size: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    patience: int = 4
    """Stop after this many epochs in which val was not read better."""
    seed: int = 0
    limit: int | None = None
    """Use only the first samples of train."""


EpochRecord = dict[str, int | float]
"""What is known of a finished epoch."""
_RECORD_NAMES = {"epoch", "train_loss", "val_loss", "val_exact_match", "seconds"}


@dataclass
class Progress:
    """Where a run is; all of it is in a checkpoint."""

    epoch: int = 0
    batches: int = 0
    """Done in this epoch."""
    loss_sum: float = 0.0
    """Over the samples of this epoch."""
    seconds: float = 0.0
    """Spent, of all runs that were stopped and went on."""
    cpu_seconds: float = 0.0
    """Of all cores together."""
    best_epoch: int = -1
    history: list[EpochRecord] = field(default_factory=list)
    """One entry for each finished epoch."""
    curve: list[tuple[float, float]] = field(default_factory=list)
    """Epochs done, and the mean loss on train since the point before."""
    recent_losses: list[float] = field(default_factory=list)
    """Of the batches since the last point of the curve."""

    def __post_init__(self) -> None:
        """Check the entries, which may come from a file."""
        if any(set(entry) != _RECORD_NAMES for entry in self.history):
            raise OutputError("progress: other records than here")


class Run:
    """One training run: the network, its optimizer, and where it is.

    Parameters
    ----------
    dataset : Splits
        On a disk, or drawn from a config while the network learns.
    folder : Path
        Of the run.
    options : TrainOptions
    overwrite : bool
        Remove the files of the run that the folder holds.

    Raises
    ------
    ConfigError
        If the dataset cannot teach: a split is missing, or images are too narrow.
    OutputError
        If the folder holds another run.
    """

    def __init__(
        self, dataset: Splits, folder: Path, options: TrainOptions, overwrite: bool = False
    ) -> None:
        check_dataset(dataset)
        for name in RUN_FILES if overwrite else ():
            (folder / name).unlink(missing_ok=True)
        self.dataset, self.folder, self.options = dataset, folder, options
        train = dataset["train"]
        self.train = train if options.limit is None else train[: options.limit]
        torch.manual_seed(options.seed)
        self.model = make_recognizer(dataset.alphabet)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), weight_decay=options.weight_decay
        )
        # Alone, whatever RANK and WORLD_SIZE say where this runs.
        self.sampler = ShardBatchSampler(
            self.train, options.batch_size, seed=options.seed, rank=0, world_size=1
        )
        self.progress = Progress()
        self._taught = measure_dataset(dataset)
        self._saved = time.perf_counter()
        self._clock = (0.0, 0.0)
        self._load()

    # What another run must have the same of, to go on with this one.
    def _identity(self) -> dict[str, Any]:
        samples = {name: len(split) for name, split in self.dataset.items()}
        return {"dataset": self.dataset.fingerprint, "samples": samples, **asdict(self.options)}

    @property
    def is_finished(self) -> bool:
        """Whether all epochs are done, or further ones would not help."""
        progress = self.progress
        waited = progress.epoch - 1 - progress.best_epoch
        return progress.epoch >= self.options.epochs or waited >= self.options.patience

    @property
    def done_samples(self) -> int:
        """Samples seen so far, those of every epoch."""
        seen = min(self.progress.batches * self.options.batch_size, len(self.train))
        return self.progress.epoch * len(self.train) + seen

    def train_epoch(self, on_batch: Callable[[int, float], None]) -> None:
        """Train to the end of the epoch, then read val, and save."""
        progress = self.progress
        self.sampler.set_epoch(progress.epoch)
        self.sampler.load_state_dict(self.sampler.state_after(progress.batches))
        loader = DataLoader(
            NumberDataset(self.train),
            batch_sampler=self.sampler,
            collate_fn=collate,
            # Of its own: a loader begun in the middle of an epoch must not change the dropout.
            generator=torch.Generator(),
        )
        self.model.train()
        self._clock = (time.perf_counter(), time.process_time())
        for batch in loader:
            loss = self._step(batch)
            n_samples = len(batch.images)
            progress.loss_sum += loss * n_samples
            progress.batches += 1
            self._extend_curve(loss)
            on_batch(n_samples, loss)
            if time.perf_counter() - self._saved > CHECKPOINT_SECONDS:
                self._read_clock()
                self.save()
        val_loss, reading = read_split(self.model, self.dataset["val"])
        self._read_clock()
        self._finish_epoch(val_loss, measure(reading)["exact_match"])

    def _extend_curve(self, loss: float) -> None:
        progress, n_batches = self.progress, len(self.sampler)
        progress.recent_losses.append(loss)
        if progress.batches * CURVE_POINTS // n_batches > (
            (progress.batches - 1) * CURVE_POINTS // n_batches
        ):
            epochs = progress.epoch + progress.batches / n_batches
            progress.curve.append((epochs, fmean(progress.recent_losses)))
            progress.recent_losses = []

    def _read_clock(self) -> None:
        """Add the time since the clock was read last."""
        now = (time.perf_counter(), time.process_time())
        self.progress.seconds += now[0] - self._clock[0]
        self.progress.cpu_seconds += now[1] - self._clock[1]
        self._clock = now

    def _step(self, batch: CtcBatch) -> float:
        rate = self._learning_rate()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = compute_loss(self.model(batch.images), batch).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), MAX_GRADIENT)
        self.optimizer.step()
        return float(loss.detach())

    def _learning_rate(self) -> float:
        """Rise linearly, then fall as half a cosine (Loshchilov and Hutter, SGDR, ICLR 2017)."""
        done = self.progress.epoch + self.progress.batches / len(self.sampler)
        share = done / self.options.epochs
        if share < WARM_UP:
            return self.options.learning_rate * (share + 1e-3) / WARM_UP
        fall = (share - WARM_UP) / (1 - WARM_UP)
        return self.options.learning_rate * (1 + math.cos(math.pi * fall)) / 2

    def _finish_epoch(self, val_loss: float, exact_match: float) -> None:
        progress = self.progress
        best = max((entry["val_exact_match"] for entry in progress.history), default=-1.0)
        progress.history.append(
            {
                "epoch": progress.epoch,
                "train_loss": progress.loss_sum / len(self.train),
                "val_loss": val_loss,
                "val_exact_match": exact_match,
                "seconds": progress.seconds,
            }
        )
        if exact_match > best:
            progress.best_epoch = progress.epoch
            content = {"taught": asdict(self._taught), "model": self.model.state_dict()}
            save_atomically(self.folder / "best.pt", content)
        progress.epoch, progress.batches, progress.loss_sum = progress.epoch + 1, 0, 0.0
        self.save()

    def save(self) -> None:
        """Write the checkpoint to go on from."""
        content = {
            "identity": self._identity(),
            "progress": asdict(self.progress),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random_state": torch.get_rng_state(),
        }
        save_atomically(self.folder / "last.pt", content)
        self._saved = time.perf_counter()

    def _load(self) -> None:
        path = self.folder / "last.pt"
        if not path.exists():
            return
        saved = load_checkpoint(path)
        with reading(path):
            identity = dict(saved["identity"])
            differing = [
                f"  {name}: {identity.get(name)!r} there, {value!r} here"
                for name, value in self._identity().items()
                if identity.get(name) != value
            ]
        if differing:
            raise OutputError(
                f"{self.folder}: holds another run; these differ:\n"
                + "\n".join(differing)
                + "\nchoose another --output, or --overwrite to train anew"
            )
        with reading(path):
            progress = parse_record(Progress, saved["progress"])
            check_like(saved["model"], self.model.state_dict(), "model")
            states = saved["optimizer"]["state"]
            for index, weights in enumerate(self.model.parameters()):
                if index in states:
                    like = {"step": torch.zeros(()), "exp_avg": weights, "exp_avg_sq": weights}
                    check_like(states[index], like, "optimizer")
            self.model.load_state_dict(saved["model"])
            self.optimizer.load_state_dict(saved["optimizer"])
            torch.set_rng_state(saved["random_state"])
        self.progress = progress

    def load_best(self) -> Recognizer:
        """Return the network as it read val best."""
        return load_weights(self.folder / "best.pt")[0]


def load_weights(path: Path, advice: str = "remove it to train anew") -> tuple[Recognizer, Taught]:
    """Return a network that a run has taught, and on what images.

    Raises
    ------
    OutputError
        If the file has no weights of this network.
    """
    saved = load_checkpoint(path, advice)
    with reading(path, advice):
        if set(saved) != {"taught", "model"}:
            raise OutputError("it does not say what images its weights know")
        taught = parse_record(Taught, saved["taught"])
        model = make_recognizer(taught.alphabet)
        check_like(saved["model"], model.state_dict(), "model")
        if not all(torch.isfinite(tensor).all() for tensor in saved["model"].values()):
            raise OutputError("model: a weight that is no number")
        model.load_state_dict(saved["model"])
    return model.eval(), taught


def measure_dataset(dataset: Splits) -> Taught:
    """Return what the images of a dataset are like, by the first ones of train."""
    samples = dataset["train"].read(range(min(len(dataset["train"]), MEASURED)))
    taught = measure_images((sample.image for sample in samples), *dataset.image_shape)
    return replace(taught, alphabet=dataset.alphabet)


def check_dataset(dataset: Splits) -> None:
    """Refuse a dataset that cannot be learned from, before anything is written."""
    longest = {name: split.max_digits for name, split in dataset.items()}
    check_splits(dataset.uri, dataset.image_shape, longest)


def check_splits(where: str, image_shape: tuple[int, int], max_digits: Mapping[str, int]) -> None:
    """Refuse what cannot be learned from, whether it is built or planned.

    Parameters
    ----------
    where : str
        The dataset or the config, for messages.
    image_shape : (int, int)
        Rows and columns of the widest image.
    max_digits : mapping of str to int
        Characters of the longest number of each split.

    Raises
    ------
    ConfigError
        If a split is missing, or images are too narrow.
    """
    lacking = [name for name in ("train", "val", "test") if name not in max_digits]
    if lacking:
        raise ConfigError(
            f"{where}: training needs the splits train, val and test, got none of "
            f"{', '.join(lacking)}; add it to the config and build again"
        )
    steps = count_steps(*image_shape)
    longest = max(max_digits.values())
    if steps < 2 * longest:
        raise ConfigError(
            f"{where}: expected images wide enough for two steps of the network for each of "
            f"{longest} characters, got {steps} steps; build it with a wider canvas"
        )


def check_other(where: str, image_shape: tuple[int, int], alphabet: str, other: Splits) -> None:
    """Refuse a dataset whose test split a network of `where`'s images cannot read."""
    if "test" not in other:
        raise ConfigError(f"{other.uri}: expected a split test to be read, got {', '.join(other)}")
    if other.image_shape != image_shape:
        raise ConfigError(
            f"{other.uri}: expected images of {image_shape} rows and columns, those of {where}, "
            f"got {other.image_shape}"
        )
    if unknown := "".join(it for it in other.alphabet if it not in alphabet):
        raise ConfigError(
            f"{other.uri}: expected numbers of the characters of {where}, "
            f"{show_characters(alphabet)}, got {show_characters(unknown)} as well"
        )


def compute_loss(scores: Any, batch: CtcBatch) -> Any:
    """Return the CTC loss of each sample, float32 (B,).

    Parameters
    ----------
    scores : Tensor, shape (B, T, 11)
    batch : CtcBatch
    """
    return nn.functional.ctc_loss(
        scores.transpose(0, 1),
        batch.padded_targets,
        count_input_steps(batch),
        batch.target_lengths,
        blank=BLANK,
        reduction="none",
        zero_infinity=True,
    )


def count_input_steps(batch: CtcBatch) -> Any:
    """Return how many steps the network makes over each image of a batch, int64 (B,)."""
    height = batch.images.shape[2]
    return torch.tensor([count_steps(height, width) for width in batch.input_widths.tolist()])


def read_split(model: Recognizer, split: Split) -> tuple[float, Reading]:
    """Read all samples of a split; returns the mean loss and what was read."""
    loader = DataLoader(
        NumberDataset(split), EVALUATION_BATCH, collate_fn=collate, generator=torch.Generator()
    )
    reading, losses = Reading([], [], []), []
    model.eval()
    with torch.inference_mode():
        for batch in loader:
            scores = model(batch.images)
            losses.append(compute_loss(scores, batch))
            best, classes = scores.max(-1)
            is_beside = torch.arange(scores.shape[1]) >= count_input_steps(batch)[:, None]
            best, classes = best.masked_fill(is_beside, 0), classes.masked_fill(is_beside, BLANK)
            reading.truths.extend(batch.numbers)
            reading.predictions.extend(decode_classes(classes))
            reading.confidences.extend(best.sum(-1).exp().tolist())
    return float(torch.cat(losses).mean()), reading


def write_report(run: Run, others: Mapping[str, Splits]) -> dict[str, Any]:
    """Read val, test, and the tests of other datasets with the best weights; write the report."""
    model = run.load_best()
    datasets = {"val": run.dataset, "test": run.dataset}
    datasets |= {f"test of {name}": other for name, other in others.items()}
    results: dict[str, Any] = {}
    mistakes, remarks = None, []
    for name, dataset in datasets.items():
        split = dataset["val" if name == "val" else "test"]
        _, reading = read_split(model, split)
        is_doubtful = np.zeros(len(split), np.bool_)
        if split.name == "test" and (doubtful := open_doubtful(dataset)):
            is_doubtful = doubtful.find(split.labels(["glyph_ids"])["glyph_ids"].to_pylist())
            remarks.append(doubtful.describe(name, int(is_doubtful.sum())))
        results |= measure_both(name, reading, is_doubtful)
        if name == "test":
            mistakes = draw_mistakes(split, reading)
    progress = run.progress
    report = {
        "dataset": {"uri": run.dataset.uri, "fingerprint": run.dataset.fingerprint},
        "options": asdict(run.options),
        "train_samples": len(run.train),
        "parameters": sum(weights.numel() for weights in model.parameters()),
        "epochs": progress.epoch,
        "best_epoch": progress.best_epoch,
        "seconds": round(progress.seconds, 1),
        "cpu_seconds": round(progress.cpu_seconds, 1),
        "machine": describe_machine(),
        "results": results,
        "history": progress.history,
        "doubtful": remarks,
        "has_mistakes": mistakes is not None,
    }
    files = {
        "report.json": (json.dumps(report, indent=1) + "\n").encode(),
        "report.md": write_markdown(report).encode(),
        "curve.png": draw_curve(progress.history, progress.curve),
    }
    if mistakes is not None:
        files["mistakes.png"] = mistakes
    for name, content in files.items():
        (run.folder / name).write_bytes(content)
    return report


def describe_machine() -> str:
    """Say what trains here."""
    threads, machine = torch.get_num_threads(), platform.machine()
    return f"{threads} threads of {machine}, PyTorch {torch.__version__}"


def train(run: Run, on_batch: Callable[[int, float], None]) -> Iterator[EpochRecord]:
    """Train to the end; yields the record of each epoch.

    Parameters
    ----------
    run : Run
    on_batch : callable
        Called with the samples and the loss of each batch.
    """
    while not run.is_finished:
        run.train_epoch(on_batch)
        yield run.progress.history[-1]


def summarize(report: Mapping[str, Any]) -> Sequence[str]:
    """Return a line for each result, then what is to be said of doubtful digits."""
    lines = [
        f"{name:24} {result['samples']:8,} samples   exact match {result['exact_match']:7.2%}   "
        f"character error rate {result['character_error_rate']:.3%}"
        for name, result in report["results"].items()
    ]
    return [*lines, *report["doubtful"]]
