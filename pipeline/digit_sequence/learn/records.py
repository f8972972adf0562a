"""What a training run is told, and what is known of it: both are in its checkpoints."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from digit_sequence.base.errors import ConfigError, OutputError
from digit_sequence.learn.network import NETWORKS

WARM_UP = 0.05
"""Share of all steps in which the learning rate rises."""


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
    network: str = "fast"
    """One of `NETWORKS`."""
    bfloat16: bool = False
    """Compute in bfloat16 what may be, on a CPU as well if it has AVX-512; a GPU always does."""

    def __post_init__(self) -> None:
        """Refuse a network that there is not."""
        if self.network not in NETWORKS:
            raise ConfigError(f"network: expected {' or '.join(NETWORKS)}, got {self.network!r}")

    def find_rate(self, epochs: float) -> float:
        """Return the learning rate after some epochs.

        It rises linearly, then falls as half a cosine (Loshchilov and Hutter, SGDR, ICLR 2017).

        >>> options = TrainOptions(epochs=20, learning_rate=1.0)
        >>> options.find_rate(1.0), options.find_rate(20.0)
        (1.0, 0.0)
        """
        share = epochs / self.epochs
        if share < WARM_UP:
            return self.learning_rate * (share + 1e-3) / WARM_UP
        fall = (share - WARM_UP) / (1 - WARM_UP)
        return self.learning_rate * (1 + math.cos(math.pi * fall)) / 2


EpochRecord = dict[str, int | float]
"""What is known of a finished epoch; the first has the number 1."""
_RECORD_NAMES = {"epoch", "train_loss", "val_loss", "val_exact_match", "seconds"}


@dataclass
class Progress:
    """Where a run is; all of it is in a checkpoint."""

    epoch: int = 0
    """Epochs that are finished."""
    batches: int = 0
    """Done in the next one."""
    loss_sum: float = 0.0
    """Over the samples of that epoch."""
    seconds: float = 0.0
    """Spent, of all runs that were stopped and went on."""
    cpu_seconds: float = 0.0
    """Of all cores together."""
    best_epoch: int = 0
    """The last after which val was read about best, 1 for the first; 0 if none is finished."""
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
