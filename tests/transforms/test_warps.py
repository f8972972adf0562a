"""Perspective and elastic distortion keep all ink on the canvas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from digit_sequence.transforms.geometry import begin_points
from digit_sequence.transforms.line.elastic import Elastic
from digit_sequence.transforms.line.perspective import Perspective

HEIGHT, WIDTH = 24, 90


def locate(transform: Elastic | Perspective, drawn: dict[str, np.ndarray]) -> np.ndarray:
    """Return (row, column) that each pixel of a canvas shows, (2, HEIGHT, WIDTH)."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    points = begin_points(HEIGHT, np.array([WIDTH]))
    transform.locate(points, drawn)
    found = np.stack([points.rows, points.columns]).reshape(2, HEIGHT, WIDTH)
    moved = np.abs(found - np.stack([rows, columns])).max()
    assert moved <= transform.reach(drawn, HEIGHT, np.array([WIDTH]))[0] + 1e-9
    return found


@given(st.floats(-0.25, 0.25), st.floats(-0.15, 0.15))
def test_perspective_shows_the_whole_page(across: float, down: float) -> None:
    """Lines stay straight, and the corners of the page are on the canvas."""
    drawn = {"perspective_across": np.array([across]), "perspective_down": np.array([down])}
    rows, columns = locate(Perspective(Perspective.Settings(across=(0, 0))), drawn)
    assert rows[0].max() <= 1e-9
    assert rows[-1].min() >= HEIGHT - 1 - 1e-9
    assert columns[:, 0].max() <= 1e-9
    assert columns[:, -1].min() >= WIDTH - 1 - 1e-9
    assert np.diff(rows, axis=0).min() > 0
    assert np.diff(columns, axis=1).min() > 0
    for line in (5, 20):
        fit = np.polyfit(columns[line], rows[line], 1)
        assert np.polyval(fit, columns[line]) == pytest.approx(rows[line], abs=1e-6)


def test_right_end_is_smaller() -> None:
    """Where the page is farther away, more of it lies on a pixel."""
    drawn = {"perspective_across": np.array([0.2]), "perspective_down": np.array([0.0])}
    _, columns = locate(Perspective(Perspective.Settings(across=(0, 0))), drawn)
    steps = np.diff(columns[12])
    assert (np.diff(steps) > 0).all()
    assert steps[0] < 1
    assert steps[-1] > 1.5


@given(st.integers(0, 2**31 - 1), st.integers(1, 100), st.floats(0, 1))
def test_elastic_folds_no_ink(seed: int, spacing: int, share: float) -> None:
    """Points keep their order, and the edges of the canvas their place."""
    elastic = Elastic(Elastic.Settings(shift=(0, 0)))
    drawn = {
        "elastic": np.array([share * 0.2 * spacing / 50]).clip(0, 0.3),
        "elastic_spacing": np.array([spacing / 50]).clip(0.1),
        "elastic_seed": np.array([seed]),
    }
    rows, columns = locate(elastic, drawn)
    assert np.diff(rows, axis=0).min() > 0
    assert np.diff(columns, axis=1).min() > 0
    assert rows.min() > -0.5
    assert rows.max() < HEIGHT - 0.5
    assert columns.min() > -0.5
    assert columns.max() < WIDTH - 0.5


def test_elastic_seeds_differ() -> None:
    """Each seed moves points otherwise, rows otherwise than columns, about as often either way."""
    elastic = Elastic(Elastic.Settings(shift=(0, 0)))
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    shifts = []
    for seed in range(40):
        drawn = {
            "elastic": np.array([0.1]),
            "elastic_spacing": np.array([0.5]),
            "elastic_seed": np.array([seed]),
        }
        shifts.append(locate(elastic, drawn) - np.stack([rows, columns]))
    moved = np.array(shifts)
    assert abs(moved.mean()) < 0.05
    assert moved.std() > 0.4
    assert abs(np.corrcoef(moved[:, 0].reshape(-1), moved[:, 1].reshape(-1))[0, 1]) < 0.2
    assert abs(np.corrcoef(moved[0, 0].reshape(-1), moved[1, 0].reshape(-1))[0, 1]) < 0.5


def test_no_point_beyond_the_edge_needs_more_knots() -> None:
    """Rows beyond an edge are moved across as the edge is."""
    elastic = Elastic(Elastic.Settings(shift=(0, 0)))
    drawn = {
        "elastic": np.array([0.1]),
        "elastic_spacing": np.array([0.5]),
        "elastic_seed": np.array([7]),
    }
    points, beyond = (begin_points(HEIGHT, np.array([WIDTH])) for _ in range(2))
    points.rows[:], beyond.rows[:] = 0, -1000
    elastic.locate(points, drawn)
    elastic.locate(beyond, drawn)
    assert (points.columns == beyond.columns).all()
    assert (beyond.rows == -1000).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.sampled_from([0, 1, 300]))
def test_compiled_loops_are_the_definition(seed: int, height: int, far: int) -> None:
    """Points that a map before them has left anywhere are moved to the very same places."""
    pytest.importorskip("numba")
    random = np.random.default_rng(seed)
    widths = random.integers(1, 90, 3)
    chosen = random.integers(0, 2, 3)
    drawn = {
        "elastic": random.uniform(0, 0.1, 3) * chosen,
        "elastic_spacing": random.uniform(0.5, 4, 3) * chosen,
        "elastic_seed": random.integers(0, 2**31, 3),
        "perspective_across": random.uniform(-0.25, 0.25, 3),
        "perspective_down": random.uniform(-0.15, 0.15, 3),
    }
    moved = random.uniform(-far, far, (height * widths.sum(), 2))
    zero = (0, 0)
    maps = (Elastic(Elastic.Settings(shift=zero)), Perspective(Perspective.Settings(across=zero)))
    for transform in maps:
        defined, compiled = (begin_points(height, widths) for _ in range(2))
        for points in (defined, compiled):  # as columns of one array, which are not contiguous
            points.rows, points.columns = (np.stack([points.rows, points.columns], -1) + moved).T
        transform.locate(defined, drawn)
        transform.locate_compiled(compiled, drawn)
        assert (defined.rows == compiled.rows).all()
        assert (defined.columns == compiled.columns).all()


@pytest.mark.parametrize("bad", [{"shift": (0, 0.11)}, {"spacing": (0.4, 1)}])
def test_shifts_that_fold_are_refused(bad: dict[str, tuple[float, float]]) -> None:
    """Ranges that would fold ink are no settings."""
    with pytest.raises(ValidationError, match=r"0\.1|0\.5"):
        Elastic.Settings.model_validate({"shift": (0, 0.1)} | bad)
