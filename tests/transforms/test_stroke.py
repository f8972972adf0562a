"""Strokes are dilated and eroded as scikit-image does, and never erased."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conftest import find_extent, make_pool
from digit_sequence.sources.bank import GlyphBank
from digit_sequence.transforms.ink.stroke import ERODED_PEAK
from rendering import MakeConfig, change_stroke_alone, lay, render_one, render_samples


@pytest.mark.parametrize("overflow", ["fit", "clip"])
@pytest.mark.parametrize("side", range(1, 10))
@pytest.mark.parametrize("dilate", [1, 0])
def test_strokes_equal_scikit_image(
    tiny_config: MakeConfig, bank: GlyphBank, side: int, dilate: int, overflow: str
) -> None:
    """A stroke is changed as scikit-image does, on the canvas or in a cell that cuts ink."""
    blocks: dict[str, Any] = {
        "canvas": {"height": 50, "width": 300, "align": "left"},
        "line": {"spacing": [20, 20]},
    }
    samples = [("835", index) for index in range(4)]
    glyph: dict[str, Any] = {"crop": {}, "rotate": {"degrees": [-20, 20]}, "overflow": overflow}
    stroke = {"dilate": dilate, "pixels": [side, side]}
    plain = render_samples(tiny_config(**blocks, glyph=glyph), bank, make_pool(bank), samples)
    config = tiny_config(**blocks, glyph={**glyph, "stroke": stroke})
    changed = render_samples(config, bank, make_pool(bank), samples)
    recipes, layout, _ = lay(config, bank, make_pool(bank), samples)
    # Digits are so far apart that no one's ink is in the columns of another.
    room = 0 if overflow == "clip" else 8
    for g, (sample, (left, width)) in enumerate(
        zip(recipes.samples, layout.cells.tolist(), strict=True)
    ):
        part = (sample, slice(None), slice(max(0, left - room), left + width + room))
        drawn = side if dilate else -side
        expected, applied = change_stroke_alone(plain.images[part], drawn)
        assert (changed.images[part] == expected).all()
        assert changed.recipes.drawn["stroke"][g] == applied
        top, first, bottom, last = find_extent(expected > 0)
        begin = max(0, left - room)
        assert changed.boxes[g].tolist() == [top, first + begin, bottom, last + begin]


def test_dilation_by_hand(tiny_config: MakeConfig) -> None:
    """A square of three around each pixel; at the edge of the canvas it ends."""
    image = np.zeros((8, 8), np.uint8)
    image[0, 0], image[4, 5] = 90, 255
    config = tiny_config(
        canvas={"height": 8, "width": 20, "align": "left"},
        glyph={"stroke": {"dilate": 1, "pixels": [3, 3]}},
    )
    expected = np.zeros((8, 20), np.uint8)
    expected[:2, :2], expected[3:6, 4:7] = 90, 255
    assert render_one(config, image).images[0].tolist() == expected.tolist()


def test_dilation_at_the_edge_of_a_cell(tiny_config: MakeConfig) -> None:
    """Ink of a narrow digit grows by four columns at each side, or stays where its cell cuts it."""
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 10:18] = 255
    line = {"spacing": [7, 7]}

    def measure_gap(**glyph: Any) -> int:
        boxes = render_one(tiny_config(glyph={"crop": {}, **glyph}, line=line), image, "11").boxes
        return int(boxes[1, 1] - boxes[0, 3])

    stroke = {"dilate": 1, "pixels": [9, 9]}
    assert measure_gap(stroke=stroke, overflow="clip") == measure_gap(overflow="clip") == 7
    assert measure_gap(stroke=stroke) == measure_gap() - 8 < 0


def test_dilation_fills_a_cell_that_cuts_ink(tiny_config: MakeConfig) -> None:
    """Where ink is cut at its cell, a stroke in the middle of it grows as anywhere else."""
    image = np.zeros((28, 28), np.uint8)
    image[10:18, 10:18] = 255
    for overflow in ("clip", "fit"):
        glyph = {"stroke": {"dilate": 1, "pixels": [9, 9]}, "overflow": overflow}
        config = tiny_config(canvas={"align": "left"}, glyph=glyph)
        assert render_one(config, image).boxes.tolist() == [[6, 6, 22, 22]]


def test_erosion_that_would_erase_is_not_applied(tiny_config: MakeConfig) -> None:
    """A thin stroke is left as it was, and the recipe says so; a thick one is eroded."""
    erode = {"stroke": {"dilate": 0, "pixels": [5, 5]}}
    for thickness, applied in ((3, 0), (9, -5)):
        image = np.zeros((28, 28), np.uint8)
        image[4:24, 10 : 10 + thickness] = 255
        config = tiny_config(canvas={"width": 28}, glyph=erode)
        rendered = render_one(config, image)
        assert rendered.recipes.drawn["stroke"].tolist() == [applied]
        assert (rendered.images[0] > 0).sum() == (60 if applied == 0 else 16 * 5)


@pytest.mark.parametrize(("peak", "applied"), [(ERODED_PEAK - 1, 0), (ERODED_PEAK, -2)])
def test_erosion_keeps_a_legible_pixel(tiny_config: MakeConfig, peak: int, applied: int) -> None:
    """The brightest pixel that is left decides whether an erosion is applied."""
    image = np.full((28, 28), peak, np.uint8)
    config = tiny_config(canvas={"width": 28}, glyph={"stroke": {"dilate": 0, "pixels": [2, 2]}})
    assert render_one(config, image).recipes.drawn["stroke"].tolist() == [applied]
