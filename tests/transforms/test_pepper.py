"""Pepper: holes in the ink of a digit's layer, unless that would erase it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from digit_sequence.transforms.ink.pepper import Pepper
from digit_sequence.transforms.ink.specks import draw_places
from rendering import MakeConfig, make_identities, make_layers, render_one


def test_pepper_darkens_and_comes_after_salt(tiny_config: MakeConfig) -> None:
    """Pepper makes pixels 0, those that salt has set too."""
    image = np.zeros((28, 28), np.uint8)
    image[8:20, 8:20] = 100
    config = tiny_config(
        canvas={"width": 28},
        glyph={"salt": {"pixels": [24, 24]}, "pepper": {"pixels": [24, 24]}},
    )
    for index in range(20):
        rendered = render_one(config, image, "1", index)
        inside = rendered.images[0, 8:20, 8:20].reshape(-1)
        expected = np.full(144, 100)
        for name, value in (("salt", 255), ("pepper", 0)):
            places = draw_places(rendered.recipes.identities.stream(name))[0]
            expected[(places.astype(float) / 2**32 * 144).astype(int)] = value
        assert inside.tolist() == expected.tolist()


def test_pepper_that_would_erase_is_not_applied(tiny_config: MakeConfig) -> None:
    """A digit of one pixel keeps it, and its recipe says that there was no pepper."""
    image = np.zeros((28, 28), np.uint8)
    image[14, 14] = 50
    pepper = {"pixels": [1, 24]}
    rendered = render_one(tiny_config(canvas={"width": 28}, glyph={"pepper": pepper}), image)
    assert (rendered.images[0] == image).all()
    assert rendered.recipes.drawn["pepper"].tolist() == [0]
    salted = tiny_config(canvas={"width": 28}, glyph={"pepper": pepper, "salt": {"pixels": [1, 1]}})
    rendered = render_one(salted, image)
    assert rendered.images[0, 14, 14] == 255
    assert rendered.recipes.drawn["salt"].tolist() == [1]
    assert rendered.recipes.drawn["pepper"].tolist() == [0]


@pytest.mark.parametrize("compiled", [False, True])
def test_pepper_spares_each_digit_by_itself(compiled: bool) -> None:
    """Of several layers, only the one that would be erased stays, with all its pixels."""
    if compiled:
        pytest.importorskip("numba")
    large = np.full((9, 9), 80, np.uint8)
    small = np.zeros((3, 5), np.uint8)
    small[1, 2:4] = 9, 200
    blank = np.zeros((2, 2), np.uint8)
    layers = make_layers(large, small, large, blank, small)
    stream = make_identities("12345").stream("pepper")
    drawn: dict[str, Any] = {"pepper": np.array([24, 24, 0, 5, 0])}
    pepper = Pepper(Pepper.Settings(pixels=(0, 24)))
    applied = (pepper.apply_compiled if compiled else pepper.apply)(layers, drawn, stream)
    assert applied["pepper"].tolist() == [24, 0, 0, 5, 0]
    assert drawn["pepper"].tolist() == [24, 24, 0, 5, 0]
    expected = large.copy()
    expected.reshape(-1)[(draw_places(stream)[0].astype(np.uint64) * 81) >> np.uint64(32)] = 0
    pictures = [layer.tolist() for layer in layers]
    others = [picture.tolist() for picture in (small, large, blank, small)]
    assert pictures == [expected.tolist(), *others]
