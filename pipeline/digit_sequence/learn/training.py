"""The reference training job: a network learns to read a dataset, and says how well it does.

::

    RUN/
      report.md, report.json    exact match and character error rate by number of characters
      curve.png                 learning curve
      mistakes.png              the mistakes on test that the network was surest of
      best.pt                   weights of the last epoch that read val about best, and what
                                images they know
      last.pt                   everything needed to go on

Stopped at any point, the same command goes on and ends with the same weights: orders, weights and
random states are saved with their position. About best is within two standard errors of the best,
which chance may be: the learning rate falls to 0, so later weights are better if val cannot tell.
Needs the extra ``torch``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import nn

from digit_sequence.base.errors import OutputError
from digit_sequence.learn.batches import CtcBatch
from digit_sequence.learn.checkpoints import (
    CHECKPOINTS,
    adopt_weights,
    check_identity,
    check_like,
    load_checkpoint,
    load_weights,
    parse_record,
    reading,
    save_atomically,
)
from digit_sequence.learn.checks import check_dataset
from digit_sequence.learn.crops import measure_dataset
from digit_sequence.learn.devices import (
    get_random_state,
    has_bfloat16,
    mixed_precision,
    open_device,
    set_random_state,
)
from digit_sequence.learn.evaluation import compute_loss, load_batches, read_split
from digit_sequence.learn.network import Recognizer, count_all_steps, make_recognizer
from digit_sequence.learn.optimizers import load_optimizer, make_optimizers
from digit_sequence.learn.records import EpochRecord, Progress, TrainOptions
from digit_sequence.learn.report import measure
from digit_sequence.learn.sampler import ShardBatchSampler
from digit_sequence.read.splits import Splits

CHECKPOINT_SECONDS = 60.0
"""A checkpoint is written at the end of an epoch, and when the last one is this old."""
MAX_GRADIENT = 5.0
REPORT_FILES = ("report.md", "report.json", "curve.png", "mistakes.png")
"""What a run writes at its end."""
RUN_FILES = (*CHECKPOINTS, *REPORT_FILES)
CURVE_POINTS = 20
"""Points of the learning curve for each epoch."""


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
    device : {"cpu", "cuda"}
        What it learns on; on a GPU in bfloat16 where that may be.
    weights : Path, optional
        What to begin with: the folder of another run, or its best.pt.

    Raises
    ------
    ConfigError
        If the dataset cannot teach (a split is missing, or images are too narrow), the device is
        not there, or the weights know other characters.
    OutputError
        If the folder holds another run.
    """

    def __init__(
        self,
        dataset: Splits,
        folder: Path,
        options: TrainOptions,
        overwrite: bool = False,
        device: str = "cpu",
        weights: Path | None = None,
    ) -> None:
        check_dataset(dataset)
        self.device = open_device(device)
        options = replace(options, bfloat16=options.bfloat16 and has_bfloat16(self.device))
        torch.manual_seed(options.seed)
        self.model = make_recognizer(dataset.alphabet, options.network)
        self._first = ""
        if weights is not None:
            self._first = adopt_weights(self.model, weights, dataset.alphabet)
        for name in RUN_FILES if overwrite else ():
            (folder / name).unlink(missing_ok=True)
        self.dataset, self.folder, self.options = dataset, folder, options
        train = dataset["train"]
        self.train = train if options.limit is None else train[: options.limit]
        self.model.to(self.device)
        self.optimizers = make_optimizers(
            self.model, options.weight_decay, options.bfloat16 or self.device.type == "cuda"
        )
        # Alone, whatever RANK and WORLD_SIZE say where this runs.
        self.sampler = ShardBatchSampler(
            self.train, options.batch_size, seed=options.seed, rank=0, world_size=1
        )
        self.progress = Progress()
        self._losses: list[tuple[Any, int]] = []
        self._taught = measure_dataset(dataset)
        self._saved = time.perf_counter()
        self._clock = (0.0, 0.0)
        self._load()

    # What another run must have the same of, to go on with this one.
    def _identity(self) -> dict[str, Any]:
        samples = {name: len(split) for name, split in self.dataset.items()}
        return {
            "dataset": self.dataset.fingerprint,
            "samples": samples,
            "device": self.device.type,
            "weights": self._first,
            **asdict(self.options),
        }

    @property
    def is_finished(self) -> bool:
        """Whether all epochs are done, or further ones would not help."""
        progress = self.progress
        best = max(progress.history, key=lambda it: it["val_exact_match"], default={"epoch": 0})
        waited = progress.epoch - best["epoch"]
        return progress.epoch >= self.options.epochs or waited >= self.options.patience

    @property
    def epoch_samples(self) -> int:
        """Samples of an epoch: train to learn from, then val to read."""
        return len(self.train) + len(self.dataset["val"])

    @property
    def done_samples(self) -> int:
        """Samples seen so far, those of every epoch."""
        seen = min(self.progress.batches * self.options.batch_size, len(self.train))
        return self.progress.epoch * self.epoch_samples + seen

    def train_epoch(self, on_batch: Callable[[int], None]) -> None:
        """Train to the end of the epoch, then read val, and save."""
        progress = self.progress
        self.sampler.set_epoch(progress.epoch)
        self.sampler.load_state_dict(self.sampler.state_after(progress.batches))
        is_pinned = self.device.type == "cuda"
        batches = load_batches(self.train, batch_sampler=self.sampler, pin_memory=is_pinned)
        self.model.train()
        self._clock = (time.perf_counter(), time.process_time())
        for batch in batches:
            self._losses.append((self._step(batch), len(batch.pixels)))
            progress.batches += 1
            self._extend_curve()
            on_batch(len(batch.pixels))
            if time.perf_counter() - self._saved > CHECKPOINT_SECONDS:
                self._read_clock()
                self.save()
        val_loss, reading = read_split(self.model, self.dataset["val"], on_batch)
        self._read_clock()
        self._finish_epoch(val_loss, measure(reading)["exact_match"])

    def _extend_curve(self) -> None:
        progress, n_batches = self.progress, len(self.sampler)
        if progress.batches * CURVE_POINTS // n_batches > (
            (progress.batches - 1) * CURVE_POINTS // n_batches
        ):
            self._fetch_losses()
            epochs = progress.epoch + progress.batches / n_batches
            progress.curve.append((epochs, fmean(progress.recent_losses)))
            progress.recent_losses = []

    def _fetch_losses(self) -> None:
        """Take the losses of the last batches from the device, which is not waited for before."""
        if self._losses:
            losses, counts = zip(*self._losses, strict=True)
            for loss, n_samples in zip(torch.stack(losses).tolist(), counts, strict=True):
                self.progress.loss_sum += loss * n_samples
                self.progress.recent_losses.append(loss)
        self._losses = []

    def _read_clock(self) -> None:
        """Add the time since the clock was read last."""
        now = (time.perf_counter(), time.process_time())
        self.progress.seconds += now[0] - self._clock[0]
        self.progress.cpu_seconds += now[1] - self._clock[1]
        self._clock = now

    def _step(self, batch: CtcBatch) -> Any:
        """Learn from a batch; returns its mean loss, which stays on the device."""
        done = self.progress.epoch + self.progress.batches / len(self.sampler)
        rate = self.options.find_rate(done)
        with mixed_precision(self.device, self.options.bfloat16):
            sent = batch._replace(pixels=batch.pixels.to(self.device, non_blocking=True))
            scores = self.model(sent.images, batch.input_widths)
        n_steps = count_all_steps(batch.pixels, batch.input_widths)
        loss = compute_loss(scores, n_steps, batch).mean()
        self.model.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), MAX_GRADIENT)
        for optimizer in self.optimizers:
            optimizer.param_groups[0]["lr"] = rate
            optimizer.step()
        return loss.detach()

    def _finish_epoch(self, val_loss: float, exact_match: float) -> None:
        progress = self.progress
        progress.history.append(
            {
                "epoch": progress.epoch + 1,
                "train_loss": progress.loss_sum / len(self.train),
                "val_loss": val_loss,
                "val_exact_match": exact_match,
                "seconds": progress.seconds,
            }
        )
        best = max(entry["val_exact_match"] for entry in progress.history)
        margin = 2 * math.sqrt(best * (1 - best) / len(self.dataset["val"]))
        if exact_match >= best - margin:
            progress.best_epoch = progress.epoch + 1
            content = {
                "taught": asdict(self._taught),
                "network": self.options.network,
                "model": self.model.state_dict(),
            }
            save_atomically(self.folder / "best.pt", content)
        progress.epoch, progress.batches, progress.loss_sum = progress.epoch + 1, 0, 0.0
        self.save()

    def save(self) -> None:
        """Write the checkpoint to go on from."""
        self._fetch_losses()
        content = {
            "identity": self._identity(),
            "progress": asdict(self.progress),
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "random_state": get_random_state(self.device),
        }
        save_atomically(self.folder / "last.pt", content)
        self._saved = time.perf_counter()

    def _load(self) -> None:
        path = self.folder / "last.pt"
        if not path.exists():
            if found := [name for name in REPORT_FILES if (self.folder / name).exists()]:
                raise OutputError(
                    f"{self.folder}: holds {found[0]} but no last.pt of a run; choose another "
                    "--output, or --overwrite to replace it"
                )
            return
        saved = load_checkpoint(path)
        with reading(path):
            identity = dict(saved["identity"])
        check_identity(self.folder, identity, self._identity())
        with reading(path):
            progress = parse_record(Progress, saved["progress"])
            check_like(saved["model"], self.model.state_dict(), "model")
            self.model.load_state_dict(saved["model"])
            for optimizer, state in zip(self.optimizers, saved["optimizers"], strict=True):
                load_optimizer(optimizer, state)
            set_random_state(self.device, saved["random_state"])
        self.progress = progress

    def load_best(self) -> Recognizer:
        """Return the network of `best.pt`."""
        return load_weights(self.folder / "best.pt")[0]


def train(run: Run, on_batch: Callable[[int], None]) -> Iterator[EpochRecord]:
    """Train to the end; yields the record of each epoch.

    Parameters
    ----------
    run : Run
    on_batch : callable
        Called with the samples of each batch, of train and of val.
    """
    while not run.is_finished:
        run.train_epoch(on_batch)
        yield run.progress.history[-1]
