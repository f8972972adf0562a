"""Pens draw strokes as wide as they are, whatever width the glyph had."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from digit_sequence.base.errors import ConfigError
from digit_sequence.sources.outlines import EDGE, LEVELS, REACH, find_outlines
from rendering import MakeConfig, render_one


def draw_bar(width: float, slope: float = 0.0) -> NDArray[np.uint8]:
    """Return a glyph of one long stroke, with soft edges."""
    rows, columns = np.mgrid[:28, :28].astype(float)
    across = np.abs(columns - 14 - slope * (rows - 14)) / np.hypot(1, slope)
    ink = np.clip(0.5 + width / 2 - across, 0, 1) * ((rows >= 4) & (rows < 24))
    return np.round(ink * 255).astype(np.uint8)


def draw_ring(radius: float, width: float) -> NDArray[np.uint8]:
    """Return a glyph of a circle."""
    rows, columns = np.mgrid[:28, :28].astype(float)
    away = np.abs(np.hypot(rows - 14, columns - 14) - radius)
    return np.round(np.clip(0.5 + width / 2 - away, 0, 1) * 255).astype(np.uint8)


@pytest.mark.parametrize("slope", [0.0, 0.5])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 5])
def test_widths_of_strokes_are_found(width: float, slope: float) -> None:
    """The width of a drawn stroke is known within an eighth, or half a pixel of the fine grid."""
    (found,) = find_outlines(draw_bar(width, slope)[None]).widths
    assert abs(found - width) <= max(0.25, width / 8)


def test_distances_of_a_bar() -> None:
    """Beside a straight stroke levels fall by one distance a pixel, as far as they reach."""
    (image,) = find_outlines(draw_bar(3)[None]).images
    row = image[14 + REACH, 14 + REACH :].astype(float)
    assert (np.abs(row[3:7] - (EDGE - LEVELS * (np.arange(3, 7) - 1.5))) <= LEVELS / 4).all()
    assert image.min() == EDGE - LEVELS * REACH


@pytest.mark.parametrize("own", [1.5, 3, 5])
@pytest.mark.parametrize("width", [1, 1.2, 2, 3, 4.7, 6])
def test_strokes_get_the_width_of_the_pen(
    tiny_config: MakeConfig, own: float, width: float
) -> None:
    """Across a stroke there is as much ink as the pen is wide, within 0.45 pixels."""
    config = tiny_config(canvas={"width": 28}, glyph={"pen": {"width": [width, width]}})
    rendered = render_one(config, draw_bar(own))
    assert abs(rendered.images[0, 14].sum() / 255 - width) <= 0.45
    assert rendered.images[0, 14].max() >= 0.6 * 255
    assert rendered.recipes.drawn["pen_width"].tolist() == [width]


def test_small_loops_stay_open(tiny_config: MakeConfig) -> None:
    """A pen that is as wide as a hole leaves some of it open."""
    config = tiny_config(canvas={"width": 28}, glyph={"pen": {"width": [4.5, 4.5]}})
    image = render_one(config, draw_ring(3, 2)).images[0]
    assert image[13:15, 13:15].min() < 128
    assert image[14, 10:12].max() == 255


def test_soft_edges_are_wider(tiny_config: MakeConfig) -> None:
    """Ink that bleeds has more grey pixels, and as much ink."""
    rows = []
    for soft in (0, 2):
        pen = {"width": [4, 4], "softness": [soft, soft]}
        config = tiny_config(canvas={"width": 28}, glyph={"pen": pen})
        rows.append(render_one(config, draw_bar(4)).images[0, 14].astype(float))
    sharp, soft_row = rows
    assert abs(sharp.sum() - soft_row.sum()) <= 0.35 * 255
    assert ((soft_row > 0) & (soft_row < 255)).sum() > ((sharp > 0) & (sharp < 255)).sum()


def test_pen_that_is_too_thin_is_refused(tiny_config: MakeConfig) -> None:
    """A stroke that no one could read is refused with its key."""
    with pytest.raises(ConfigError, match=r"glyph\.pen\.width"):
        tiny_config(glyph={"pen": {"width": [0.2, 2]}})
