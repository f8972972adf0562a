"""Aspect: columns are scaled as rows, or keep their width."""

from __future__ import annotations

import numpy as np
import pytest

from rendering import MakeConfig, lay_box, to_cell


@pytest.mark.parametrize(("aspect", "width"), [("keep", 90), ("stretch", 30)])
def test_whole_glyph_is_scaled(tiny_config: MakeConfig, aspect: str, width: int) -> None:
    """The frame of a glyph, of any shape, fills the canvas height."""
    config = tiny_config(canvas={"height": 60}, glyph={"aspect": aspect})
    layout, _ = lay_box(config, "1", 3, 4, 10, 12, shape=(20, 30))
    assert layout.cells[:, 1].tolist() == [width]
    corners = to_cell(layout, 0, [(0, 0), (30, 20)])
    np.testing.assert_allclose(corners, [(0, 0), (width, 60)], atol=1e-5)
