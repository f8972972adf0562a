"""Touch: pairs slide until their inks meet; contact and gap are what is on the layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from conftest import make_bank, make_pool
from digit_sequence.render.draw import Rendered, render_batch
from digit_sequence.sources.bank import GlyphBank
from digit_sequence.transforms.line.touch import VISIBLE, Touch
from rendering import MakeConfig, Pools, draw, make_layers, render_samples

ENGINES = pytest.mark.parametrize("engine", ["skimage", "numba"])


def measure(layers: Any, boxes: Any, engine: str) -> dict[str, NDArray[Any]]:
    """Measure layers by an engine."""
    if engine == "skimage":
        return Touch(None).measure(layers, boxes)
    pytest.importorskip("numba")
    return Touch(None).measure_compiled(layers, boxes)


@ENGINES
@pytest.mark.parametrize(
    ("row", "column", "contact"),
    [
        (2, 2, 2),  # the same pixel
        (2, 3, 1),  # beside it
        (1, 3, 1),  # at its corner
        (3, 1, 1),
        (2, 4, 0),
        (0, 2, 0),
    ],
)
def test_contact_by_hand(engine: str, row: int, column: int, contact: int) -> None:
    """Two pixels overlap, touch as one of eight neighbours, or are apart."""
    pictures = np.zeros((2, 5, 5), np.uint8)
    pictures[0, 2, 2] = pictures[1, row, column] = 255
    layers = make_layers(*pictures)
    measured = measure(layers, layers.boxes(), engine)
    assert measured["contact"].tolist() == [0, contact]
    assert measured["gap_columns"].tolist() == [0, column - 3]


@ENGINES
def test_faint_ink_does_not_meet(engine: str) -> None:
    """Boxes hold all ink; ink meets where a person sees it."""
    for level, contact in ((VISIBLE, 2), (VISIBLE - 1, 0)):
        layers = make_layers(np.full((1, 1), 255, np.uint8), np.full((1, 1), level, np.uint8))
        measured = measure(layers, layers.boxes(), engine)
        assert measured["contact"].tolist() == [0, contact]
        assert measured["gap_columns"].tolist() == [0, -1]


def make_shapes() -> GlyphBank:
    """Make a bank: 0 is a column, 8 four, 1 an L, 7 one upside down, 2 its foot, 3 its head.

    4 and 9 are as 1 and 7, half as wide.
    """
    images = np.zeros((10, 28, 28), np.uint8)
    images[:, 4:24, 12:16] = 255
    images[1, 20:24, 12:24] = 255
    images[7, 4:8, 4:16] = 255
    images[4, 20:24, 12:18] = 255
    images[9, 4:8, 10:16] = 255
    images[8, 4:24, 4:20] = 255
    images[2, 4:20] = 0
    images[3, 8:24] = 0
    return make_bank(images, np.arange(10, dtype=np.uint8))


def lay(make: MakeConfig, number: str, **touch: Any) -> Rendered:
    """Render a number of shapes, whose first digit is at the left."""
    bank = make_shapes()
    line = {"spacing": [9, 9], "touch": touch}
    config = make(canvas={"height": 28, "width": 120, "align": "left"}, line=line)
    return render_batch(draw(config, make_pool(bank), [(number, 0)]), bank, config)


def test_columns_meet(tiny_config: MakeConfig) -> None:
    """Two blocks overlap by what was drawn."""
    for pixels in (1, 2, 4):
        rendered = lay(tiny_config, "88", pixels=[pixels, pixels])
        assert rendered.boxes[:, 1::2].tolist() == [[0, 16], [16 - pixels, 32 - pixels]]
        drawn = rendered.recipes.drawn
        assert drawn["touch"].tolist() == [0, pixels]
        assert drawn["spacing"].tolist() == [0, -pixels]
        assert drawn["contact"].tolist() == [0, 2]
        assert drawn["gap_columns"].tolist() == [0, -pixels]


def test_digits_slide_into_each_other(tiny_config: MakeConfig) -> None:
    """An L and one upside down meet at foot and stem, so that their boxes overlap by a foot."""
    rendered = lay(tiny_config, "49", pixels=[1, 1])
    assert rendered.boxes[:, 1::2].tolist() == [[0, 6], [3, 9]]
    assert rendered.recipes.drawn["gap_columns"].tolist() == [0, -3]
    assert rendered.recipes.drawn["contact"].tolist() == [0, 2]


@pytest.mark.parametrize("number", ["23", "17"])
def test_digits_that_do_not_meet_stay(tiny_config: MakeConfig, number: str) -> None:
    """A foot and a head share no row, and a long foot would be under the other digit.

    They keep their spacing, and the label says so.
    """
    drawn = lay(tiny_config, number, pixels=[4, 4]).recipes.drawn
    assert drawn["touch"].tolist() == [0, 0]
    assert drawn["contact"].tolist() == [0, 0]
    assert drawn["gap_columns"].tolist() == [0, 9]


def test_digit_is_not_hidden(tiny_config: MakeConfig) -> None:
    """However much is drawn, three quarters of the narrower digit stand beside the other."""
    for number, columns, depth in (("000", 4, 1), ("888", 16, 4)):
        rendered = lay(tiny_config, number, pixels=[64, 64])
        lefts = [k * (columns - depth) for k in range(3)]
        assert rendered.boxes[:, 1::2].tolist() == [[left, left + columns] for left in lefts]
        assert rendered.recipes.drawn["touch"].tolist() == [0, depth, depth]


def test_without_pairs_all_are_measured(tiny_config: MakeConfig) -> None:
    """At probability 0 spacing is kept, between inks, and measured."""
    drawn = lay(tiny_config, "00", pixels=[1, 1], probability=0).recipes.drawn
    assert drawn["spacing"].tolist() == drawn["gap_columns"].tolist() == [0, 9]


@pytest.mark.parametrize("height", [12, 28, 60])
def test_pairs_that_are_slid_do_meet(
    tiny_config: MakeConfig, bank: GlyphBank, pools: Pools, height: int
) -> None:
    """Turned and leaning digits touch where the label says that they were slid, but for a few.

    They are slid by more than the size of a pixel of their glyphs, which is how exact outlines are;
    a tip of faint ink may be farther.
    """
    pixels = 2 + height // 10
    config = tiny_config(
        canvas={"height": height, "width": 1000},
        glyph={"crop": {}, "rotate": {"degrees": [-20, 20]}, "shear": {"degrees": [-20, 20]}},
        line={"touch": {"pixels": [pixels, pixels]}},
    )
    samples = [(f"{number:04d}", 0) for number in range(0, 10_000, 61)]
    drawn = render_samples(config, bank, pools["train"], samples).recipes.drawn
    touches = drawn["contact"][drawn["touch"] > 0] > 0
    assert len(touches) > 450
    assert touches.mean() > 0.97
