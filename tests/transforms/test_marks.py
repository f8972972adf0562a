"""Marks: beside the digits, in their pen, and in no box."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import label

from digit_sequence.transforms.mark.leading import Leading
from digit_sequence.transforms.mark.trailing import Trailing
from rendering import render_one, render_samples

WIDE = {"height": 40, "width": 400}
BLOCK = np.zeros((28, 28), np.uint8)
BLOCK[4:24, 11:14] = 255  # a stroke of three pixels


def render_pair(make, number, line, index=0, canvas=WIDE):
    """Render a number of plain strokes with a mark and without; return both."""
    glyph = {"overflow": "fit"}
    plain = {"spacing": [4, 4]}
    return (
        render_one(make(canvas=canvas, glyph=glyph, line=plain | marks), BLOCK, number, index)
        for marks in (line, {})
    )


def find_mark(marked, plain):
    """Return what a mark adds to a canvas, as a mask."""
    assert (marked.images >= plain.images).all()
    return marked.images[0] > plain.images[0]


@pytest.mark.parametrize("number", ["1234", "1234567"])
def test_separators_stand_between_thousands(tiny_config, bank, pools, number):
    """There is one before every third digit from the end, near the foot, and in no box."""
    samples = [(number, index) for index in range(40)]
    line = {"separators": {"room": [1, 1]}, "spacing": [4, 4]}
    rendered = render_samples(tiny_config(canvas=WIDE, line=line), bank, pools["train"], samples)
    drawn = rendered.recipes.drawn
    assert {"dot", "point", "comma", "tick"} <= set(drawn["separator"])
    places = [(len(number) - slot) % 3 == 0 and slot > 0 for slot in range(len(number))]
    assert drawn["separator_room"].reshape(40, -1).tolist() == [list(map(float, places))] * 40
    for sample, image in enumerate(rendered.images):
        boxes = rendered.boxes[rendered.recipes.starts[sample] :][: len(number)]
        for slot, is_place in enumerate(places[1:], 1):
            between = image[:, boxes[slot - 1, 3] : boxes[slot, 1]]
            assert between.any() == is_place
            if is_place:
                rows = np.flatnonzero(between.max(axis=1))
                middle = boxes[slot, [0, 2]].mean()
                assert rows.mean() > middle - 2


def test_separators_make_room(tiny_config):
    """A gap is as much wider as is drawn, in widths of the cells beside it; others stay."""
    line = {"separators": {"room": [0.5, 0.5]}}
    marked, plain = render_pair(tiny_config, "1234", line, canvas=WIDE)
    gaps = [np.diff(rendered.boxes[:, 1]).tolist() for rendered in (marked, plain)]
    cell = gaps[1][0] - 4
    assert gaps[0] == [gaps[1][0] + round(cell / 2), *gaps[1][1:]]


def test_short_numbers_have_no_separators(tiny_config, bank, pools):
    """A number below 1,000 has none, and says so."""
    samples = [("123", index) for index in range(9)] + [("7", 0)]
    config = tiny_config(line={"separators": {}})
    drawn = render_samples(config, bank, pools["train"], samples).recipes.drawn
    assert not any(drawn["separator"])
    assert not drawn["separator_room"].any()


@pytest.mark.parametrize("transform", [Leading, Trailing])
def test_endings(tiny_config, transform):
    """They stand before the first digit or after the last, and boxes stay."""
    seen = set()
    for index in range(60):
        line = {transform.name: {"gap": [0.3, 0.3]}}
        marked, plain = render_pair(tiny_config, "11", line, index)
        seen |= set(marked.recipes.drawn[transform.name])
        assert (marked.boxes == plain.boxes).all()
        rows, columns = np.nonzero(find_mark(marked, plain))
        height = plain.boxes[0, 2] - plain.boxes[0, 0]
        if transform is Leading:
            assert columns.max() < plain.boxes[0, 1] - 0.3 * height + 3
        else:
            assert columns.min() > plain.boxes[1, 3] + 0.3 * height - 4
        assert rows.min() > plain.boxes[0, 0] - 0.4 * height
        assert rows.max() < plain.boxes[0, 2] + 0.5 * height
    assert seen == {name for name, _ in transform.marks}


def test_marks_have_the_pen_of_the_digits(tiny_config):
    """A dash is about as thick as the strokes of the digit before it."""
    for width in (2, 4, 6):
        image = np.zeros((28, 28), np.uint8)
        image[4:24, 10 : 10 + width] = 255
        dashes = []
        for index in range(40):
            config = tiny_config(canvas={"height": 28, "width": 200}, line={"trailing": {}})
            rendered = render_one(config, image, "1", index)
            if rendered.recipes.drawn["trailing"][0] == "dash":
                after = rendered.images[0][:, rendered.boxes[0, 3] :].astype(float) / 255
                dashes.append(np.median(after.sum(axis=0)[after.any(axis=0)]))
        assert dashes
        limit = 0.24 * 20  # no pen is wider than a share of the digit
        assert min(width, limit) / 1.4 < np.median(dashes) < width * 1.4


def test_marks_are_cut_at_the_edge(tiny_config):
    """Where there is no room the mark is cut, and the digits stay."""
    canvas = {"height": 28, "width": 56, "align": "right"}
    for index in range(20):
        marked, plain = render_pair(
            tiny_config, "1", {"trailing": {"gap": [0.3, 0.3]}}, index, canvas
        )
        assert (marked.boxes == plain.boxes).all()
        assert (marked.images >= plain.images).all()


def test_joins_lead_from_digit_to_digit(tiny_config):
    """Every zero of a chain is joined to the next, by ink in the gap; other pairs are not."""
    line = {"joins": {"probability": 0.25}, "spacing": [10, 10]}
    config = tiny_config(canvas=WIDE, line=line, glyph={"crop": {"margin": 0}})
    rendered = render_one(config, BLOCK, "00017")
    assert rendered.recipes.drawn["joined"].tolist() == [False, True, True, False, False]
    for before, after in ((0, 1), (1, 2)):
        gap = rendered.images[0][:, rendered.boxes[before, 3] : rendered.boxes[after, 1]]
        assert (gap.max(axis=0) > 128).all()
    assert not rendered.images[0][:, rendered.boxes[2, 3] : rendered.boxes[3, 1]].any()


def test_joins_at_the_foot(tiny_config):
    """A share of the strokes between zeros lead from foot to foot, and no others."""
    line = {"joins": {"probability": 1, "feet": 1}, "spacing": [10, 10]}
    config = tiny_config(canvas=WIDE, line=line, glyph={"crop": {"margin": 4}})
    rendered = render_one(config, BLOCK, "0080")
    assert rendered.recipes.drawn["joined"].tolist() == [False, True, True, True]
    assert rendered.recipes.drawn["joined_foot"].tolist() == [False, True, False, False]
    for after, is_foot in ((1, True), (2, False), (3, False)):
        (top, _, bottom, left), (_, right, _, _) = rendered.boxes[after - 1 : after + 1]
        rows, _ = np.nonzero(rendered.images[0][:, left:right])
        middle = (top + bottom) / 2
        assert (rows > middle).all() if is_foot else (rows < middle).all()


def test_neighbours_reach_in_from_one_edge(tiny_config):
    """Ink of another line is at the edge that is drawn, no deeper than asked for."""
    found = []
    for index in range(60):
        line = {"neighbour": {"visible": [0.1, 0.1]}}
        marked, plain = render_pair(tiny_config, "11", line, index)
        rows, _ = np.nonzero(find_mark(marked, plain))
        (side,) = marked.recipes.drawn["neighbour"]
        reach = 0.1 * (plain.boxes[0, 2] - plain.boxes[0, 0]) + 6
        assert (rows < reach if side == "above" else rows > 39 - reach).all()
        found += [side] * (len(rows) > 0)
    assert set(found) == {"above", "below"}
    assert len(found) > 45


def test_flecks(tiny_config):
    """There are as many as are drawn, each no longer than a share of the digit."""
    pieces = []
    for index in range(30):
        marked, plain = render_pair(tiny_config, "11", {"flecks": {"count": [0, 4]}}, index)
        _, n_pieces = label(find_mark(marked, plain), np.ones((3, 3)))
        (count,) = marked.recipes.drawn["flecks"]
        assert n_pieces <= count
        pieces.append(count - n_pieces)
    assert sum(pieces) < 10  # on a digit, or on each other


def test_separators_of_long_numbers_are_those_of_short_ones(tiny_config, bank, pools):
    """A sample alone has the marks that it has in a batch with longer numbers."""
    line = {"separators": {}, "flecks": {}, "trailing": {}, "spacing": [4, 4]}
    config = tiny_config(canvas=WIDE, line=line)
    samples = [("1234", 1), ("12345678901", 5), ("1234567", 2)]
    together = render_samples(config, bank, pools["train"], samples)
    for place, sample in enumerate(samples):
        alone = render_samples(config, bank, pools["train"], [sample])
        assert (alone.images[0] == together.images[place]).all()
