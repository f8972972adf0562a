"""Patterns and grain: tiles that pages read turned and scaled."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import label

from digit_sequence.transforms.page.grain import Grain
from digit_sequence.transforms.page.pattern import KINDS, Pattern
from digit_sequence.transforms.page.tiles import (
    GRAIN_SD,
    LINE_TEXELS,
    SIZE,
    make_grain,
    make_maps,
    make_pattern,
    read_tile,
)
from rendering import make_identities, make_pages

STREAM = make_identities("1").stream("tiles")


def test_map_turns_and_scales() -> None:
    """A page reads a tile from its place on, so many texels a pixel, turned by its angle."""
    tile = np.arange(SIZE * SIZE).reshape(SIZE, SIZE) % 251
    one, place = np.ones(1), np.array([0.25])
    straight = read_tile(tile, make_maps(0 * one, 2 * one, place, 0 * one)[0], (20, 30))
    assert (straight == tile[128:168:2, 0:60:2]).all()
    turned = read_tile(tile, make_maps(90 * one, 2 * one, place, 0 * one)[0], (20, 30))
    assert (turned == tile[128:188:2, -np.arange(20) * 2].T).all()


@pytest.mark.parametrize("kind", KINDS)
def test_pattern_repeats(kind: str) -> None:
    """A pattern has full ink and bare paper, more of the latter, and goes on at its edges."""
    tile = make_pattern(kind).astype(int)
    assert tile.min() == 0
    assert tile.max() == 255
    assert 40 < tile.mean() < 140
    for axis in (0, 1):
        inside = np.abs(np.diff(tile, axis=axis)).max()
        across = np.abs(np.take(tile, 0, axis) - np.take(tile, -1, axis)).max()
        assert across <= inside + 8


@pytest.mark.parametrize("kind", ["waves", "arcs"])
def test_lines_run_on(kind: str) -> None:
    """No line of waves or arcs closes to a ring, as no paper shows: all reach an edge."""
    lines, n_lines = label(make_pattern(kind) > 200, np.ones((3, 3)))
    assert n_lines > SIZE / LINE_TEXELS
    edges = np.concatenate([lines[0], lines[-1], lines[:, 0], lines[:, -1]])
    assert {*edges.tolist()} == {*range(n_lines + 1)}


def test_period_of_a_pattern() -> None:
    """Lines of waves stand a period apart, on average."""
    pages = make_pages(np.zeros((1, 160, 8), np.uint8))
    drawn = {
        "pattern": np.array([1.0]),
        "pattern_period": np.array([5.0]),
        "pattern_degrees": np.array([0.0]),
        "pattern_row": np.array([0.3]),
        "pattern_column": np.array([0.6]),
        "pattern_kind": np.array(["waves"]),
    }
    Pattern(Pattern.Settings(strength=(1, 1))).apply(pages, drawn, STREAM)
    is_line = pages.pixels[0, :, 0] > 64
    assert (is_line & ~np.roll(is_line, 1)).sum() == 160 / 5


def test_pattern_without_a_kind() -> None:
    """Weights of 0 alone are refused."""
    pattern = Pattern(Pattern.Settings(strength=(1, 1), waves=0, hatch=0, arcs=0, weave=0))
    with pytest.raises(ValueError, match=r"line\.pattern: expected a weight above 0 of one"):
        pattern.check(28, 200)


def test_grain_has_its_deviation() -> None:
    """Grain has the drawn deviation, of the contrast of ink and paper, and no bias."""
    grain = make_grain().astype(float)
    assert grain.std() == pytest.approx(GRAIN_SD, rel=0.01)
    assert grain.mean() == pytest.approx(128, abs=0.1)
    pages = make_pages(np.full((2, 200, 200), 150, np.uint8))
    drawn = {
        "grain": np.array([0.1, 0.1]),
        "grain_period": np.array([4.0, 4.0]),
        "grain_degrees": np.array([30.0, 30.0]),
        "grain_row": np.array([0.0, 0.5]),
        "grain_column": np.array([0.0, 0.5]),
        "paper": np.array([200, 0]),
        "ink": np.array([80, 0]),
    }
    Grain(Grain.Settings(deviation=(0.1, 0.1))).apply(pages, drawn, STREAM)
    deviations = pages.pixels.std(axis=(1, 2))
    assert deviations == pytest.approx([12, 25.5], rel=0.05)
    assert pages.pixels.mean(axis=(1, 2)) == pytest.approx(150, abs=1.5)
