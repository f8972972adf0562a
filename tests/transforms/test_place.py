"""Place: where a line stands on its canvas, and how much of it may be cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import make_pool
from digit_sequence.base.errors import ConfigError
from digit_sequence.render.draw import Rendered, render_batch
from digit_sequence.sources.bank import GlyphBank
from digit_sequence.transforms.line.place import CUT, Place
from rendering import MakeConfig, Pools, draw, identities, make_box_bank, render_samples
from strategies import ranges


def render(
    make: MakeConfig, top: list[float], left: list[float], number: str = "12", **line: Any
) -> Rendered:
    """Render boxes of 20 x 10 pixels, 5 columns apart, on 40 rows and 100 columns."""
    bank = make_box_bank(0, 5, 20, 15, shape=(20, 20))
    config = make(
        canvas={"height": 40, "width": 100},
        glyph={"crop": {}},
        line={
            "spacing": [5, 5],
            "height": {"share": [0.5, 0.5]},
            "place": {"top": top, "left": left},
            **line,
        },
    )
    return render_batch(draw(config, make_pool(bank), [(number, 0)]), bank, config)


@pytest.mark.parametrize(
    ("top", "left", "box"),
    [
        ([0, 0], [0, 0], [0, 0, 20, 10]),
        ([0.25, 0.25], [0.5, 0.5], [10, 20, 30, 30]),
        ([-0.1, -0.1], [-0.05, -0.05], [0, 0, 16, 8]),  # cut by 4 rows and 2 columns
        ([-0.25, -0.25], [-0.25, -0.25], [0, 0, 15, 8]),  # no digit loses more than a quarter
        ([0.8, 0.8], [2.4, 2.4], [20, 75, 40, 85]),  # moved up and left to the edges
        ([-0.1, 0.8], [0, 0], None),
    ],
)
def test_place_by_hand(tiny_config: MakeConfig, top: Any, left: Any, box: Any) -> None:
    """The first of two digits stands where it was drawn, as far as ink stays on the canvas."""
    rendered = render(tiny_config, top, left)
    drawn = rendered.recipes.drawn
    if box:
        assert rendered.boxes[0].tolist() == box
    free = [drawn["place_top"][0] * 40, drawn["place_left"][0] * 40]
    np.testing.assert_allclose(np.maximum(free, 0), rendered.boxes[:, :2].min(axis=0), atol=1e-9)


def test_bottom_is_cut_as_far_as_the_top(tiny_config: MakeConfig) -> None:
    """Where 4 rows may be cut above, as many may be below; the label says what is free above."""
    rendered = render(tiny_config, [-0.1, 0.8], [0, 0], "11")
    rows = [render(tiny_config, [-0.1, 0.8], [0, 0], str(n)).boxes[0] for n in range(10, 40)]
    heights = {int(box[2] - box[0]) for box in rows}
    assert heights <= set(range(16, 21))
    assert min(heights) == 16
    assert rendered.recipes.drawn["place_top"][0] <= 0.6


def test_place_follows_a_line_that_rises(tiny_config: MakeConfig) -> None:
    """Free rows are those above the highest ink, whatever tilt and curve do."""
    line = {"tilt": {"degrees": [8, 8]}, "curve": {"rise": [0.1, 0.1]}}
    rendered = render(tiny_config, [0.1, 0.1], [0.3, 0.3], "1234", **line)
    assert abs(rendered.boxes[:, 0].min() - 4) <= 2
    assert abs(rendered.boxes[:, 1].min() - 12) <= 2
    assert rendered.boxes[0, 2] > rendered.boxes[-1, 2]


def test_line_as_wide_as_the_canvas_fills_it(tiny_config: MakeConfig) -> None:
    """A line that was shrunk to the canvas begins at its edge, whatever was drawn."""
    rendered = render(tiny_config, [0, 0], [1, 1], "12345678")
    assert rendered.scaled.all()
    assert rendered.boxes[0, 1] <= 1
    assert rendered.boxes[-1, 3] >= 99
    assert rendered.recipes.drawn["place_left"].tolist() == [0]


def test_image_as_wide_as_its_line_has_room_on_both_sides(
    tiny_config: MakeConfig, bank: GlyphBank, pools: Pools
) -> None:
    """Free columns before and behind a line are those that were drawn, within the bounds."""
    for free, bounds in ((0.5, [8, 400]), (-0.1, [8, 400]), (0.5, [300, 400])):
        config = tiny_config(
            canvas={"height": 40, "width": bounds},
            glyph={"crop": {}},
            line={"place": {"top": [0, 0], "left": [free, free]}},
        )
        rendered = render_samples(config, bank, pools["train"], [("012", 0), ("3456", 1)])
        for sample, width in enumerate(rendered.widths.tolist()):
            boxes = rendered.boxes[slice(*rendered.recipes.starts[sample : sample + 2])]
            before, behind = boxes[:, 1].min(), width - boxes[:, 3].max()
            assert abs(before - max(0, 40 * free)) <= 2
            if width > bounds[0]:
                assert abs(behind - max(0, 40 * free)) <= 3


def test_image_as_wide_as_its_line_has_room_for_a_mark(
    tiny_config: MakeConfig, bank: GlyphBank, pools: Pools
) -> None:
    """Behind a line with a trailing mark is as much more as the mark needs, and ink in it."""
    config = tiny_config(
        canvas={"height": 40, "width": [8, 400]},
        glyph={"crop": {}},
        line={"place": {"top": [0, 0], "left": [0.1, 0.1]}, "trailing": {"probability": 0.5}},
    )
    numbers = [(f"{n:02}", 0) for n in range(40)]
    rendered = render_samples(config, bank, pools["train"], numbers)
    behind = rendered.widths - rendered.boxes[rendered.recipes.starts[1:] - 1, 3]
    has_mark = rendered.recipes.drawn["trailing"] != ""
    assert np.abs(behind - 4 - 32 * has_mark).max() <= 5
    inks = [image[:, -n:].any() for image, n in zip(rendered.cut(), behind, strict=True)]
    assert inks == has_mark.tolist()


def test_image_that_cuts_its_line_keeps_each_digit(tiny_config: MakeConfig) -> None:
    """Of digits that are narrower than what was drawn to be cut, three quarters stay."""
    bank = make_box_bank(0, 8, 20, 12, shape=(20, 20))  # 4 columns, where 10 were to be cut
    config = tiny_config(
        canvas={"height": 40, "width": [8, 200]},
        glyph={"crop": {}},
        line={
            "spacing": [5, 5],
            "height": {"share": [0.5, 0.5]},
            "place": {"top": [0, 0], "left": [-0.25, -0.25]},
        },
    )
    rendered = render_batch(draw(config, make_pool(bank), [("123", 0)]), bank, config)
    assert rendered.widths.tolist() == [20]  # of 3 x 4 + 2 x 5 columns
    assert rendered.boxes[:, 1::2].tolist() == [[0, 3], [8, 12], [17, 20]]


@given(
    identities,
    ranges(-CUT, 0.8),
    ranges(-CUT, 2),
    st.sampled_from([28, 64]),
)
def test_digits_keep_their_ink(
    tiny_config: MakeConfig,
    bank: GlyphBank,
    pools: Pools,
    samples: list[tuple[str, int]],
    top: list[float],
    left: list[float],
    height: int,
) -> None:
    """Of a line that fits the canvas no digit loses more than a quarter of its rows and columns."""

    def find_boxes(place: dict[str, Any]) -> Any:
        config = tiny_config(
            canvas={"height": height, "width": 12 * height},
            glyph={"crop": {}},
            line={"height": {"share": [0.4, 0.7]}, "place": place},
        )
        return render_samples(config, bank, pools["train"], samples).boxes

    boxes = find_boxes({"top": top, "left": left})
    whole = find_boxes({"top": [0.1, 0.1], "left": [0.1, 0.1]})
    for axis in (0, 1):
        kept = (boxes[:, axis + 2] - boxes[:, axis]) / (whole[:, axis + 2] - whole[:, axis])
        lost = 3 / (whole[:, axis + 2] - whole[:, axis])  # faint edges, and whole pixels
        assert (kept >= 1 - CUT - lost).all()


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ({"top": [-0.3, 0], "left": [0, 0]}, r"line\.place\.top\.0: .*-0\.3"),
        ({"top": [0, 0]}, r"line\.place\.left: expected a value"),
    ],
)
def test_what_is_refused(tiny_config: MakeConfig, place: Any, message: str) -> None:
    """Cutting too much is refused, with its key."""
    with pytest.raises(ConfigError, match=message):
        tiny_config(canvas={"height": 28, "width": 200}, line={"place": place})


def test_place_beyond_the_canvas_is_refused() -> None:
    """Free columns are less than all columns."""
    Place(Place.Settings(top=(0, 0), left=(7, 9))).check(28, 200)
    with pytest.raises(ValueError, match=r"^line\.place\.left: expected less than 7\.1.*got 8"):
        Place(Place.Settings(top=(0, 0), left=(8, 9))).check(28, 200)
