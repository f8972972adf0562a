"""Points become curves: smooth lines of many short segments, many variants at once.

A curve is the cubic that goes through its points with the direction from the point before to the
point after (Catmull and Rom, "A class of local interpolating splines", 1974); at its ends and at
corners, with that of the span. It is linear in its points, so one matrix draws all variants.
Results are the same on all processors: products are added in order.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.philox import Words
from digit_sequence.base.randomness import split_words
from digit_sequence.pen.shapes import Stroke

STEPS = 6
"""Segments between two points, by default."""


def draw_curves(
    points: NDArray[np.float64], corners: NDArray[np.bool_], steps: int = STEPS
) -> NDArray[np.float64]:
    """Return curves through points.

    Parameters
    ----------
    points : ndarray of float64, shape (N, P, 2)
        N variants of the points of a stroke.
    corners : ndarray of bool, shape (P,)
    steps : int
        Segments between two points.

    Returns
    -------
    ndarray of float64, shape (N, Q, 2)
        Points of the curves, Q = 1 + steps (P - 1). All P points are among them.
    """
    weights = _weigh_points(tuple(corners.tolist()), steps)
    curves = np.zeros((len(points), len(weights), 2))
    for p in range(len(corners)):
        rows = np.flatnonzero(weights[:, p])
        first, last = rows[0], rows[-1] + 1
        curves[:, first:last] += weights[first:last, p, None] * points[:, p, None]
    return curves


@lru_cache(maxsize=1024)
def _weigh_points(corners: tuple[bool, ...], steps: int) -> NDArray[np.float64]:
    """Return the shares (Q, P) that points have in a curve through them."""
    n_points = len(corners)
    if n_points == 1:
        return np.ones((1, 1))
    t = np.arange(steps) / steps
    begin, end = 2 * t**3 - 3 * t**2 + 1, 3 * t**2 - 2 * t**3
    leave, arrive = t**3 - 2 * t**2 + t, t**3 - t**2
    weights = np.zeros((1 + steps * (n_points - 1), n_points))
    for p in range(n_points - 1):
        span = weights[p * steps : (p + 1) * steps]
        span[:, p] += begin
        span[:, p + 1] += end
        for point, share in ((p, leave), (p + 1, arrive)):
            is_smooth = 0 < point < n_points - 1 and not corners[point]
            before, after = (point - 1, point + 1) if is_smooth else (p, p + 1)
            length = 2 if is_smooth else 1
            span[:, after] += share / length
            span[:, before] -= share / length
    weights[-1, -1] = 1
    return weights


def vary_strokes(
    strokes: tuple[Stroke, ...],
    words: Words,
    jitter: NDArray[np.float64],
    aspect: NDArray[np.float64],
    slant: NDArray[np.float64],
    steps: int = STEPS,
) -> list[NDArray[np.float64]]:
    """Return curves of variants of a shape.

    Parameters
    ----------
    strokes : tuple of Stroke
    words : ndarray of uint64, shape (N, W)
        Two for each point of the shape, at least.
    jitter : ndarray of float64, shape (N,)
        Standard deviation of each point, in heights of the shape.
    aspect : ndarray of float64, shape (N,)
        What widths are multiplied by.
    slant : ndarray of float64, shape (N,)
        Columns to the right for each row up.
    steps : int
        Segments between two points.

    Returns
    -------
    list of ndarray of float64, shape (N, Q, 2)
        Row and column of the points of each stroke, in heights of the shape.
    """
    curves = []
    for stroke in strokes:
        n_words = stroke.points.size
        moves = to_normal(words[:, :n_words]).reshape(-1, *stroke.points.shape)
        words = words[:, n_words:]
        points = stroke.points + jitter[:, None, None] * moves
        rows = points[..., 0]
        columns = points[..., 1] * aspect[:, None] + slant[:, None] * (0.5 - rows)
        curves.append(draw_curves(np.stack([rows, columns], axis=-1), stroke.corners, steps))
    return curves


def to_normal(words: Words) -> NDArray[np.float64]:
    """Turn words into values of mean 0 and deviation 1, between -3.5 and 3.5.

    Each is a sum of four shares of 16 bits, which is near a normal distribution and exact.
    """
    total = split_words(words, 16).sum(axis=-1).astype(np.float64)
    values: NDArray[np.float64] = (total / 2**16 - 2.0) * 1.732
    return values
