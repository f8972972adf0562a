"""Slant: all digits of a line lean alike."""

from __future__ import annotations

import numpy as np

from digit_sequence.sources.bank import GlyphBank
from rendering import MakeConfig, Pools, draw, render_samples


def test_digits_of_a_line_lean_as_one(
    tiny_config: MakeConfig, bank: GlyphBank, pools: Pools
) -> None:
    """A slant is the shear of each digit by as much, and one value a line."""
    slanted = tiny_config(line={"slant": {"degrees": [25, 25]}}, canvas={"width": 300})
    sheared = tiny_config(glyph={"shear": {"degrees": [25, 25]}}, canvas={"width": 300})
    images = [
        render_samples(config, bank, pools["train"], [("0123", 0), ("7", 4)]).images
        for config in (slanted, sheared)
    ]
    assert (images[0] == images[1]).all()
    recipes = draw(tiny_config(line={"slant": {"degrees": [-20, 40]}}), pools["train"], [("12", 0)])
    assert recipes.drawn["slant_degrees"].shape == (1,)


def test_shear_is_added(tiny_config: MakeConfig, bank: GlyphBank, pools: Pools) -> None:
    """A shear against the slant takes it back."""
    upright = tiny_config(canvas={"width": 300}, line={"spacing": [5, 5]})
    both = tiny_config(
        canvas={"width": 300},
        line={"spacing": [5, 5], "slant": {"degrees": [20, 20]}},
        glyph={"shear": {"degrees": [-20, -20]}},
    )
    images = [
        render_samples(config, bank, pools["train"], [("0123", 0)]).images.astype(int)
        for config in (upright, both)
    ]
    assert np.abs(images[0] - images[1]).max() <= 1
