"""Pens draw strokes as wide as they are, whatever width the glyph had."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.measure import label

from conftest import draw_bank, make_pool
from digit_sequence.pen.nib import draw_ink
from digit_sequence.sources.bank import GlyphBank
from digit_sequence.sources.distances import LEVELS, REACH, Distances, find_distances
from digit_sequence.transforms.ink.pen import HAIRLINE, Pen
from rendering import MakeConfig, render_one, render_samples


def draw_bar(width: float, slope: float = 0.0) -> NDArray[np.uint8]:
    """Return a glyph of one long stroke, of a round nib."""
    curve = np.array([[[5.0, 14 - 9 * slope], [23.0, 14 + 9 * slope]]])
    return draw_ink([curve], np.array([width / 2]), (28, 28))[0]


def draw_ring(radius: float, width: float) -> NDArray[np.uint8]:
    """Return a glyph of a circle."""
    angle = np.linspace(0, 2 * np.pi, 25)
    curve = 14 + radius * np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    return draw_ink([curve[None]], np.array([width / 2]), (28, 28))[0]


def draw_with(make: MakeConfig, glyph: NDArray[np.uint8], **pen: Any) -> NDArray[np.uint8]:
    """Draw a glyph on a canvas of its own size; widths are in pixels of that."""
    pen = {**pen, "width": [round(pen["width"] / 28, 3)] * 2}
    return render_one(make(canvas={"width": 28}, glyph={"pen": pen}), glyph).images[0]


# -- distances ------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5])
def test_distances_are_from_the_middle_of_a_stroke(width: float) -> None:
    """Whatever its width, they grow by one a pixel, as far as they reach."""
    (levels,) = find_distances(draw_bar(width)[None])
    found = (255 - levels[14 + REACH].astype(float)) / LEVELS
    expected = np.abs(np.arange(len(found)) - 14.0 - REACH)
    near = expected < REACH - 1
    assert np.abs(found - expected)[near].max() <= 0.35


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5])
def test_distances_are_as_long_as_the_stroke(width: float) -> None:
    """Both ends of a stroke are where its nib was, within a pixel of the fine grid or two."""
    (levels,) = find_distances(draw_bar(width)[None])
    (rows,) = np.nonzero(levels.max(axis=1) >= 255 - LEVELS / 2)
    assert abs(rows[0] - REACH - 5) <= 1
    assert abs(rows[-1] - REACH - 23) <= 1


@pytest.mark.parametrize(("middle", "is_open"), [(0, True), (160, True), (190, False)])
def test_loops_that_are_nearly_filled_are_loops(middle: int, is_open: bool) -> None:
    """Where ink is fainter by three tenths than all around, there is no stroke."""
    glyph = np.zeros((28, 28), np.uint8)
    glyph[11:16, 11:16] = 255
    glyph[13, 13] = middle
    levels = find_distances(glyph[None])[0, REACH:, REACH:]
    assert (levels[13, 13] < levels[[12, 14, 13, 13], [13, 13, 12, 14]].min()) == is_open


def test_distances_of_a_dot_and_of_paper() -> None:
    """A single pixel has a middle, and an empty glyph has none."""
    glyphs = np.zeros((3, 9, 9), np.uint8)
    glyphs[0, 4, 4], glyphs[1, 4:6, 4:6] = 255, 9
    dot, square, paper = find_distances(glyphs)
    assert np.unravel_index(dot.argmax(), dot.shape) == (4 + REACH, 4 + REACH)
    assert dot.max() >= 255 - LEVELS
    assert square.max() >= 255 - LEVELS
    assert paper.max() < LEVELS / 2


def test_distances_are_found_when_asked_for(bank: GlyphBank) -> None:
    """They are the same one by one and all at once."""
    expected = find_distances(bank.images)
    distances = Distances(bank.images)
    for ids in ([3], [3, 90, 3], [70], np.arange(len(bank.images))):
        chosen = np.array(ids, np.int32)
        assert np.array_equal(distances.find(chosen)[chosen], expected[chosen])


# -- the pen --------------------------------------------------------------------------------------


@pytest.mark.parametrize("slope", [0.0, 0.5])
@pytest.mark.parametrize("own", [1.5, 3, 5])
@pytest.mark.parametrize("width", [1, 1.5, 2, 3, 4.5, 6])
def test_strokes_get_the_width_of_the_pen(
    tiny_config: MakeConfig, own: float, width: float, slope: float
) -> None:
    """Across a stroke there is as much ink as the pen is wide, within half a pixel."""
    image = draw_with(tiny_config, draw_bar(own, slope), width=width)
    across = image[10:19].sum(axis=1).mean() / 255 / np.hypot(1, slope)
    assert abs(across - width) <= 0.5
    assert image[10:19].max(axis=1).min() >= 140


@pytest.mark.parametrize("width", [1, 2, 4])
def test_no_stroke_breaks(tiny_config: MakeConfig, width: float) -> None:
    """A stroke that becomes thin is drawn in one piece by any pen."""
    glyph = np.maximum(draw_bar(1.2), 0)
    glyph[:14] = draw_bar(6)[:14]
    image = draw_with(tiny_config, glyph, width=width)
    assert label(image >= 100, connectivity=2).max() == 1


def test_small_loops_stay_open(tiny_config: MakeConfig) -> None:
    """A pen that is as wide as a hole leaves some of it open."""
    image = draw_with(tiny_config, draw_ring(3, 2), width=6)
    assert image[13:16, 13:16].min() < 128
    assert image[14, 10:12].max() == 255


def test_soft_edges_are_wider(tiny_config: MakeConfig) -> None:
    """Ink that bleeds has more grey pixels, and as much ink."""
    sharp, soft = (
        draw_with(tiny_config, draw_bar(4), width=4, softness=[soft, soft])[14].astype(float)
        for soft in (0, 2)
    )
    assert abs(sharp.sum() - soft.sum()) <= 0.35 * 255
    assert ((soft > 0) & (soft < 255)).sum() > ((sharp > 0) & (sharp < 255)).sum()


def test_rims_are_darker(tiny_config: MakeConfig) -> None:
    """The middle of a stroke lacks the share that was drawn, its rim nothing."""
    row = draw_with(tiny_config, draw_bar(4), width=6, rim=[0.4, 0.4])[14]
    assert row[14] == pytest.approx(0.6 * 255, abs=2)
    assert row.max() == 255


def test_widths_are_those_of_the_line(tiny_config: MakeConfig, bank: GlyphBank) -> None:
    """A width is a share of the line's height, and of its length where it was shrunk, in pixels."""
    pen = {"width": [0.1, 0.1]}
    samples = [("48", 0), ("4807596213", 0)]
    config = tiny_config(
        canvas={"height": 80, "width": 200},
        glyph={"crop": {}, "pen": pen},
        line={"height": {"share": [0.5, 0.5]}},
    )
    drawn = render_samples(config, bank, make_pool(bank), samples)
    assert drawn.recipes.drawn["pen_width"].tolist() == [0.1, 0.1]
    short, long = np.split(drawn.recipes.drawn["stroke_width"], [2])
    assert short.tolist() == [4.0, 4.0]
    assert drawn.scaled.tolist() == [False, True]
    assert 2 < long[0] < 4
    assert len(set(long.tolist())) == 1


