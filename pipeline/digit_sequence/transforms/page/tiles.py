"""Tiles of print and of paper, made once, which pages read turned and scaled.

A tile is a square of `SIZE` texels that repeats. Coordinates on it are in 2**-16 texels.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.randomness import RandomWords
from digit_sequence.base.rounding import round_factor
from digit_sequence.transforms.canvas import to_fixed

SIZE = 512
"""Texels of a side, a power of 2."""
LINE_TEXELS = 16
"""From a printed line to the next."""
GRAIN_TEXELS = 10
"""From a bright place of the grain to the next, about."""
GRAIN_SD = 32
"""Standard deviation of the grain's levels, which lie about 128."""
PatternKind = Literal["waves", "hatch", "arcs", "weave"]


@cache
def make_pattern(kind: PatternKind) -> NDArray[np.uint8]:
    """Return the coverage of a printed pattern, (SIZE, SIZE)."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float64)
    turn = 2 * np.pi / SIZE
    match kind:
        case "waves":
            drift = 14 * np.sin(turn * x) + 5 * np.sin(2 * turn * x + 2)
            phases = [y + drift + 12 * np.sin(turn * y)]
        case "hatch":
            phases = [y + x / 4, y - 0.75 * x + 12 * np.sin(turn * y)]
        case "arcs":
            swell = y + 20 * np.sin(2 * turn * y)
            phases = [swell + 50 * np.sin(turn * x), swell - 70 * np.sin(turn * x + 1)]
        case "weave":
            phases = [y + 1.5 * np.sin(7 * turn * x), x + y / 4 + 1.5 * np.sin(5 * turn * y)]
    lines = [(1 + np.cos(2 * np.pi / LINE_TEXELS * phase)) / 2 for phase in phases]
    # Thin lines: a raised cosine, squared; those of a second set are fainter.
    cover = np.max([line * line * 0.6**n for n, line in enumerate(lines)], axis=0)
    return to_fixed(cover, 255).astype(np.uint8)


@cache
def make_grain() -> NDArray[np.uint8]:
    """Return correlated noise, (SIZE, SIZE): levels about 128."""
    words = RandomWords(0, "grain of paper").draw("tile", 0, SIZE * SIZE // 8)
    levels = words.astype("<u8").view(np.uint8).reshape(SIZE, SIZE).astype(np.int64)
    for _ in range(6):  # binomial filters, which come near to a Gaussian
        for axis in (0, 1):
            levels = np.roll(levels, 1, axis) + 2 * levels + np.roll(levels, -1, axis)
    n = levels.size
    away = levels * n - levels.sum()  # whole numbers: exact
    away = away >> 32
    deviation = np.sqrt(float((away * away).sum() // n))
    grain: NDArray[np.float64] = np.floor((away * (GRAIN_SD / deviation) + 128.5).clip(0, 255))
    return grain.astype(np.uint8)


def make_maps(
    degrees: NDArray[np.float64],
    texels: NDArray[np.float64],
    row: NDArray[np.float64],
    column: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Return how pages read a tile (B, 4): row and column at their corner, cosine, sine.

    Parameters
    ----------
    degrees : ndarray of float64, shape (B,)
        How far the tile is turned.
    texels : ndarray of float64, shape (B,)
        For each pixel.
    row, column : ndarray of float64, shape (B,)
        Where it begins, as shares of the tile.
    """
    angle = np.radians(degrees)
    cosine, sine = (round_factor(turn(angle)) * texels for turn in (np.cos, np.sin))
    maps = [to_fixed(row * SIZE, 2**16), to_fixed(column * SIZE, 2**16)]
    return np.stack([*maps, to_fixed(cosine, 2**16), to_fixed(sine, 2**16)], axis=-1)


def read_tile(
    tile: NDArray[np.uint8], place: NDArray[np.int64], shape: tuple[int, int]
) -> NDArray[np.int64]:
    """Return what a page reads of a tile by its map (4,)."""
    row, column, cosine, sine = place.tolist()
    y, x = np.ogrid[: shape[0], : shape[1]]
    rows = (row + cosine * y + sine * x) >> 16
    columns = (column - sine * y + cosine * x) >> 16
    levels: NDArray[np.int64] = tile[rows & SIZE - 1, columns & SIZE - 1].astype(np.int64)
    return levels
