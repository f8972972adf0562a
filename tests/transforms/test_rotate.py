"""Rotation turns digits about their centre: a positive angle counter-clockwise."""

from __future__ import annotations

import numpy as np
import pytest

from rendering import MakeConfig, find_middle, lay_box, render_one, to_cell


def test_rotation_is_counter_clockwise(tiny_config: MakeConfig) -> None:
    """At 30 degrees the right end of a bar rises by half its length from the centre."""
    config = tiny_config(glyph={"rotate": {"degrees": [30, 30]}, "overflow": "clip"})
    layout, _ = lay_box(config, "1", 12, 4, 16, 24)
    centre, right = to_cell(layout, 0, [(14, 14), (24, 14)])
    assert centre == pytest.approx([14, 14], abs=1e-4)
    assert right == pytest.approx([14 + 10 * np.sqrt(3) / 2, 14 - 5], abs=1e-4)


@pytest.mark.parametrize("degrees", [-20, 20])
def test_direction_of_rotation(tiny_config: MakeConfig, degrees: float) -> None:
    """Positive rotation is counter-clockwise: the right end of a level stroke rises."""
    image = np.zeros((28, 28), np.uint8)
    image[13:15, 4:24] = 255
    config = tiny_config(
        canvas={"align": "left"}, glyph={"rotate": {"degrees": [degrees, degrees]}}
    )
    turned = render_one(config, image).images[0].astype(float).T
    rise = find_middle(turned[:14]) - find_middle(turned[14:28])
    assert rise == pytest.approx(10 * np.sin(np.radians(degrees)), abs=0.1)