def test_jitter_differs_from_digit_to_digit(tiny_config: MakeConfig, bank: GlyphBank) -> None:
    """Each digit's width is near that of the pen."""
    glyph = {"pen": {"width": [0.2, 0.2], "jitter": [0.1, 0.1]}}
    config = tiny_config(canvas={"height": 50, "width": 900}, glyph=glyph)
    widths = render_samples(config, bank, make_pool(bank), [("48075962", 0)]).recipes.drawn[
        "stroke_width"
    ]
    assert len(set(widths.tolist())) > 4
    assert (np.abs(widths - 10) <= 1).all()


@settings(max_examples=25)
@given(height=st.integers(8, 64), width=st.floats(0.02, 0.3), seed=st.integers(0, 99))
def test_boxes_are_exact(
    tiny_config: MakeConfig, bank: GlyphBank, height: int, width: float, seed: int
) -> None:
    """No layer is too small for the ink that a pen puts there: more room changes no pixel."""
    width = max(round(width, 3), np.ceil(1000 / height) / 1000)
    config = tiny_config(
        canvas={"height": 2 * height, "width": 300},
        glyph={"crop": {}, "pen": {"width": [width, width], "softness": [1, 1]}},
        line={"height": {"share": [0.5, 0.5]}, "spacing": [40, 40]},
    )
    rendered = render_samples(config, bank, make_pool(bank), [("58", seed)])
    assert rendered.recipes.drawn["stroke_width"].min() >= HAIRLINE
    for layer in rendered.layers:
        assert layer[0].max() == layer[-1].max() == layer[:, 0].max() == layer[:, -1].max() == 0
        assert layer.max() >= 64


def test_pens_that_draw_hairlines_alone_are_refused() -> None:
    """A pen of less than a pixel is refused with its key; one that may be wider is not."""
    with pytest.raises(ValueError, match=r"^glyph\.pen\.width: expected to end at 0\.05 or above"):
        Pen(Pen.Settings(width=(0.02, 0.04))).check(20, 200)
    Pen(Pen.Settings(width=(0.02, 0.06))).check(20, 200)


@pytest.mark.parametrize("size", [8, 64])
def test_glyphs_of_other_sizes(tiny_config: MakeConfig, size: int) -> None:
    """A pen is as wide for glyphs of few pixels and of many."""
    bank = draw_bank(size, 2)
    glyph = {"crop": {}, "pen": {"width": [0.1, 0.1]}}
    config = tiny_config(canvas={"height": 40, "width": 300}, glyph=glyph)
    rendered = render_samples(config, bank, make_pool(bank), [("07", 0)])
    assert rendered.recipes.drawn["stroke_width"].tolist() == [4.0, 4.0]
    assert (rendered.images[0].max(axis=0) == 255).sum() > 10


def test_thin_strokes_stay_dark(tiny_config: MakeConfig) -> None:
    """A hairline is neither softened nor hollowed until it is faint."""
    plain, soft = (
        draw_with(tiny_config, draw_bar(3), width=1, softness=[soft, soft], rim=[rim, rim])
        for soft, rim in ((0, 0), (4, 0.6))
    )
    assert np.abs(plain.astype(int) - soft).max() <= 4
