"""Masks as run lengths, in the text that COCO's tools read: `pycocotools.mask`.

A mask of an image is read down its columns, from the left. Its runs are counted, one without ink
first, which may be of length 0; from the fourth on a run is written as the difference from the run
two before it. A number is written in five bits a character, the lowest first, in two's complement:
the character is 48 and these bits, and 32 more if others follow.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from digit_sequence.codec.decoding import MAX_PIXELS

_AT_ONCE = 1 << 19
"""Pixels of masks that are encoded together."""


def encode_masks(
    masks: NDArray[np.bool_], corners: NDArray[np.int64], shapes: NDArray[np.int64]
) -> list[str]:
    """Return the run lengths of masks, each of which is a part of an image.

    Parameters
    ----------
    masks : ndarray of bool, shape (G, h, w)
    corners : ndarray of int64, shape (G, 2)
        Row and column of the image where each begins.
    shapes : ndarray of int64, shape (G, 2)
        Height and width of each image; what is true lies within.

    Examples
    --------
    >>> encode_masks(np.ones((1, 2, 1), bool), np.array([[1, 2]]), np.array([[4, 5]]))
    ['929']
    """
    if not len(masks):
        return []
    step = max(1, _AT_ONCE // masks[0].size)
    texts: list[str] = []
    for start in range(0, len(masks), step):
        part = slice(start, start + step)
        texts += _encode(masks[part], corners[part], shapes[part])
    return texts


def _encode(
    masks: NDArray[np.bool_], corners: NDArray[np.int64], shapes: NDArray[np.int64]
) -> list[str]:
    """Encode some masks at a time."""
    n_masks = len(masks)
    columns = np.pad(masks.transpose(0, 2, 1), ((0, 0), (0, 0), (1, 1)))
    owners, column, row = np.nonzero(columns[:, :, 1:] != columns[:, :, :-1])
    heights = shapes[owners, 0]
    bounds = (corners[owners, 1] + column) * heights + corners[owners, 0] + row
    # A run that goes on at the top of the next column is one.
    is_same = np.zeros(len(bounds) + 1, np.bool_)
    is_same[1:-1] = (owners[1:] == owners[:-1]) & (bounds[1:] == bounds[:-1])
    is_bound = ~(is_same[1:] | is_same[:-1])
    owners, bounds = owners[is_bound], bounds[is_bound]
    counts = np.bincount(owners, minlength=n_masks)
    # The runs of a mask lie between 0, its bounds, and the end of its image.
    ends = np.cumsum(counts + 1)
    edges = np.empty(ends[-1], np.int64)
    is_end = np.zeros(len(edges), np.bool_)
    is_end[ends - 1] = True
    edges[is_end], edges[~is_end] = shapes.prod(axis=1), bounds
    first = ends - counts - 1
    runs = np.diff(edges, prepend=0)
    runs[first] = edges[first]
    place = np.arange(len(runs)) - np.repeat(first, counts + 1)
    is_empty = is_end & (runs == 0)  # ink reaches the end of the image: there is no run behind it
    values = runs.copy()
    later = np.flatnonzero(place > 2)
    values[later] -= runs[later - 2]
    lengths = np.bincount(np.repeat(np.arange(n_masks), counts + 1)[~is_empty], minlength=n_masks)
    return _write(values[~is_empty], lengths)


def _write(values: NDArray[np.int64], counts: NDArray[np.int64]) -> list[str]:
    """Write numbers; text g has the next ``counts[g]`` of them."""
    rest, is_open = values, np.ones(len(values), np.bool_)
    characters, written = [], []
    while is_open.any():
        low, rest = rest & 31, rest >> 5
        goes_on = rest != np.where(low & 16, -1, 0)
        characters.append((low + 48 + 32 * goes_on).astype(np.uint8))
        written.append(is_open)
        is_open = is_open & goes_on
    is_written = np.stack(written, axis=1)
    text = np.stack(characters, axis=1)[is_written].tobytes().decode()
    ends = np.append(0, np.cumsum(is_written.sum(axis=1)))[np.append(0, np.cumsum(counts))].tolist()
    return [text[begin:end] for begin, end in pairwise(ends)]


def decode_mask(text: str, height: int, width: int) -> NDArray[np.bool_]:
    """Return the mask (height, width) of some run lengths.

    Raises
    ------
    ValueError
        If they are not those of such a mask.

    Examples
    --------
    >>> decode_mask("929", 4, 5)[:, 2].tolist()
    [False, True, True, False]
    """
    runs: list[int] = []
    value = shift = 0
    for character in text.encode():
        bits = character - 48
        value |= (bits & 31) << shift
        shift += 5
        if not 0 <= bits < 64 or shift > 60:
            raise ValueError(f"expected run lengths, got {text[:80]!r}")
        if bits & 32:
            continue
        value -= (bits & 16) << shift - 4 if bits & 16 else 0
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    is_whole = sum(runs) == height * width <= MAX_PIXELS
    if shift or min(runs, default=0) < 0 or not is_whole:
        raise ValueError(f"expected runs of {height} x {width} pixels, got {text[:80]!r}")
    is_ink = np.arange(len(runs)) % 2 == 1
    return np.repeat(is_ink, runs).reshape(width, height).T
