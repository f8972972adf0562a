"""What the marks of a line have in common: a pen as wide as that of the digits beside them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.philox import Words
from digit_sequence.base.randomness import Stream, to_uniform
from digit_sequence.pen.curves import to_normal, vary_strokes
from digit_sequence.pen.nib import cover, measure_strokes
from digit_sequence.pen.shapes import load_shapes
from digit_sequence.transforms.canvas import Pages
from digit_sequence.transforms.transform import Drawn, Page

STEPS = 3
"""Segments of a curve between two points: fewer than for a digit, since marks are smaller."""
_JITTER = 0.015
_SLANT = 0.12, 0.15  # mean and deviation, columns to the right for each row up
_LEAST_NIB, _MOST_NIB = 0.4, 0.12  # pixels; share of the height


@dataclass(frozen=True)
class Traced:
    """N curves on canvases."""

    curve: NDArray[np.float64]
    """(N, Q, 2) row and column of points."""
    digits: NDArray[np.int64]
    """(N,) digits whose stroke width they have."""


@dataclass(frozen=True)
class Segments:
    """M straight pieces of curves, each on a canvas."""

    ends: NDArray[np.float64]
    """(M, 4) row and column of the begin, then of the end."""
    radii: NDArray[np.float64]
    """(M,) half the width of the nib, in pixels."""
    samples: NDArray[np.int64]
    """(M,) canvases."""


class Marks(Page):
    """Ink on the canvas that is no digit's; it is painted before all else is done to the canvas."""

    signs: ClassVar[str] = ""
    """Characters that it looks like, though no label has it."""

    @abstractmethod
    def trace(self, pages: Pages, drawn: Drawn, stream: Stream) -> list[Traced]:
        """Return the curves of all marks of a batch."""

    def apply(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:
        """Paint the marks."""
        traced = [curves for curves in self.trace(pages, drawn, stream) if len(curves.digits)]
        if traced:
            digits, owners = np.unique(
                np.concatenate([curves.digits for curves in traced]), return_inverse=True
            )
            line = Line(pages)
            widths = np.concatenate([_measure(pages, line, digit) for digit in digits.tolist()])
            _paint(pages, _cut(traced, widths[owners], line))

    def apply_compiled(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:
        """Paint the marks by compiled loops."""
        from digit_sequence.transforms.mark.marks_kernels import measure_digits, paint_segments

        traced = [curves for curves in self.trace(pages, drawn, stream) if len(curves.digits)]
        if traced:
            digits, owners = np.unique(
                np.concatenate([curves.digits for curves in traced]), return_inverse=True
            )
            line = Line(pages)
            sums = np.empty((2, len(digits)), np.int64)
            measure_digits(pages.pixels, line.samples[digits], line.boxes[:, digits].T.copy(), sums)
            widths = sums[0] * (8 / np.pi) / np.maximum(sums[1], 1)
            segments = _cut(traced, widths[owners], line)
            paint_segments(pages.pixels, segments.ends, segments.radii, segments.samples)


class Line:
    """Where the digits of a batch of pages are."""

    def __init__(self, pages: Pages) -> None:
        self.starts = pages.starts
        self.boxes = pages.boxes.T.astype(np.int64)
        """(4, G) top, left, bottom, right of each digit."""

    @cached_property
    def samples(self) -> NDArray[np.int64]:
        """(G,) the canvas of each digit."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    @cached_property
    def heights(self) -> NDArray[np.float64]:
        """(B,) rows of the tallest digit of each line."""
        rows = (self.boxes[2] - self.boxes[0]).astype(np.float64)
        heights: NDArray[np.float64] = np.maximum.reduceat(rows, self.starts[:-1])
        return heights


def trace_marks(
    names: NDArray[np.str_],
    digits: NDArray[np.int64],
    line: Line,
    columns: NDArray[np.float64],
    bottoms: NDArray[np.float64],
    words: Words,
    *,
    is_before: bool = False,
) -> list[Traced]:
    """Return the curves of N shapes of the pen.

    Parameters
    ----------
    names : ndarray of str, shape (N,)
        Of shapes, as of `load_shapes`.
    digits : ndarray of int64, shape (N,)
        The digits beside them, which give canvas, height and stroke width.
    line : Line
    columns, bottoms : ndarray of float64, shape (N,)
        Column that a shape begins at, and row of its line's foot.
    words : ndarray of uint64, shape (2 + W, N)
        Of each shape; two for each of its points.
    is_before : bool
        Whether shapes end at their column.
    """
    traced = []
    shapes = load_shapes()
    heights = line.heights[line.samples[digits]]
    for name in sorted(set(names.tolist())):
        chosen = np.flatnonzero(names == name)
        own, height = words[:, chosen], heights[chosen]
        slant = _SLANT[0] + _SLANT[1] * to_normal(own[0])
        aspect = 0.8 + 0.5 * to_uniform(own[1])
        jitter = np.full(len(chosen), _JITTER)
        strokes = vary_strokes(shapes[name].strokes, own[2:].T, jitter, aspect, slant, STEPS)
        points = np.concatenate(strokes, axis=1)
        edge = points[..., 1].max(axis=1) if is_before else points[..., 1].min(axis=1)
        corner = np.stack([bottoms[chosen] - 0.5 - height, columns[chosen]], axis=-1)
        for stroke in strokes:
            placed = stroke - np.stack([0 * edge, edge], axis=-1)[:, None]
            placed = corner[:, None] + placed * height[:, None, None]
            traced.append(Traced(placed, digits[chosen]))
    return traced


def count_words(names: Iterable[str]) -> int:
    """Return how many random words `trace_marks` takes for each of some shapes, at most."""
    shapes = load_shapes()
    n_points = [sum(len(stroke.points) for stroke in shapes[name].strokes) for name in names]
    return 2 + 2 * max(n_points)


def pick_names(words: Words, weights: Sequence[tuple[str, float]]) -> NDArray[np.str_]:
    """Turn words into names, as often as their weights say."""
    bounds = np.cumsum([weight for _, weight in weights])
    names = np.array([name for name, _ in weights])
    picked: NDArray[np.str_] = names[
        (to_uniform(words)[:, None] * bounds[-1] >= bounds[:-1]).sum(axis=1)
    ]
    return picked


def _measure(pages: Pages, line: Line, digit: int) -> NDArray[np.float64]:
    """Return the stroke width of what is in the box of a digit: (1,)."""
    top, left, bottom, right = line.boxes[:, digit]
    return measure_strokes(pages.pixels[None, line.samples[digit], top:bottom, left:right])


def _cut(traced: list[Traced], widths: NDArray[np.float64], line: Line) -> Segments:
    """Cut curves into segments; widths are of their digits, one after another."""
    ends, radii, samples = [], [], []
    first = 0
    for curves in traced:
        n_curves, n_points, _ = curves.curve.shape
        own = line.samples[curves.digits]
        radius = widths[first : first + n_curves] / 2
        radius = np.minimum(radius, line.heights[own] * _MOST_NIB).clip(_LEAST_NIB)
        first += n_curves
        begin = curves.curve[:, : max(n_points - 1, 1)]
        end = curves.curve[:, -begin.shape[1] :]
        ends.append(np.concatenate([begin, end], axis=-1).reshape(-1, 4))
        radii.append(np.repeat(radius, begin.shape[1]))
        samples.append(np.repeat(own, begin.shape[1]))
    return Segments(np.concatenate(ends), np.concatenate(radii), np.concatenate(samples))


def _paint(pages: Pages, segments: Segments) -> None:
    """Paint segments; the brighter pixel wins."""
    height, width = pages.pixels.shape[1:]
    begin, end = segments.ends.T[:2], segments.ends.T[2:]
    size = np.array([[height], [width]])
    reach = segments.radii + 0.5
    low = np.floor(np.minimum(begin, end) - reach).clip(0, size).astype(np.int64)
    high = (np.ceil(np.maximum(begin, end) + reach) + 1).clip(low, size).astype(np.int64)
    for m, sample in enumerate(segments.samples.tolist()):
        (top, left), (bottom, right) = low[:, m], high[:, m]
        ink = cover(
            np.arange(top, bottom)[None, :, None],
            np.arange(left, right)[None, None, :],
            begin[:, m, None, None, None],
            end[:, m, None, None, None],
            segments.radii[m, None],
        )[0]
        page = pages.pixels[sample, top:bottom, left:right]
        np.maximum(page, np.floor(ink * 255 + 0.5).astype(np.uint8), out=page)
