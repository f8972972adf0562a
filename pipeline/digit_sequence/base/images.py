"""Images of several widths in one array."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def cut_images(images: NDArray[np.uint8], widths: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    """Yield each of B images (B, H, W) without what is right of its width.

    >>> [image.shape for image in cut_images(np.zeros((2, 3, 9), np.uint8), np.array([5, 9]))]
    [(3, 5), (3, 9)]
    """
    for image, width in zip(images, widths.tolist(), strict=True):
        yield image[:, :width]
