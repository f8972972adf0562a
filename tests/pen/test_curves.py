"""Curves: through their points, smooth but at corners."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from digit_sequence.base.randomness import RandomWords
from digit_sequence.pen.curves import STEPS, draw_curves, to_normal, vary_strokes
from digit_sequence.pen.shapes import load_shapes

points = st.lists(st.tuples(*[st.floats(-1, 2)] * 2), min_size=1, max_size=9)


@given(points, st.integers(0, 2**9))
def test_curves_go_through_their_points(places, bits):
    """Every `STEPS` segments a curve is at one of its points."""
    array = np.array([places])
    corners = np.array([bool(bits >> i & 1) for i in range(len(places))])
    curve = draw_curves(array, corners)
    assert curve.shape == (1, 1 + STEPS * (len(places) - 1), 2)
    np.testing.assert_allclose(curve[:, ::STEPS], array, atol=1e-12)


def test_corners_are_kept():
    """Between two corners a curve is straight; where it is smooth, it keeps its direction."""
    square = np.array([[[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]]])
    cornered = draw_curves(square, np.array([False, True, False]))[0]
    assert np.allclose(cornered[: STEPS + 1, 0], 0)
    assert np.allclose(cornered[STEPS:, 1], 1)
    smooth = draw_curves(square, np.array([False, False, False]))[0]
    before, after = smooth[STEPS] - smooth[STEPS - 1], smooth[STEPS + 1] - smooth[STEPS]
    assert before @ after / np.linalg.norm(before) / np.linalg.norm(after) > 0.8


def test_variants():
    """A variant is the same alone; without jitter it is the shape, wider and slanted."""
    strokes = load_shapes()["4/open"].strokes
    words = RandomWords(1, "test").draw("x", 0, 400).reshape(10, 40)
    jitter, aspect, slant = np.full(10, 0.04), np.full(10, 2.0), np.full(10, 0.5)
    whole = vary_strokes(strokes, words, jitter, aspect, slant)
    alone = vary_strokes(strokes, words[3:4], jitter[:1], aspect[:1], slant[:1])
    for many, one in zip(whole, alone, strict=True):
        assert (many[3] == one[0]).all()
        assert len(np.unique(many[:, 0], axis=0)) == 10
    plain = vary_strokes(strokes, words, 0 * jitter, aspect, slant)
    for curve, stroke in zip(plain, strokes, strict=True):
        down, across = stroke.points.T
        expected = np.stack([down, 2 * across + 0.5 * (0.5 - down)], axis=-1)
        np.testing.assert_allclose(curve[0, ::STEPS], expected, atol=1e-12)


def test_normal_values():
    """They have mean 0 and deviation 1."""
    values = to_normal(RandomWords(1, "test").draw("x", 1, 100_000))
    assert abs(values.mean()) < 0.02
    assert abs(values.std() - 1) < 0.02
    assert np.abs(values).max() < 3.5
