"""Blur is scikit-image's Gaussian filter of the whole canvas."""

from __future__ import annotations

import numpy as np
import pytest

from conftest import find_extent
from digit_sequence.sources.bank import GlyphBank
from rendering import MakeConfig, Pools, blur_alone, render_one, render_samples


@pytest.mark.parametrize("sigma", [0.001, 0.1, 0.5, 1.3, 3.5])
def test_blur_equals_scikit_image(
    tiny_config: MakeConfig, bank: GlyphBank, pools: Pools, sigma: float
) -> None:
    """Blur is scikit-image's Gaussian filter of the whole canvas, whose edge goes on around it."""
    samples = [("8064", index) for index in range(5)]
    line = {"spacing": [-9, 0], "levels": {"paper": [150, 250], "ink": [0, 0.5]}}
    sharp = render_samples(tiny_config(line=line), bank, pools["train"], samples)
    blur = {"sigma": [sigma, sigma]}
    blurred = render_samples(
        tiny_config(line={**line, "blur": blur}), bank, pools["train"], samples
    )
    for before, after in zip(sharp.images, blurred.images, strict=True):
        assert (after == blur_alone(before, sigma)).all()


@pytest.mark.parametrize("sigma", [0.3, 1, 2.5, 3.5])
@pytest.mark.parametrize("align", ["left", "center"])
def test_blur_spreads_and_the_box_stays(tiny_config: MakeConfig, sigma: float, align: str) -> None:
    """Ink that fills its cell spreads beyond it, up to the canvas' edge; its box does not."""
    config = tiny_config(
        canvas={"width": 101, "align": align}, line={"blur": {"sigma": [sigma, sigma]}}
    )
    rendered = render_one(config, np.full((28, 28), 255, np.uint8))
    spread = {0.3: 1, 1: 3, 2.5: 7, 3.5: 10}[sigma]
    left = 0 if align == "left" else 36
    spread_box = (0, max(0, left - spread), 28, left + 28 + spread)
    assert find_extent(rendered.images[0] > 0) == spread_box
    assert rendered.boxes.tolist() == [[0, left, 28, left + 28]]
