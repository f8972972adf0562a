"""Which number an image shows: the likeliest over all paths, of two looks where one is not enough.

A path has one class at each step, and many paths spell the same number (Graves et al.,
"Connectionist temporal classification", ICML 2006). Where the best path has more than half of all
probability its number is the likeliest. Elsewhere a beam search over prefixes adds up paths
(Graves and Jaitly, "Towards end-to-end speech recognition with recurrent neural networks", ICML
2014): where digits touch or are odd, many paths of one number outweigh the best path of another.

A network sees every fourth column of an image, so it is not quite the same to it where a digit
stands. What it is not sure of it looks at again, half a step further along the line.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import nn

from digit_sequence.base.characters import CHARACTERS
from digit_sequence.learn.batches import BLANK, decode_classes, encode_numbers
from digit_sequence.learn.devices import find_device, mixed_precision
from digit_sequence.learn.network import ROWS, STRIDE, Recognizer, count_all_steps

BEAM = 8
"""Prefixes that a search keeps at each step."""
LEAST = 1e-4
"""A search leaves out what is less likely: classes of a step, and prefixes beside the likeliest."""

SURE = 0.9
"""A number as likely as this at the first look needs no other."""


class Look(NamedTuple):
    """What a network sees in images."""

    scores: Any
    """Log probabilities, Tensor of float32, shape (B, T, classes)."""
    n_steps: Any
    """Steps of each image, Tensor of int64, shape (B,)."""


def read_images(model: Recognizer, images: Any, widths: Any) -> tuple[list[str], list[float], Look]:
    """Return the number of each image, how likely it is (0 to 1), and the first look.

    Parameters
    ----------
    model : Recognizer
        In evaluation; on any device.
    images : Tensor of float32, shape (B, 1, H, W), 0 to 1
    widths : Tensor of int64, shape (B,)
        Columns of each image.
    """
    first = _look(model, images, widths)
    numbers, confidences = decode_scores(*first)
    unsure = [row for row, confidence in enumerate(confidences) if confidence < SURE]
    if unsure:
        half = round(images.shape[2] / ROWS * STRIDE / 2)
        further = nn.functional.pad(images[unsure], (half, 0, 0, 0), mode="replicate")
        second = _look(model, further, widths[unsure] + half)
        for row, other, n in zip(unsure, *second, strict=True):
            looks = [first.scores[row, : first.n_steps[row]], other[:n]]
            numbers[row], confidences[row] = choose_number(looks)
    return numbers, confidences, first


def _look(model: Recognizer, images: Any, widths: Any) -> Look:
    """Return what a network sees in images; on the CPU, wherever the network is."""
    device = find_device(model)
    with torch.inference_mode(), mixed_precision(device):
        scores = model(images.to(device), widths).cpu()
    return Look(scores, count_all_steps(images, widths))


def choose_number(looks: Sequence[Any]) -> tuple[str, float]:
    """Return the likeliest number of an image that was looked at in several ways.

    All that it may show by one of them is scored by each. The number with the highest sum of log
    likelihoods wins; how likely it is, is its mean likelihood, 0 to 1.

    Parameters
    ----------
    looks : sequence of Tensor of float32, shape (T, classes)
        Log probabilities; T may differ.
    """
    candidates = sorted({number for scores in looks for number in find_candidates(scores)})
    likelihoods = torch.stack([_score_all(scores, candidates) for scores in looks])
    best = int(likelihoods.sum(0).argmax())
    return candidates[best], min(1.0, float(likelihoods[:, best].exp().mean()))


def _score_all(scores: Any, numbers: Sequence[str]) -> Any:
    n_steps = torch.full((len(numbers),), len(scores))
    return score_numbers(scores.expand(len(numbers), -1, -1), n_steps, numbers)


def decode_scores(scores: Any, n_steps: Any) -> tuple[list[str], list[float]]:
    """Return the likeliest number of each image, and its probability over all paths, 0 to 1.

    Parameters
    ----------
    scores : Tensor of float32, shape (B, T, classes)
        Log probabilities.
    n_steps : Tensor of int64, shape (B,)
        Steps of each image; those that follow are no part of it.
    """
    best, classes = scores.max(-1)
    is_beside = torch.arange(scores.shape[1]) >= n_steps[:, None]
    numbers = decode_classes(classes.masked_fill(is_beside, BLANK))
    is_unsure = best.masked_fill(is_beside, 0).sum(-1) <= math.log(0.5)
    for row in is_unsure.nonzero().flatten().tolist():
        numbers[row] = find_candidates(scores[row, : n_steps[row]])[0]
    return numbers, score_numbers(scores, n_steps, numbers).exp().clamp(max=1).tolist()


def find_candidates(scores: Any, beam: int = BEAM) -> list[str]:
    """Return numbers that an image may show, the likeliest first.

    Parameters
    ----------
    scores : Tensor of float32, shape (T, classes)
        Log probabilities.
    beam : int
        Prefixes to keep at each step.

    Examples
    --------
    The best path says 1, then nothing; but most paths say 2.

    >>> steps = torch.tensor([[0.3, 0.0, 0.4, 0.3], [0.6, 0.0, 0.0, 0.4]])
    >>> find_candidates(steps.log())
    ['2', '1', '', '12']
    """
    beams = {"": (1.0, 0.0)}
    """How likely each prefix is, by paths that end with a blank, and by all others."""
    for step in scores.double().exp().tolist():
        likely = [(label, share) for label, share in enumerate(step) if share > LEAST]
        found: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for prefix, (after_blank, after_other) in beams.items():
            both = after_blank + after_other
            for label, share in likely:
                character = "" if label == BLANK else CHARACTERS[label - 1]
                if not character:
                    found[prefix][0] += share * both
                elif prefix.endswith(character):  # again only after a blank
                    found[prefix][1] += share * after_other
                    found[prefix + character][1] += share * after_blank
                else:
                    found[prefix + character][1] += share * both
        kept = sorted(found.items(), key=lambda item: -sum(item[1]))[:beam]
        scale = sum(kept[0][1])  # else all of a long line would become 0
        beams = {
            prefix: (after_blank / scale, after_other / scale)
            for prefix, (after_blank, after_other) in kept
            if after_blank + after_other > LEAST * scale
        }
    return list(beams)


def score_numbers(scores: Any, n_steps: Any, numbers: Sequence[str]) -> Any:
    """Return the log likelihood of a number in each image, over all its paths, float32 (B,).

    Parameters
    ----------
    scores : Tensor of float32, shape (B, T, classes)
        Log probabilities.
    n_steps : Tensor of int64, shape (B,)
    numbers : sequence of str
    """
    targets, lengths = encode_numbers(numbers)
    return -nn.functional.ctc_loss(
        scores.transpose(0, 1).contiguous(),
        targets,
        n_steps,
        lengths,
        blank=BLANK,
        reduction="none",
    )
