"""What ink and page transforms change: a layer for each digit, and the pages that they make.

A layer is a rectangle of the canvas with the ink of one digit, 0 to 255 for a coverage of 0 to 1.
The layers of a batch are one flat buffer: pixel (row, column) of layer g is at
``starts[g] + row * strides[g] + column``. A stride is the width or more; what is right of the width
is 0, and stays 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Value = TypeVar("Value", bound=np.generic)

LANES = 8
"""Strides are multiples of this: so many columns are computed at a time."""


STRETCH = 1.3
"""Times as far as its scale says a pixel of a glyph may reach on the canvas, at most."""


@dataclass(frozen=True)
class Strokes:
    """How the distances in layers are to be taken."""

    scales: NDArray[np.float64]
    """(G,) pixels of the canvas for each one of the glyph."""
    shrinkage: NDArray[np.float64]
    """(G,) to which share of its length each line was shrunk."""


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
    block: tuple[int, int] | None = None
    """Rows and columns of `pixels` that each has, where all have as many."""
    strokes: Strokes | None = None
    """Where layers hold distances, which a pen turns into ink."""

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the pixels of each layer (height, width), to read and to change."""
        return self.parts(self.pixels)

    def parts(self, buffer: NDArray[Value]) -> Iterator[NDArray[Value]]:
        """Yield the part (height, width) of each layer of a buffer that is laid out as `pixels`."""
        columns = (self.starts, self.strides, *self.places[:, 2:].T)
        for start, stride, height, width in zip(*(it.tolist() for it in columns), strict=True):
            yield buffer[start : start + height * stride].reshape(height, stride)[:, :width]

    def choose(self, chosen: NDArray[np.int64]) -> Layers:
        """Return some of these layers; their pixels are those of these."""
        return Layers(
            self.pixels,
            self.places[chosen],
            self.starts[chosen],
            self.strides[chosen],
            self.samples[chosen],
            self.block,
        )

    def stack(self) -> NDArray[np.uint8]:
        """Return copies of all layers as one array (G, at least highest, widest); 0 beside each."""
        if self.block:
            blocks, own = self._blocks(self.block)
            return blocks[own]
        shape = self.places[:, 2:].max(axis=0, initial=1)
        stacked = np.zeros((len(self), *shape), np.uint8)
        for target, layer in zip(stacked, self, strict=True):
            target[: layer.shape[0], : layer.shape[1]] = layer
        return stacked

    def put(self, stacked: NDArray[np.uint8]) -> None:
        """Give all layers the pixels of an array as `stack` returns it."""
        if self.block:
            blocks, own = self._blocks(self.block)
            rows, columns = (np.arange(size) for size in self.block)
            height, width = self.places[:, 2:].T[:, :, None]
            is_inside = (rows < height)[:, :, None] & (columns < width)[:, None, :]
            blocks[own] = stacked * is_inside
            return
        for source, layer in zip(stacked, self, strict=True):
            layer[:] = source[: layer.shape[0], : layer.shape[1]]

    def _blocks(self, block: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return `pixels` in blocks, and which of them are these layers'."""
        return self.pixels.reshape(-1, *block), self.starts // (block[0] * block[1])

    def boxes(self) -> NDArray[np.int64]:
        """Return the extent of each layer's ink on its canvas.

        Returns
        -------
        ndarray of int64, shape (G, 4)
            Top, left, bottom, right, half-open; all 0 for a layer without ink.
        """
        boxes = find_extents(self.stack() > 0)
        has_ink = boxes[:, 2] > 0
        boxes[has_ink] += self.places[has_ink][:, [0, 1, 0, 1]]
        return boxes


def place_layers(
    places: NDArray[np.int64], samples: NDArray[np.int64], *, alike: bool = False
) -> Layers:
    """Return layers at some places (G, 4), whose pixels are yet to be set.

    Those that are laid out alike take more memory, and are stacked in a tenth of the time.
    """
    rows, columns = places[:, 2:].T
    if alike:
        rows, columns = np.full_like(rows, rows.max()), np.full_like(columns, columns.max())
    strides = (columns + LANES - 1) // LANES * LANES
    sizes = rows * strides
    starts = np.cumsum(sizes) - sizes
    block = (int(rows[0]), int(strides[0])) if alike else None
    return Layers(np.empty(int(sizes.sum()), np.uint8), places, starts, strides, samples, block)


def join_layers(
    parts: Sequence[Layers], order: NDArray[np.int64], samples: NDArray[np.int64]
) -> Layers:
    """Return the layers of some parts as one: its layer g is number ``order[g]`` of them all.

    Its `samples` are given, since those of a part count within that part.
    """
    sizes = np.array([len(part.pixels) for part in parts], np.int64)
    begins = np.repeat(np.cumsum(sizes) - sizes, [len(part) for part in parts])
    return Layers(
        pixels=np.concatenate([part.pixels for part in parts]),
        places=np.concatenate([part.places for part in parts])[order],
        starts=(np.concatenate([part.starts for part in parts]) + begins)[order],
        strides=np.concatenate([part.strides for part in parts])[order],
        samples=samples,
    )


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
    boxes: NDArray[np.int32]
    """(G, 4) top, left, bottom, right of the ink of each digit, half-open."""
    starts: NDArray[np.int64]
    """(B + 1,): the digits of sample b are ``starts[b]:starts[b + 1]``."""
    widths: NDArray[np.int64]
    """(B,) columns of each image; what is right of them is no part of it."""


def to_pixels(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Round grey levels, 0 or more, half up."""
    return (values + 0.5).astype(np.uint8)


def screen(below: NDArray[np.int64], above: NDArray[np.int64]) -> NDArray[np.int64]:
    """Lay coverage over coverage, 0 to 255 each: what is left bare gets its share."""
    covered: NDArray[np.int64] = below + ((255 - below) * above + 127) // 255
    return covered


def to_fixed(values: NDArray[np.float64] | float, unit: int) -> NDArray[np.int64]:
    """Turn values into whole multiples of ``1 / unit``, the same on every processor."""
    fixed: NDArray[np.int64] = np.round(np.round(np.multiply(values, 2.0**24)) / 2.0**24 * unit)
    return fixed.astype(np.int64)
