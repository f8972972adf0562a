"""Overflow: ink that stands out of its cell is scaled to fit, or cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

from digit_sequence.sources.bank import GlyphBank
from rendering import MakeConfig, Pools, identities, lay, lay_box, lines, to_cell, turned_glyphs
from strategies import canvases


@given(
    identities,
    canvases,
    turned_glyphs,
    lines.map(lambda line: {"spacing": line["spacing"]}),
)
def test_overflow_fit_keeps_all_ink_inside(
    tiny_config: MakeConfig,
    bank: GlyphBank,
    pools: Pools,
    samples: list[tuple[str, int]],
    canvas: dict[str, Any],
    glyph: dict[str, Any],
    line: dict[str, Any],
) -> None:
    """The corners of the ink box are inside the cell, but for the rounding of its width."""
    config = tiny_config(canvas=canvas, glyph={**glyph, "overflow": "fit"}, line=line)
    recipes, layout, _ = lay(config, bank, pools["train"], samples)
    for g, glyph_id in enumerate(recipes.glyph_ids):
        top, left, bottom, right = bank.ink[glyph_id]
        x, y = to_cell(layout, g, [(x, y) for x in (left, right) for y in (top, bottom)]).T
        assert -1e-3 <= y.min() <= y.max() <= canvas["height"] + 1e-3
        assert -0.251 <= x.min() <= x.max() <= layout.cells[g, 1] + 0.251


def test_overflow_clip_does_not_shrink(tiny_config: MakeConfig) -> None:
    """Turned by 45 degrees, a full square is cut at its corners, and not scaled."""
    turned = {"rotate": {"degrees": [45, 45]}}
    for overflow, half in (("clip", 14 * np.sqrt(2)), ("fit", 14)):
        config = tiny_config(glyph={**turned, "overflow": overflow})
        layout, _ = lay_box(config, "1", 0, 0, 28, 28)
        assert layout.cells[:, 1].tolist() == [28]
        corner = to_cell(layout, 0, [(28, 0)])[0]
        assert corner == pytest.approx([14, 14 - half], abs=1e-4)
