"""Examples and batches: what a network and ``torch.nn.CTCLoss`` take (extra ``torch``).

A batch holds tensors alone, and row i of each is sample i. A dispatcher reads on one rank for all:
it puts batches together and cuts them up. Numbers, keys and boxes go along, since they are made
from the tensors when they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from digit_sequence.base.characters import CHARACTERS, encode_text
from digit_sequence.base.errors import ConfigError

BLANK = 0
"""CTC class that stands for no character; digit d is class d + 1, a sign its code + 1."""
_KEY_BYTES = 32
"""Keys are padded to a multiple of this, so that those of all batches have the same width."""
_CHANNELS = (1, 3, 4)


class Example(NamedTuple):
    """One sample, as datasets give it to `collate` or to PyTorch's `default_collate`."""

    image: Any
    """uint8 (H, W), or what the transform made of it."""
    number: str
    key: str
    boxes: NDArray[np.int32]
    """(D, 5) digit, top, left, bottom, right; (0, 5) unless asked for."""
    max_digits: int = 0
    """Characters of the longest number of the split: `collate` pads to so many."""
    source: str = ""
    """Which part of a mix it is of."""


class CtcBatch(NamedTuple):
    """B samples, ready for a network and ``torch.nn.CTCLoss``."""

    pixels: Any
    """uint8 (B, C, H, W), or of the type that a transform made of them."""
    padded_targets: Any
    """int64 (B, S), the classes of each number, then blanks; S is that of all batches."""
    target_lengths: Any
    """int64 (B,), characters of each number."""
    input_widths: Any
    """int64 (B,), columns of each image; divide by the stride of the network."""
    padded_keys: Any
    """uint8 (B, K), the letters of each key, then zeros."""
    padded_boxes: Any
    """int32 (B, S, 5) digit, top, left, bottom, right, then rows of -1; (B, 0, 5) unless asked
    for."""
    padded_sources: Any
    """uint8 (B, K), the letters of each source, then zeros; (B, 0) unless they are of a mix."""

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        """Send what is small as arrays: to share a tensor takes longer than to copy it."""
        pixels, *others = self
        return _rebuild, (pixels, *map(_unshare, others))

    @property
    def images(self) -> Any:
        """The pixels as float32 (B, C, H, W), made anew on their device; 0 to 1 if they are uint8.

        So that workers, and the way to a GPU, carry a quarter of the bytes.
        """
        return _scale_pixels(self.pixels)

    @property
    def targets(self) -> Any:
        """All classes of all numbers, one number after another, int64."""
        steps = torch.arange(self.padded_targets.shape[1], device=self.padded_targets.device)
        return self.padded_targets[steps < self.target_lengths[:, None]]

    @property
    def numbers(self) -> list[str]:
        """The number of each sample."""
        rows = zip(self.padded_targets.tolist(), self.target_lengths.tolist(), strict=True)
        return ["".join(CHARACTERS[label - 1] for label in row[:length]) for row, length in rows]

    @property
    def keys(self) -> list[str]:
        """The key of each sample."""
        return _decode_keys(self.padded_keys)

    @property
    def sources(self) -> list[str]:
        """Which part of a mix each sample is of; empty texts if they are of none."""
        return _decode_keys(self.padded_sources)

    @property
    def boxes(self) -> list[dict[str, Any]]:
        """Boxes as torchvision's detectors take them, empty unless asked for.

        `boxes` float32 (D, 4) left, top, right, bottom, and `labels` int64 (D,), digit + 1,
        of signs code + 1.
        """
        if not self.padded_boxes.shape[1]:
            return []
        return [_to_target(rows[rows[:, 0] >= 0]) for rows in self.padded_boxes]


def _unshare(part: Any) -> Any:
    """Return a tensor as an array; Accelerate sends batches of other things as well."""
    is_here = isinstance(part, torch.Tensor) and part.device.type == "cpu"
    return part.numpy() if is_here else part


def _rebuild(pixels: Any, *others: Any) -> CtcBatch:
    """Return a batch as it was before it was sent."""
    return CtcBatch(
        pixels, *(torch.from_numpy(it) if isinstance(it, np.ndarray) else it for it in others)
    )


def _to_target(boxes: Any) -> dict[str, Any]:
    return {
        "boxes": boxes[:, [2, 1, 4, 3]].to(torch.float32),
        "labels": boxes[:, 0].to(torch.int64) + 1,
    }


def count_classes(alphabet: str) -> int:
    """Return how many CTC classes an alphabet needs: the blank, and all codes up to its last.

    >>> count_classes("0123456789"), count_classes("0123456789,")
    (11, 13)
    """
    return 2 + CHARACTERS.index(alphabet[-1])


def encode_numbers(numbers: Sequence[str]) -> tuple[Any, Any]:
    """Return the classes of numbers one after another, and the length of each, both int64.

    >>> encode_numbers(["007", "4"])
    (tensor([1, 1, 8, 5]), tensor([3, 1]))
    """
    codes = np.frombuffer(encode_text("".join(numbers)), np.uint8).astype(np.int64)
    lengths = torch.tensor([len(number) for number in numbers], dtype=torch.int64)
    return torch.from_numpy(codes + 1), lengths


