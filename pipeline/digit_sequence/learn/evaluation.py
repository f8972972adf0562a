"""What a network makes of a split: its loss, and the numbers that it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from digit_sequence.learn.batches import BLANK, CtcBatch, collate
from digit_sequence.learn.decoding import read_images
from digit_sequence.learn.network import Recognizer
from digit_sequence.learn.report import Reading
from digit_sequence.learn.streams import NumberDataset
from digit_sequence.read.split import Split

EVALUATION_BATCH = 256


def compute_loss(scores: Any, n_steps: Any, batch: CtcBatch) -> Any:
    """Return the CTC loss of each sample, float32 (B,).

    Parameters
    ----------
    scores : Tensor, shape (B, T, 11)
    n_steps : Tensor of int64, shape (B,)
    batch : CtcBatch
    """
    return nn.functional.ctc_loss(
        scores.transpose(0, 1),
        batch.padded_targets.to(scores.device, non_blocking=True),
        n_steps,
        batch.target_lengths,
        blank=BLANK,
        reduction="none",
        zero_infinity=True,
    )


def load_batches(split: Split, **options: Any) -> Iterator[CtcBatch]:
    """Yield batches of a split; each is read, or drawn, while the one before is used.

    Parameters
    ----------
    split : Split
    **options
        Of PyTorch's ``DataLoader``.
    """
    # A generator of its own: a loader begun in the middle of an epoch must not change the dropout.
    own = torch.Generator()
    batches = iter(DataLoader(NumberDataset(split), collate_fn=collate, generator=own, **options))
    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(next, batches, None)
        while (batch := ahead.result()) is not None:
            ahead = pool.submit(next, batches, None)
            yield batch


def read_split(
    model: Recognizer, split: Split, on_batch: Callable[[int], None] = lambda _samples: None
) -> tuple[float, Reading]:
    """Read all samples of a split; returns the mean loss and what was read.

    Parameters
    ----------
    model : Recognizer
    split : Split
    on_batch : callable
        Called with the samples of each batch.
    """
    reading, losses = Reading([], [], []), []
    model.eval()
    for batch in load_batches(split, batch_size=EVALUATION_BATCH):
        numbers, confidences, look = read_images(model, batch.images, batch.input_widths)
        losses.append(compute_loss(*look, batch))
        reading.truths.extend(batch.numbers)
        reading.predictions.extend(numbers)
        reading.confidences.extend(confidences)
        on_batch(len(batch.pixels))
    return float(torch.cat(losses).mean()), reading
