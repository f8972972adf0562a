"""Shear leans digits sideways: a positive angle to the right."""

from __future__ import annotations

import numpy as np
import pytest

from rendering import MakeConfig, find_middle, lay_box, render_one, to_cell


def test_shear_moves_the_top_right(tiny_config: MakeConfig) -> None:
    """At 45 degrees the top of a digit moves right by half its height, the bottom left."""
    config = tiny_config(
        glyph={"shear": {"degrees": [45, 45]}, "overflow": "clip"}, canvas={"align": "left"}
    )
    layout, _ = lay_box(config, "1", 0, 0, 28, 28)
    assert layout.cells[:, 1].tolist() == [56]
    top, bottom = to_cell(layout, 0, [(14, 0), (14, 28)])
    assert top == pytest.approx([42, 0], abs=1e-4)
    assert bottom == pytest.approx([14, 28], abs=1e-4)


@pytest.mark.parametrize("degrees", [-20, 20])
def test_direction_of_shear(tiny_config: MakeConfig, degrees: float) -> None:
    """Positive shear moves the top of an upright stroke to the right."""
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 13:15] = 255
    config = tiny_config(glyph={"shear": {"degrees": [degrees, degrees]}})
    sheared = render_one(config, image).images[0].astype(float)
    shift = find_middle(sheared[:14]) - find_middle(sheared[14:])
    assert shift == pytest.approx(10 * np.tan(np.radians(degrees)), abs=0.1)
