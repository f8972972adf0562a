"""A small network that reads a line of digits: convolutions alone, and CTC.

Columns of features become steps of a sequence, as in Shi, Bai and Yao, "An end-to-end trainable
neural network for image-based sequence recognition", PAMI 2017. Convolutions along the line take
the place of its recurrent layers (Bai, Kolter and Koltun, "An empirical evaluation of generic
convolutional and recurrent networks for sequence modeling", 2018): they learn faster, and know
no more of a line than a digit and its neighbours, so that they read longer numbers than they
were taught. Made small for CPUs: 0.3 million parameters as ``fast``, 0.4 as ``fine``, which looks
closer at strokes for half as much work again. Both see bright ink on dark paper: dark ink on bright
paper is inverted before.

=====================  ======================  ===============================
``fast``               ``fine``                size, channels x rows x columns
=====================  ======================  ===============================
image                  image                   1 x 32 x W
conv, stride 2         conv 5 x 5, stride 2    16 x 16 x W/2
conv, pool             2 conv, pool            32 x 8 x W/4
conv, pool             2 conv, pool            64 x 4 x W/4
conv                   conv                    96 x 4 x W/4
conv 4 x 1             conv 4 x 1              128 x 1 x W/4
4 residual conv 1 x 3  4 residual conv 1 x 3   128 x 1 x W/4
conv 1 x 1             conv 1 x 1              11 x W/4: blank, then 0 to 9; with signs more
=====================  ======================  ===============================
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
WIDTH = 128
"""Channels of a step."""
DILATIONS = (1, 2, 4, 1)
"""Of the convolutions along the line, in steps: a step sees 8 on either side, 68 columns."""
NETWORKS = ("fast", "fine")


def count_steps(height: int, width: int) -> int:
    """Return how many steps the network makes over an image.

    >>> count_steps(32, 192)
    48
    """
    return -(-round(width * ROWS / height) // STRIDE)


def count_all_steps(images: Any, widths: Any) -> Any:
    """Return how many steps the network makes over each image, int64 (B,).

    Parameters
    ----------
    images : Tensor, shape (B, C, H, W)
    widths : Tensor of int64, shape (B,)
        Columns of each image.
    """
    return torch.tensor([count_steps(images.shape[2], width) for width in widths.tolist()])


class Recognizer(nn.Module):  # type: ignore[misc]
    """The network.

    Parameters
    ----------
    alphabet : str
        Characters of the numbers that it is to read.
    network : {"fast", "fine"}
    """

    def __init__(self, alphabet: str = DIGITS, network: str = "fast") -> None:
        super().__init__()
        self.network = network
        first, second, third, fourth = CHANNELS
        is_fine = network == "fine"
        self.features = nn.Sequential(
            _convolve(1, first, side=5 if is_fine else 3, stride=2),
            _convolve(first, second),
            *([_convolve(second, second)] if is_fine else []),
            nn.MaxPool2d(2, ceil_mode=True),
            _convolve(second, third),
            *([_convolve(third, third)] if is_fine else []),
            nn.MaxPool2d((2, 1)),
            _convolve(third, fourth),
            nn.Conv2d(fourth, WIDTH, (ROWS // 8, 1), bias=False),
            nn.BatchNorm2d(WIDTH),
            nn.ReLU(inplace=True),
        )
        self.sequence = nn.Sequential(*(_Along(WIDTH, dilation) for dilation in DILATIONS))
        self.dropout = nn.Dropout(DROPOUT)
        self.classify = nn.Conv2d(WIDTH, count_classes(alphabet), 1)

    def forward(self, images: Any, widths: Any = None) -> Any:
        """Return the log probability of each class at each step.

        Parameters
        ----------
        images : Tensor of float32, shape (B, 1, H, W), 0 to 1
        widths : Tensor of int64, shape (B,), optional
            Columns of each image, where they differ: what is right of them is no part of it.

        Returns
        -------
        Tensor of float32, shape (B, T, classes), 11 of digits alone
        """
        images = brighten_ink(images, widths)
        if images.shape[2] != ROWS:
            columns = round(images.shape[3] * ROWS / images.shape[2])
            images = nn.functional.interpolate(images, (ROWS, columns), mode="bilinear")
        images = images.contiguous(memory_format=torch.channels_last)  # a fifth faster on CPUs
        steps = self.dropout(self.sequence(self.features(images)))
        return self.classify(steps).squeeze(2).transpose(1, 2).float().log_softmax(-1)


def brighten_ink(images: Any, widths: Any = None) -> Any:
    """Invert the images whose paper is brighter than their ink; parameters as of `Recognizer`.

    Most of an image is paper, so its mean is nearer to the level of the paper than of the ink.

    >>> brighten_ink(torch.tensor([[[[1.0, 1.0, 0.25, 0.0]]]]), torch.tensor([3])).tolist()
    [[[[0.0, 0.0, 0.75, 0.0]]]]
    """
    columns = torch.arange(images.shape[3], device=images.device)
    if widths is None:
        widths = torch.full((len(images),), len(columns))
    widths = widths.to(images.device, non_blocking=True)[:, None, None, None]
    is_inside = columns < widths
    mean = torch.where(is_inside, images, 0).mean((2, 3), keepdim=True) * len(columns) / widths
    darkest = torch.where(is_inside, images, torch.inf).amin((2, 3), keepdim=True)
    brightest = torch.where(is_inside, images, -torch.inf).amax((2, 3), keepdim=True)
    return torch.where(is_inside & (2 * mean > darkest + brightest), 1 - images, images)


class _Along(nn.Module):  # type: ignore[misc]
    """What a convolution along the line adds to each step."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, (1, 3), 1, (0, dilation), (1, dilation), bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, steps: Any) -> Any:
        """Return steps as they come, float32 (B, C, 1, T)."""
        return nn.functional.relu(steps + self.body(steps))


def _convolve(channels: int, features: int, side: int = 3, stride: int = 1) -> Any:
    return nn.Sequential(
        nn.Conv2d(channels, features, side, stride, padding=side // 2, bias=False),
        nn.BatchNorm2d(features),
        nn.ReLU(inplace=True),
    )


def make_recognizer(alphabet: str = DIGITS, network: str = "fast") -> Recognizer:
    """Return a network with fresh weights, laid out for CPUs."""
    model = Recognizer(alphabet, network)
    model.to(memory_format=torch.channels_last)
    return model
