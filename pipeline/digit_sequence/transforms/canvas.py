"""What ink and page transforms change: a layer for each digit, and the pages that they make.

A layer is a rectangle of the canvas with the ink of one digit, 0 to 255 for a coverage of 0 to 1.
The layers of a batch are one flat buffer: pixel (row, column) of layer g is at
``starts[g] + row * strides[g] + column``. A stride is the width or more; what is right of the width
is 0, and stays 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

LANES = 8
"""Strides are multiples of this: so many columns are computed at a time."""


@dataclass(frozen=True)
class Layers:
    """What each of G digits puts on its canvas."""

    pixels: NDArray[np.uint8]
    """All layers, one after another."""
    places: NDArray[np.int64]
    """(G, 4) top and left on the canvas, height, width."""
    starts: NDArray[np.int64]
    """(G,) where each begins in `pixels`."""
    strides: NDArray[np.int64]
    """(G,) from one row to the next."""
    samples: NDArray[np.int64]
    """(G,) which canvas it belongs to."""

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the pixels of each layer (height, width), to read and to change."""
        rows = zip(self.starts.tolist(), self.strides.tolist(), self.places.tolist(), strict=True)
        for start, stride, (_, _, height, width) in rows:
            yield as_strided(self.pixels[start:], (height, width), (stride, 1))

    def stack(self, chosen: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return copies of some layers as one array (N, highest, widest); paper beside each."""
        heights, widths = self.places[chosen, 2], self.places[chosen, 3]
        shape = (int(heights.max(initial=1)), int(widths.max(initial=1)))
        stacked = np.zeros((len(chosen), *shape), np.uint8)
        is_inside = self._inside(chosen, shape)
        stacked[is_inside] = self.pixels[self._find(chosen, is_inside)]
        return stacked

    def put(self, chosen: NDArray[np.int64], stacked: NDArray[np.uint8]) -> None:
        """Give some layers the pixels of an array as `stack` returns it."""
        is_inside = self._inside(chosen, stacked.shape[1:])
        self.pixels[self._find(chosen, is_inside)] = stacked[is_inside]

    def _inside(self, chosen: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Return which pixels of a stack are of a layer."""
        heights, widths = self.places[chosen, 2:].T
        rows = np.arange(shape[0])[:, None] < heights[:, None, None]
        inside: NDArray[np.bool_] = rows & (np.arange(shape[1]) < widths[:, None, None])
        return inside

    def _find(self, chosen: NDArray[np.int64], is_inside: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return where the pixels of a stack that are of a layer are in the buffer."""
        layer, row, column = np.nonzero(is_inside)
        found: NDArray[np.int64] = self.starts[chosen][layer] + row * self.strides[chosen][layer]
        return found + column

    def boxes(self) -> NDArray[np.int64]:
        """Return the extent of each layer's ink on its canvas.

        Returns
        -------
        ndarray of int64, shape (G, 4)
            Top, left, bottom, right, half-open; all 0 for a layer without ink.
        """
        masks = self.stack(np.arange(len(self))) > 0
        boxes = find_extents(masks)
        boxes += self.places[:, [0, 1, 0, 1]]
        boxes[~masks.any(axis=(1, 2))] = 0
        return boxes


def place_layers(places: NDArray[np.int64], samples: NDArray[np.int64]) -> Layers:
    """Return empty layers at some places (G, 4)."""
    strides = (places[:, 3] + LANES - 1) // LANES * LANES
    sizes = places[:, 2] * strides
    starts = np.cumsum(sizes) - sizes
    return Layers(np.zeros(int(sizes.sum()), np.uint8), places, starts, strides, samples)


def find_extents(masks: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return top, left, bottom, right of the true pixels of (G, H, W) masks; all 0 for none."""
    extents = []
    for axis in (2, 1):
        hit = np.logical_or.reduce(masks, axis=axis)
        end = np.where(hit.any(axis=1), hit.shape[1] - hit[:, ::-1].argmax(axis=1), 0)
        extents += [hit.argmax(axis=1), end]
    top, bottom, left, right = extents
    return np.stack([top, left, bottom, right], axis=-1)


@dataclass(frozen=True)
class Pages:
    """The canvases of B samples."""

    pixels: NDArray[np.uint8]
    """(B, H, W) at first how much of each pixel has ink, 0 to 255: bright ink on black."""


def to_pixels(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Round grey levels half up."""
    return np.floor(values + 0.5).astype(np.uint8)
