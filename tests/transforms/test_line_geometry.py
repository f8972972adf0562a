"""Lines that rise or bend, and digits of different size and height in them."""

from __future__ import annotations

import numpy as np
import pytest

from digit_sequence.base.errors import ConfigError
from digit_sequence.render.draw import render_batch
from digit_sequence.render.recipe import draw_recipes
from digit_sequence.transforms.geometry import begin_cells, begin_line
from digit_sequence.transforms.line.curve import Curve
from digit_sequence.transforms.line.tilt import Tilt

NUMBERS = ["1111111", "0808080", "7", "4004"]


@pytest.fixture
def draw(bank, pools, tiny_config):
    """Return a function that renders numbers with some blocks of a config."""

    def render(numbers=NUMBERS, **blocks):
        blocks = {"canvas": {"height": 64, "width": 240}} | blocks
        config = tiny_config(**blocks)
        recipes = draw_recipes(
            config, pools["train"], "train", list(numbers), np.arange(len(numbers))
        )
        return render_batch(recipes, bank, config)

    return render


def middles(rendered):
    """Return the row of the middle of each box."""
    return rendered.boxes[:, ::2].mean(axis=1)


def test_tilt_rises_to_the_right(draw):
    """Digits of a line of ones lie on a slope: that of the drawn angle."""
    glyph = {"crop": {"margin": 20}}
    flat = draw(["1111111"], glyph=glyph)
    tilted = draw(["1111111"], glyph=glyph, line={"spacing": [10, 10], "tilt": {"degrees": [8, 8]}})
    assert np.ptp(middles(flat)) < 1
    columns = tilted.boxes[:, 1::2].mean(axis=1)
    slope = np.polyfit(columns, middles(tilted), 1)[0]
    assert slope == pytest.approx(-np.tan(np.radians(8)), abs=0.01)


def test_curve_raises_the_middle(draw):
    """The middle of a bent line lies above its ends, by the drawn share of the canvas height."""
    line = {"spacing": [14, 14], "curve": {"rise": [0.25, 0.25]}}
    rendered = draw(["111111111"], glyph={"crop": {"margin": 20}}, line=line)
    across = (rendered.boxes[:, 1::2].mean(axis=1) - 0.5) / 119.5 - 1
    bend, slope, _ = np.polyfit(across, middles(rendered), 2)
    assert bend == pytest.approx(16, abs=1.5)
    assert slope == pytest.approx(0, abs=1)


@pytest.mark.parametrize("name", ["tilt", "curve"])
def test_line_that_is_not_moved(draw, name):
    """Without an angle, or a rise, nothing moves by a hair."""
    moved = draw(line={name: {"degrees" if name == "tilt" else "rise": [0, 0]}})
    assert (moved.images == draw().images).all()


def test_tilt_turns_cells_about_the_middle_of_the_canvas():
    """At 20 degrees a cell right of the middle goes up, and its own up leans to the left."""
    line = make_line(columns=[110.0], rows=[20.0], height=41, width=161)
    Tilt(None).move(line, {"tilt_degrees": np.array([20.0])})
    cosine, sine = np.cos(np.radians(20)), np.sin(np.radians(20))
    np.testing.assert_allclose(line.columns, 80 + 30 * cosine, atol=1e-5)
    np.testing.assert_allclose(line.rows, 20 - 30 * sine, atol=1e-5)
    turn = line.forward[..., 0]
    np.testing.assert_allclose(turn @ turn.T, np.eye(2), atol=1e-6)
    up = turn @ [0, -1]
    assert up == pytest.approx([-sine, -cosine], abs=1e-6)


def test_curve_shears_cells_along_the_parabola():
    """A cell follows the slope of the line where it stands; at the middle it stays upright."""
    line = make_line(columns=[0.0, 50, 100], rows=[20.0] * 3, height=40, width=101)
    Curve(None).move(line, {"curve": np.array([0.5])})
    assert line.rows.tolist() == [30, 10, 30]  # the middle rises by 20 rows over the ends
    assert line.forward[1, 0].tolist() == [-0.8, 0, 0.8]  # 4 * 20 / 100 at the ends