def decode_classes(classes: Any) -> list[str]:
    """Turn the best class of every step into numbers: drop repetitions, then blanks.

    Greedy CTC decoding (Graves et al., "Connectionist temporal classification", ICML 2006).

    Parameters
    ----------
    classes : Tensor of integers, shape (B, T)

    Examples
    --------
    >>> decode_classes(torch.tensor([[0, 1, 1, 0, 1, 8, 8, 0]]))
    ['007']
    """
    return ["".join(_collapse(row)) for row in classes.tolist()]


def _collapse(row: list[int]) -> Iterator[str]:
    previous = BLANK
    for label in row:
        if label not in (previous, BLANK):
            yield CHARACTERS[label - 1]
        previous = label


def collate(examples: Sequence[Example]) -> CtcBatch:
    """Make a batch of examples.

    Images without an axis of channels get one; narrower ones have 0 right of them.

    Raises
    ------
    ConfigError
        If images are no arrays of numbers of shape (H, W) or (C, H, W), or differ in their type or
        shape, but for their width.
    """
    images = [_to_array(example.image) for example in examples]
    targets, lengths = encode_numbers([example.number for example in examples])
    longest = max(int(lengths.max()), *(example.max_digits for example in examples))
    padded = torch.full((len(examples), longest), BLANK, dtype=torch.int64)
    padded[torch.arange(longest) < lengths[:, None]] = targets
    return CtcBatch(
        pixels=_stack_pixels(images),
        padded_targets=padded,
        target_lengths=lengths,
        input_widths=torch.tensor([image.shape[-1] for image in images]),
        padded_keys=_pad_keys([example.key.encode() for example in examples]),
        padded_boxes=_pad_boxes([example.boxes for example in examples], longest),
        padded_sources=_pad_keys([example.source.encode() for example in examples]),
    )


def _to_array(image: Any) -> Any:
    """Return an image as a tensor or an array of numbers; Pillow's images are such as well."""
    array = image if isinstance(image, torch.Tensor) else np.asarray(image)
    if isinstance(array, np.ndarray) and array.dtype.kind not in "buif":
        raise ConfigError(
            "transform: expected images that are tensors, arrays of real numbers or images of "
            f"Pillow, got {type(image).__name__} of {array.dtype}"
        )
    return array


def stack_images(images: Sequence[Any]) -> Any:
    """Return images as one tensor, float32 (B, C, H, W); only uint8 is scaled, to 0 to 1.

    All are as wide as the widest, with 0 right of them.
    """
    return _scale_pixels(_stack_pixels(images))


def _stack_pixels(images: Sequence[Any]) -> Any:
    """Return images as one tensor of their type, (B, C, H, W)."""
    is_tensor = all(isinstance(image, torch.Tensor) for image in images)
    arrays = images if is_tensor else [np.asarray(image) for image in images]
    types = {array.dtype for array in arrays}
    if len(types) > 1:
        raise ConfigError(
            "transform: expected all images of a batch to be of one type, since only uint8 is "
            f"scaled, got {' and '.join(sorted(map(str, types)))}"
        )
    shapes = sorted({array.shape for array in arrays}, key=str)
    shape = tuple(shapes[0])
    others = [other for other in shapes if other[:-1] != shape[:-1]]
    if others:
        raise ConfigError(
            "transform: expected images of a batch to differ in nothing but their width, got "
            f"shapes {shape} and {tuple(others[0])}"
        )
    has_channels = len(shape) == 3
    if len(shape) not in (2, 3) or (
        has_channels and shape[2] in _CHANNELS and shape[0] not in _CHANNELS
    ):
        raise ConfigError(
            f"transform: expected images of shape (H, W) or (C, H, W), got {shape}; let the "
            "transform return one of these"
        )
    if len(shapes) > 1:
        widest = max(array.shape[-1] for array in arrays)
        arrays = [_widen(array, widest) for array in map(torch.as_tensor, arrays)]
        is_tensor = True
    stacked = torch.stack(list(arrays)) if is_tensor else torch.from_numpy(np.stack(arrays))
    return stacked if has_channels else stacked.unsqueeze(1)


def _scale_pixels(pixels: Any) -> Any:
    if pixels.dtype != torch.uint8:
        return pixels.to(torch.float32)
    if pixels.device.type != "cpu":
        return pixels.to(torch.float32).div_(255)
    # By NumPy, since threads of PyTorch wait longer than this takes.
    return torch.from_numpy(np.divide(pixels.numpy(), np.float32(255), dtype=np.float32))


def _widen(image: Any, width: int) -> Any:
    return torch.nn.functional.pad(image, (0, width - image.shape[-1]))


def _pad_keys(keys: Sequence[bytes]) -> Any:
    width = -(-max(map(len, keys)) // _KEY_BYTES) * _KEY_BYTES
    padded = bytearray().join(key.ljust(width, b"\0") for key in keys)
    return torch.from_numpy(np.frombuffer(padded, np.uint8).reshape(len(keys), width))


def _decode_keys(padded: Any) -> list[str]:
    return [bytes(row).rstrip(b"\0").decode() for row in padded.tolist()]


def _pad_boxes(boxes: Sequence[NDArray[np.int32]], longest: int) -> Any:
    if not any(len(rows) for rows in boxes):
        return torch.empty((len(boxes), 0, 5), dtype=torch.int32)
    padded = np.full((len(boxes), longest, 5), -1, np.int32)
    for target, rows in zip(padded, boxes, strict=True):
        target[: len(rows)] = rows
    return torch.from_numpy(padded)
