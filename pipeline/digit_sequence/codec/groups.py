"""Compiled encoders get many images at a time: a call takes as long as encoding a small one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Kernel = Callable[
    [NDArray[np.uint8], NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64]], None
]
"""Encodes images (B, H, W) of some widths (B,) into bytes, one after another; fills in where each
ends (B,)."""
_PIXELS = 1 << 18
"""Of the images of a call, or those of one image if it has more."""


def run_kernel(
    kernel: Kernel, images: NDArray[np.uint8], widths: NDArray[np.int64], room: int
) -> Iterator[memoryview]:
    """Yield what a kernel makes of each image; it is there until the next one is asked for.

    Parameters
    ----------
    kernel : callable
    images, widths
        As of `cut_images`.
    room : int
        Bytes that one image may take.
    """
    step = max(1, min(len(images), _PIXELS // images[0].size)) if len(images) else 1
    target, ends = np.empty(step * room, np.uint8), np.empty(step, np.int64)
    for start in range(0, len(images), step):
        some = images[start : start + step]
        kernel(some, widths[start : start + step], target, ends)
        begin = 0
        for end in ends[: len(some)].tolist():
            yield target.data[begin:end]
            begin = end
