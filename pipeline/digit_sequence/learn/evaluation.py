"""What a network makes of a split: its loss, and the numbers that it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from digit_sequence.learn.batches import BLANK, CtcBatch, collate, decode_classes
from digit_sequence.learn.devices import find_device, mixed_precision
from digit_sequence.learn.network import Recognizer, count_steps
from digit_sequence.learn.report import Reading
from digit_sequence.learn.streams import NumberDataset
from digit_sequence.read.split import Split

EVALUATION_BATCH = 256


def compute_loss(scores: Any, batch: CtcBatch) -> Any:
    """Return the CTC loss of each sample, float32 (B,).

    Parameters
    ----------
    scores : Tensor, shape (B, T, 11)
    batch : CtcBatch
    """
    return nn.functional.ctc_loss(
        scores.transpose(0, 1),
        batch.padded_targets.to(scores.device, non_blocking=True),
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
    device = find_device(model)
    reading, losses = Reading([], [], []), []
    model.eval()
    with torch.inference_mode():
        for batch in load_batches(split, batch_size=EVALUATION_BATCH):
            with mixed_precision(device):
                scores = model(batch.images.to(device), batch.input_widths).cpu()
            losses.append(compute_loss(scores, batch))
            best, classes = scores.max(-1)
            is_beside = torch.arange(scores.shape[1]) >= count_input_steps(batch)[:, None]
            best, classes = best.masked_fill(is_beside, 0), classes.masked_fill(is_beside, BLANK)
            reading.truths.extend(batch.numbers)
            reading.predictions.extend(decode_classes(classes))
            reading.confidences.extend(best.sum(-1).exp().tolist())
            on_batch(len(batch.images))
    return float(torch.cat(losses).mean()), reading
