"""What people add to a digit: a bar through a 7, an upstroke and a foot of a 1.

Each is drawn into glyphs with a nib of their own stroke width. Shares are of the glyph's height or
width; where their sources are cheques, they are what was measured there.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.philox import Words
from digit_sequence.base.randomness import to_uniform
from digit_sequence.base.rounding import round_factor
from digit_sequence.pen.curves import to_normal
from digit_sequence.pen.nib import draw_ink, measure_strokes
from digit_sequence.pen.shapes import ADDITIONS

N_WORDS = 4
"""Random words of one addition to one glyph."""
_BAR_DEGREES = -4.0, 9.0  # mean and deviation; rising to the right


def add_to_glyphs(
    images: NDArray[np.uint8], ink: NDArray[np.int16], additions: tuple[str, ...], words: Words
) -> NDArray[np.uint8]:
    """Return glyphs with strokes added.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W)
    ink : ndarray of int16, shape (N, 4)
        Top, left, bottom, right of their ink, half-open.
    additions : tuple of str
        Of `ADDITIONS`.
    words : ndarray of uint64, shape (N, N_WORDS * len(ADDITIONS))

    Returns
    -------
    ndarray of uint8, shape (N, H, W)
        Where ink would be cut at the left or right, the glyph is moved as far as there is room.
    """
    boxes = ink.T.astype(np.float64)
    nib = measure_strokes(images) / 2
    curves = [
        _DRAW[name](images, boxes, words[:, place * N_WORDS :][:, :N_WORDS])
        for place, name in enumerate(ADDITIONS)
        if name in additions
    ]
    reach = np.concatenate(curves, axis=1)[..., 1]
    room = images.shape[2] - 1
    low = np.minimum(boxes[1], np.floor(reach.min(axis=1) - nib))
    high = np.maximum(boxes[3] - 1, np.ceil(reach.max(axis=1) + nib))
    moved = np.where(low < 0, np.minimum(-low, np.maximum(room - high, 0)), 0)
    moved -= np.where(high > room, np.minimum(high - room, np.maximum(low, 0)), 0)
    columns = np.arange(images.shape[2]) - moved[:, None].astype(np.int64)
    inside = (columns >= 0) & (columns < images.shape[2])
    columns = columns.clip(0, room)
    drawn: NDArray[np.uint8] = np.take_along_axis(images, columns[:, None, :], axis=2)
    drawn = drawn * inside[:, None, :]
    shifted = [curve + np.stack([0 * moved, moved], axis=-1)[:, None] for curve in curves]
    strokes = draw_ink(shifted, nib, images.shape[1:])
    return np.maximum(drawn, strokes)


def _middle_of_rows(
    images: NDArray[np.uint8], begin: NDArray[np.float64], end: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the column of the middle of the ink between two rows of each glyph: (N,)."""
    rows = np.arange(images.shape[1])
    chosen = (rows >= np.floor(begin)[:, None]) & (rows <= np.ceil(end)[:, None])
    weights = np.where(chosen[:, :, None], images, 0).sum(axis=1, dtype=np.int64)
    columns = np.arange(images.shape[2])
    middle: NDArray[np.float64] = (weights * columns).sum(axis=1) / np.maximum(
        weights.sum(axis=1), 1
    )
    return middle


def _turn(degrees: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return cosines and sines."""
    radians = degrees * (np.pi / 180)
    return round_factor(np.cos(radians)), round_factor(np.sin(radians))


def _draw_bar(
    images: NDArray[np.uint8], boxes: NDArray[np.float64], words: Words
) -> NDArray[np.float64]:
    """Draw a bar through the stem, at 0.42 to 0.64 of the height."""
    top, left, bottom, right = boxes
    height, width = bottom - top, np.maximum(right - left, (bottom - top) / 2)
    row = top + height * (0.42 + 0.22 * to_uniform(words[:, 0])) - 0.5
    half = width * (0.4 + 0.4 * to_uniform(words[:, 1])) / 2
    cosine, sine = _turn(_BAR_DEGREES[0] + _BAR_DEGREES[1] * to_normal(words[:, 2]))
    middle = _middle_of_rows(images, row, row)
    middle = middle + half * (0.5 * to_uniform(words[:, 3]) - 0.25)
    down, across = half * sine, half * cosine
    ends = [(row - down, middle - across), (row, middle), (row + down, middle + across)]
    return np.stack([np.stack(end, axis=-1) for end in ends], axis=1)


def _draw_upstroke(
    images: NDArray[np.uint8], boxes: NDArray[np.float64], words: Words
) -> NDArray[np.float64]:
    """Draw a stroke from the lower left to the top; one in six begins near the base."""
    top, _, bottom, _ = boxes
    height = bottom - top
    is_long = to_uniform(words[:, 2]) < 1 / 6
    share = to_uniform(words[:, 0])
    cosine, sine = _turn(
        np.where(is_long, 14 + 14 * to_uniform(words[:, 1]), 22 + 44 * to_uniform(words[:, 1]))
    )
    length = height * np.where(is_long, 0.62 + 0.2 * share, 0.22 + 0.33 * share)
    nib = height * 0.06
    middle = _middle_of_rows(images, top, top + height * 0.12)
    foot = _middle_of_rows(images, bottom - height * 0.12, bottom)
    lean = np.minimum(middle - foot, 0.0) / height  # a 1 that leans left has its upstroke flatter
    first = np.stack([top + nib, middle], axis=-1)
    last = np.stack(
        [top + nib + length * (cosine + 0.5 * lean), middle - length * (sine - 0.5 * lean)], axis=-1
    )
    bend = (0.06 * to_uniform(words[:, 3]) - 0.01) * length  # a little hollow
    between = (first + last) / 2 + np.stack([bend, bend], axis=-1)
    return np.stack([last, between, first], axis=1)


def _draw_foot(
    images: NDArray[np.uint8], boxes: NDArray[np.float64], words: Words
) -> NDArray[np.float64]:
    """Draw a line under the stem, 0.3 to 0.6 of the height long."""
    top, _, bottom, _ = boxes
    height = bottom - top
    half = height * (0.3 + 0.3 * to_uniform(words[:, 0])) / 2
    cosine, sine = _turn(-2 + 5 * to_normal(words[:, 1]))
    row = bottom - 0.5 - height * 0.05
    middle = _middle_of_rows(images, bottom - height * 0.12, bottom)
    middle = middle + half * (0.5 * to_uniform(words[:, 2]) - 0.25)
    ends = [
        (row - half * sine, middle - half * cosine),
        (row + half * sine, middle + half * cosine),
    ]
    return np.stack([np.stack(end, axis=-1) for end in ends], axis=1)


_Draw = Callable[[NDArray[np.uint8], NDArray[np.float64], Words], NDArray[np.float64]]
_DRAW: dict[str, _Draw] = {"bar": _draw_bar, "upstroke": _draw_upstroke, "foot": _draw_foot}
