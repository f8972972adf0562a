"""The nib: ink by distance, and the width of strokes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digit_sequence.pen.nib import draw_ink, measure_strokes

place = st.tuples(*[st.floats(-9, 29)] * 2)


@given(st.lists(place, min_size=1, max_size=5), st.floats(0.3, 6))
def test_ink_is_by_distance(places, radius):
    """Each pixel is covered by how far the nib reaches beyond its centre, at its nearest."""
    shape = (20, 16)
    found = draw_ink([np.array([places])], np.array([radius]), shape)[0]
    pixels = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    distance = np.full(shape, np.inf)
    curve = np.array(places)
    for begin, end in zip(
        curve[: max(1, len(curve) - 1)], curve[-max(1, len(curve) - 1) :], strict=True
    ):
        step = end - begin
        along = ((pixels - begin) @ step / max(step @ step, 1e-300)).clip(0, 1)
        away = np.linalg.norm(pixels - (begin + along[..., None] * step), axis=-1)
        distance = np.minimum(distance, away)
    expected = (0.5 + radius - distance).clip(0, 1) * 255
    assert np.abs(found - expected).max() <= 0.5 + 1e-6


def test_pictures_are_apart():
    """Pictures drawn together are those drawn one by one."""
    source = np.random.default_rng(0)
    curves, radii = [source.uniform(-5, 25, (6, 4, 2))], source.uniform(0.5, 3, 6)
    together = draw_ink(curves, radii, (20, 20))
    for i in range(6):
        alone = draw_ink([curves[0][i : i + 1]], radii[i : i + 1], (20, 20))
        assert (together[i] == alone[0]).all()


@pytest.mark.parametrize("width", [2, 3, 5])
@pytest.mark.parametrize("degrees", [0, 20, 45, 70, 90])
def test_width_of_strokes(width, degrees):
    """The width of a line of any direction is found, within a third."""
    radians = np.radians(degrees)
    half = 22 * np.array([np.sin(radians), np.cos(radians)])
    line = (30 + np.array([-half, half]))[None]
    (found,) = measure_strokes(draw_ink([line], np.array([width / 2]), (60, 60)))
    assert width / 1.33 < found < width * 1.33
