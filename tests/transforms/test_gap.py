"""Gap: columns between inks, in proportion to the height of a digit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conftest import make_pool
from digit_sequence.base.errors import ConfigError
from digit_sequence.render.draw import Rendered, render_batch
from rendering import MakeConfig, Pools, draw, make_box_bank


def render(make: MakeConfig, gap: dict[str, Any], **line: Any) -> Rendered:
    """Render boxes of 10 columns, as high as the canvas."""
    bank = make_box_bank(0, 6, 28, 16)
    config = make(
        canvas={"height": 28, "width": 300, "align": "left"},
        glyph={"crop": {}},
        line={"gap": gap, **line},
    )
    return render_batch(draw(config, make_pool(bank), [("123", 0)]), bank, config)


def test_gap_by_hand(tiny_config: MakeConfig) -> None:
    """A quarter of 28 rows is 7 columns, from ink to ink; spacing says so."""
    rendered = render(tiny_config, {"mean": [0.25, 0.25]})
    drawn = rendered.recipes.drawn
    assert drawn["gap_mean"].tolist() == [0.25]
    assert drawn["gap"].tolist() == [0, 0.25, 0.25]
    assert drawn["spacing"].tolist() == [0, 7, 7]
    assert rendered.boxes[:, 1::2].tolist() == [[0, 10], [17, 27], [34, 44]]


def test_gap_is_a_share_of_the_line(tiny_config: MakeConfig) -> None:
    """In a line of half the height gaps are half as wide."""
    rendered = render(tiny_config, {"mean": [0.5, 0.5]}, height={"share": [0.5, 0.5]})
    assert rendered.recipes.drawn["spacing"].tolist() == [0, 7, 7]


def test_gap_hides_no_digit(tiny_config: MakeConfig) -> None:
    """Overlap is half the narrower digit at most; the label says what was applied."""
    drawn = render(tiny_config, {"mean": [-1, -1]}).recipes.drawn
    assert drawn["spacing"].tolist() == [0, -5, -5]
    assert drawn["gap"].tolist() == [0, -0.179, -0.179]


def test_odd_gaps_are_as_frequent_as_asked(tiny_config: MakeConfig, pools: Pools) -> None:
    """A share of gaps is wide; the others lie around the mean of their line."""
    gap = {"mean": [0, 0.2], "jitter": [-0.1, 0.1], "odd": 0.25, "wide": [0.7, 0.9]}
    config = tiny_config(line={"gap": gap}, canvas={"height": 28, "width": 400})
    recipes = draw(config, pools["train"], [("0123456789", i) for i in range(200)])
    gaps = recipes.drawn["gap"].reshape(200, 10)
    assert not gaps[:, 0].any()
    is_wide = gaps[:, 1:] >= 0.7
    assert is_wide.mean() == pytest.approx(0.25, abs=0.04)
    around = np.abs(gaps[:, 1:] - recipes.drawn["gap_mean"][:, None])
    assert around[~is_wide].max() <= 0.1 + 1e-9


def test_what_is_refused(tiny_config: MakeConfig) -> None:
    """A mean is needed, and ranges are in order."""
    for gap, message in (
        ({}, r"line\.gap\.mean: expected a value"),
        ({"mean": [0.2, 0.1]}, r"line\.gap\.mean: .*low <= high"),
        ({"mean": [0, 0], "wide": [0, 9]}, r"line\.gap\.wide\.1: "),
    ):
        with pytest.raises(ConfigError, match=message):
            tiny_config(line={"gap": gap})
