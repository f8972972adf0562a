"""A small CRNN that reads a line of digits: convolutions, one recurrent layer, CTC.

After Shi, Bai and Yao, "An end-to-end trainable neural network for image-based sequence
recognition", PAMI 2017, made small for CPUs: 0.2 million parameters.

===============  ==============================
layer            size, channels x rows x columns
===============  ==============================
image            1 x 32 x W
conv, stride 2   16 x 16 x W/2
conv, pool       32 x 8 x W/4
conv, pool       64 x 4 x W/4
conv             96 x 4 x W/4
conv 4 x 1       128 x 1 x W/4
LSTM, both ways 128 x W/4
linear           11 x W/4: blank, then 0 to 9; with signs more
===============  ==============================
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from digit_sequence.base.characters import DIGITS
from digit_sequence.learn.batches import count_classes

ROWS = 32
"""Images of another height are scaled to this one."""
STRIDE = 4
"""Columns of a scaled image for each step."""
DROPOUT = 0.1
CHANNELS = (16, 32, 64, 96)
"""Of the first four convolutions."""
HIDDEN = 64
"""Of the recurrent layer, each way."""


def count_steps(height: int, width: int) -> int:
    """Return how many steps the network makes over an image.

    >>> count_steps(32, 192)
    48
    """
    return -(-round(width * ROWS / height) // STRIDE)


class Recognizer(nn.Module):  # type: ignore[misc]
    """The network.

    Parameters
    ----------
    alphabet : str
        Characters of the numbers that it is to read.
    """

    def __init__(self, alphabet: str = DIGITS) -> None:
        super().__init__()
        first, second, third, fourth = CHANNELS
        self.features = nn.Sequential(
            _convolve(1, first, stride=2),
            _convolve(first, second),
            nn.MaxPool2d(2, ceil_mode=True),
            _convolve(second, third),
            nn.MaxPool2d((2, 1)),
            _convolve(third, fourth),
            nn.Conv2d(fourth, 2 * HIDDEN, (ROWS // 8, 1), bias=False),
            nn.BatchNorm2d(2 * HIDDEN),
            nn.ReLU(inplace=True),
        )
        self.sequence = nn.LSTM(2 * HIDDEN, HIDDEN, bidirectional=True, batch_first=True)
        self.dropout = nn.Dropout(DROPOUT)
        self.classify = nn.Linear(2 * HIDDEN, count_classes(alphabet))

    def forward(self, images: Any) -> Any:
        """Return the log probability of each class at each step.

        Parameters
        ----------
        images : Tensor of float32, shape (B, 1, H, W), 0 to 1

        Returns
        -------
        Tensor of float32, shape (B, T, classes), 11 of digits alone
        """
        if images.shape[2] != ROWS:
            columns = round(images.shape[3] * ROWS / images.shape[2])
            images = nn.functional.interpolate(images, (ROWS, columns), mode="bilinear")
        images = images.contiguous(memory_format=torch.channels_last)  # a fifth faster on CPUs
        columns = self.features(images).squeeze(2).transpose(1, 2)
        hidden, _ = self.sequence(self.dropout(columns))
        return self.classify(self.dropout(hidden)).log_softmax(-1)


def _convolve(channels: int, features: int, stride: int = 1) -> Any:
    return nn.Sequential(
        nn.Conv2d(channels, features, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(features),
        nn.ReLU(inplace=True),
    )


def make_recognizer(alphabet: str = DIGITS) -> Recognizer:
    """Return a network with fresh weights, laid out for CPUs."""
    model = Recognizer(alphabet)
    model.to(memory_format=torch.channels_last)
    return model