def make_line(columns, rows, height, width):
    """Make a line of cells that have not moved."""
    n = len(columns)
    ink = np.array([[0, 0, 10, 10]] * n, np.int16)
    cells = begin_cells(ink, np.outer([0.0, 0, 28, 28], np.ones(n)), height, np.zeros(n, np.int64))
    return begin_line(
        cells,
        np.array([columns, rows]),
        np.array([0, n]),
        height,
        np.array([width]),
        (width, width),
    )


def test_size_keeps_the_foot(draw):
    """A smaller digit is smaller by its share, and stands where it stood."""
    crop = {"crop": {"margin": 4}}
    full = draw(glyph=crop)
    small = draw(glyph={**crop, "size": {"share": [0.5, 0.5]}})
    assert (small.recipes.drawn["digit_size"] == 0.5).all()
    heights = (small.boxes[:, 2] - small.boxes[:, 0]) / (full.boxes[:, 2] - full.boxes[:, 0])
    np.testing.assert_allclose(heights, 0.5, atol=0.07)
    np.testing.assert_allclose(small.boxes[:, 2], full.boxes[:, 2], atol=2)


def test_size_has_a_bias_for_digits(draw):
    """Zeros are smaller than what stands beside them, by what the config says, 0 quoted or not."""
    for key in (0, "0"):
        rendered = draw(["0404"], glyph={"size": {"share": [0.8, 0.8], "bias": {key: 0.5}}})
        assert rendered.recipes.drawn["digit_size"].tolist() == [0.4, 0.8, 0.4, 0.8]


def test_breadth_keeps_the_height(draw):
    """A narrow digit is narrower by its share and as high, and so is its cell."""
    crop = {"crop": {"margin": 4}}
    full = draw(["42"], glyph=crop)
    narrow = draw(["42"], glyph={**crop, "breadth": {"share": [0.6, 0.6]}})
    assert (narrow.recipes.drawn["breadth"] == 0.6).all()
    assert narrow.boxes[:, ::2].tolist() == full.boxes[:, ::2].tolist()
    for rendered, share in ((full, 1), (narrow, 0.6)):
        columns = rendered.boxes[:, 3] - rendered.boxes[:, 1]
        np.testing.assert_allclose(columns, share * (full.boxes[:, 3] - full.boxes[:, 1]), atol=2)


def test_breadth_has_a_bias_for_digits(draw):
    """A 4 is narrower than what stands beside it, by what the config says."""
    rendered = draw(["0404"], glyph={"breadth": {"share": [1, 1], "bias": {4: 0.75}}})
    assert rendered.recipes.drawn["breadth"].tolist() == [1, 0.75, 1, 0.75]


def test_size_that_is_not_applied(draw):
    """A digit that is left as it is has the size 1."""
    rendered = draw(glyph={"size": {"share": [0.3, 0.5], "probability": 0}})
    assert (rendered.recipes.drawn["digit_size"] == 1).all()
    assert (rendered.images == draw().images).all()


def test_baseline_moves_whole_rows(draw):
    """A rise by a quarter of 64 rows is one by 16 rows, pixel for pixel."""
    crop = {"crop": {"margin": 30}}
    still = draw(glyph=crop)
    risen = draw(glyph={**crop, "baseline": {"rise": [0.25, 0.25]}})
    assert (risen.boxes == still.boxes - [16, 0, 16, 0]).all()
    assert (risen.images[:, :-16] == still.images[:, 16:]).all()


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ({"line": {"tilt": {"degrees": [-30, 0]}}}, r"line\.tilt\.degrees\.0: .*-30"),
        ({"line": {"curve": {"rise": [0.2, 0.1]}}}, r"line\.curve\.rise: .*low <= high"),
        ({"glyph": {"size": {"share": [0.1, 1]}}}, r"glyph\.size\.share\.0: .*0\.1"),
        ({"glyph": {"size": {"share": [1, 1], "bias": {"x": 1}}}}, r"glyph\.size\.bias\.x"),
        ({"glyph": {"baseline": {"rise": [0, 0.4]}}}, r"glyph\.baseline\.rise\.1: .*0\.4"),
    ],
)
def test_what_is_refused(tiny_config, blocks, message):
    """Ranges that would leave the canvas are refused with their key."""
    with pytest.raises(ConfigError, match=message):
        tiny_config(**blocks)
