"""Crop: the ink of a glyph, and a margin, fill its cell."""

from __future__ import annotations

import pytest

from rendering import MakeConfig, lay_box, to_cell


@pytest.mark.parametrize("aspect", ["keep", "stretch"])
@pytest.mark.parametrize("margin", [0, 3])
@pytest.mark.parametrize("height", [8, 28, 100])
def test_crop_maps_the_ink_to_the_cell(
    tiny_config: MakeConfig, aspect: str, margin: int, height: int
) -> None:
    """Rows of the ink, and the margin, fill the canvas height; columns are scaled alike or kept."""
    config = tiny_config(
        canvas={"height": height, "width": 400},
        glyph={"crop": {"margin": margin}, "aspect": aspect},
    )
    layout, _ = lay_box(config, "1", 5, 7, 25, 17)
    scale = height / (20 + 2 * margin)
    width = 10 * (scale if aspect == "keep" else 1)
    assert layout.cells[0, 1] == max(1, int(width + 0.5))
    (left, top), (right, bottom) = to_cell(layout, 0, [(7, 5), (17, 25)])
    assert (top, bottom) == pytest.approx((margin * scale, height - margin * scale), abs=1e-4)
    assert right - left == pytest.approx(width, abs=1e-4)
    assert (left + right) / 2 == pytest.approx(layout.cells[0, 1] / 2, abs=1e-4)
