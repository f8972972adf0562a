"""Height: the size of a whole line on its canvas."""

from __future__ import annotations

import numpy as np
import pytest

from digit_sequence.sources.bank import GlyphBank
from rendering import MakeConfig, Pools, draw, lay_box, render_samples


@pytest.mark.parametrize("share", [0.3, 0.5, 0.75, 1.0])
def test_digits_have_their_share_of_the_canvas(
    tiny_config: MakeConfig, bank: GlyphBank, pools: Pools, share: float
) -> None:
    """Cropped digits are as high as the share of the canvas, and stand in its middle."""
    config = tiny_config(
        canvas={"height": 80, "width": 1200},
        glyph={"crop": {}},
        line={"height": {"share": [share, share]}},
    )
    rendered = render_samples(config, bank, pools["train"], [("0123456789", 0)])
    top, _, bottom, _ = rendered.boxes.T
    np.testing.assert_allclose(bottom - top, 80 * share, atol=4 if share < 1 else 0)
    np.testing.assert_allclose((top + bottom) / 2, 40, atol=2)


def test_lines_differ_and_digits_of_a_line_do_not(tiny_config: MakeConfig, pools: Pools) -> None:
    """Each line has one height; where it is not applied a digit is as high as the canvas."""
    line = {"height": {"share": [0.4, 0.8], "probability": 0.5}}
    drawn = draw(tiny_config(line=line), pools["train"], [("12", i) for i in range(99)]).drawn
    heights = drawn["line_height"]
    assert heights.shape == (99,)
    applied = heights[heights < 1]
    assert 30 < len(applied) < 70
    assert 0.4 <= applied.min() < 0.45
    assert 0.75 < applied.max() <= 0.8


def test_line_that_is_too_wide_is_shrunk_as_a_whole(tiny_config: MakeConfig) -> None:
    """With a height of its own a line keeps its shape; without one its columns are squeezed."""
    canvas = {"height": 28, "width": 60}
    for line, rows in (({}, 1.0), ({"height": {"share": [1, 1]}}, 60 / 118)):
        config = tiny_config(canvas=canvas, line={"spacing": [2, 2], **line})
        layout, _ = lay_box(config, "1234", 4, 4, 24, 24)  # 4 cells of 28 columns, 3 gaps of 2
        widths = layout.cells[:, 1]
        assert layout.scaled.tolist() == [True]
        assert layout.cells[-1].sum() == 60
        for matrix, width in zip(layout.matrices, widths.tolist(), strict=True):
            assert matrix[:, :2] == pytest.approx(np.diag([28 / width, 1 / rows]), abs=1e-6)


@pytest.mark.parametrize(
    ("width", "spacing", "share"),
    [
        (60, 20, 60 / (4 * 28 + 3 * 20)),  # gaps take less than the digits: all is shrunk alike
        (60, 900, 60 / (4 * 28 + 3 * 37)),  # 111 columns of gaps, as the 112 of the digits
        (300, 900, 1),  # 186 columns of gaps, in the 188 that the digits leave
    ],
)
def test_gaps_give_way_before_digits(
    tiny_config: MakeConfig, width: int, spacing: int, share: float
) -> None:
    """However wide gaps are, digits of a line that is too long have half of the canvas."""
    line = {"spacing": [spacing, spacing], "height": {"share": [1, 1]}}
    config = tiny_config(canvas={"height": 28, "width": width}, line=line)
    layout, applied = lay_box(config, "1234", 4, 4, 24, 24)
    assert layout.matrices[0, 1, 1] == pytest.approx(1 / share, abs=1e-6)
    assert applied.drawn["spacing"].tolist() == [0, *[spacing] * 3]


def test_baseline_and_size_are_shares_of_the_line(tiny_config: MakeConfig) -> None:
    """A quarter of a line of 14 rows is 3.5 rows; a digit of half its size stands on its foot."""
    line = {"height": {"share": [0.5, 0.5]}}
    middle = {}
    for name, glyph in {
        "still": {},
        "risen": {"baseline": {"rise": [0.25, 0.25]}},
        "small": {"size": {"share": [0.5, 0.5]}},
    }.items():
        layout, _ = lay_box(tiny_config(line=line, glyph=glyph), "1", 0, 0, 28, 28)
        scale, offset = layout.matrices[0, 1, 1:]
        middle[name] = (13.5 - offset) / scale
    assert middle["still"] == pytest.approx(13.5)
    assert middle["risen"] == pytest.approx(13.5 - 3.5)
    assert middle["small"] == pytest.approx(13.5 + 3.5)
