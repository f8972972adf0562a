"""Spacing: columns between digits, none of which hides behind another."""

from __future__ import annotations

import numpy as np

from conftest import make_bank, make_pool
from digit_sequence.sources.bank import GlyphBank
from rendering import MakeConfig, Pools, lay, lay_box, render_samples


def test_overlap_is_half_the_narrower_digit_at_most(tiny_config: MakeConfig) -> None:
    """Spacing below that is raised to it, so that no digit hides behind another."""
    config = tiny_config(line={"spacing": [-1000, -1000]}, canvas={"align": "left"})
    layout, applied = lay_box(config, "12", 4, 4, 24, 24)
    assert applied.drawn["spacing"].tolist() == [0, -14]
    assert layout.cells[:, 0].tolist() == [0, 14]
    images = np.zeros((10, 28, 28), np.uint8)
    images[:, 4:24, 4:24] = 255
    images[2] = 0
    images[2, :, 10:17] = 255  # 7 columns wide when cropped
    bank = make_bank(images, np.arange(10, dtype=np.uint8))
    config = tiny_config(
        line={"spacing": [-1000, -1000]}, canvas={"align": "left"}, glyph={"crop": {}}
    )
    _, layout, applied = lay(config, bank, make_pool(bank), [("121", 0)])
    assert layout.cells[:, 1].tolist() == [28, 7, 28]
    assert applied.drawn["spacing"].tolist() == [0, -3, -3]


def test_spacing_is_reported_as_applied(
    tiny_config: MakeConfig, bank: GlyphBank, pools: Pools
) -> None:
    """A recipe says the spacing that was applied, not one that would have hidden a digit."""
    config = tiny_config(line={"spacing": [-1000, -1000]})
    rendered = render_samples(config, bank, pools["train"], [("123", 0)])
    assert rendered.recipes.drawn["spacing"].tolist() == [0, -14, -14]
