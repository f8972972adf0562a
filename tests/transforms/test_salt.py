"""Salt: bright specks in the ink box of a digit's layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conftest import find_extent, make_bank, make_pool
from digit_sequence.sources.bank import GlyphBank
from digit_sequence.transforms.ink.salt import Salt
from digit_sequence.transforms.ink.specks import MAX_SPECKS, draw_places
from rendering import MakeConfig, Pools, make_identities, make_layers, render_one, render_samples


@pytest.mark.parametrize("height", [28, 60])
def test_salt_is_inside_the_ink_box(
    tiny_config: MakeConfig, bank: GlyphBank, pools: Pools, height: int
) -> None:
    """Salt makes some pixels of the ink box 255, single ones of the canvas, and no other."""
    canvas = {"height": height, "align": "left"}
    samples = [("4", index) for index in range(30)]
    plain = render_samples(tiny_config(canvas=canvas), bank, pools["train"], samples)
    config = tiny_config(canvas=canvas, glyph={"salt": {"pixels": [24, 24]}})
    rendered = render_samples(config, bank, pools["train"], samples)
    n_changed = []
    for image, before, (top, left, bottom, right) in zip(
        rendered.images, plain.images, plain.boxes, strict=True
    ):
        changed = image != before
        n_changed.append(int(changed.sum()))
        assert (image[changed] == 255).all()
        changed[top:bottom, left:right] = False
        assert not changed.any()
    assert 5 < min(n_changed) <= max(n_changed) <= 24
    assert (rendered.boxes == plain.boxes).all()


def test_specks_reach_every_pixel_of_the_ink_box(tiny_config: MakeConfig) -> None:
    """Positions fill the box, its corners too, evenly."""
    image = np.zeros((28, 28), np.uint8)
    image[10:14, 8:13] = 1
    config = tiny_config(canvas={"width": 28}, glyph={"salt": {"pixels": [1, 1]}})
    bank = make_bank(np.stack([image] * 10), np.arange(10, dtype=np.uint8))
    samples = [("1", index) for index in range(1000)]
    images = render_samples(config, bank, make_pool(bank), samples).images
    hits = (images == 255).sum(axis=0)
    assert hits.sum() == 1000
    assert find_extent(hits > 0) == (10, 8, 14, 13)
    assert hits[10:14, 8:13].min() > 25  # of 50, seven deviations off at 0


def test_specks_are_as_large_as_pixels_of_the_canvas(tiny_config: MakeConfig) -> None:
    """A speck on a glyph that is enlarged four times is one pixel."""
    image = np.zeros((28, 28), np.uint8)
    image[10:14, 8:13] = 1
    config = tiny_config(canvas={"height": 112}, glyph={"salt": {"pixels": [1, 1]}})
    assert (render_one(config, image).images == 255).sum() == 1


@pytest.mark.parametrize("compiled", [False, True])
def test_salt_by_its_words(compiled: bool) -> None:
    """The first places that were drawn for each digit are set, as shares of its ink box."""
    if compiled:
        pytest.importorskip("numba")
    picture = np.zeros((9, 13), np.uint8)
    picture[2:7, 3:11] = 5
    blank = np.zeros((4, 4), np.uint8)
    layers = make_layers(picture, picture, picture, blank, top=3, left=2)
    stream = make_identities("1234").stream("salt")
    drawn: dict[str, Any] = {"salt": np.array([24, 0, 3, 8])}
    salt = Salt(Salt.Settings(pixels=(0, 24)))
    applied = (salt.apply_compiled if compiled else salt.apply)(layers, drawn, stream)
    assert applied["salt"].tolist() == [24, 0, 3, 8]
    places = draw_places(stream)
    assert places.shape == (4, MAX_SPECKS)
    for layer, count, shares in zip(layers, (24, 0, 3), places, strict=False):
        expected = picture.copy()
        for share in shares[:count].tolist():
            row, column = divmod(share * 40 >> 32, 8)
            expected[2 + row, 3 + column] = 255
        assert layer.tolist() == expected.tolist()
    assert not list(layers)[3].any()  # no ink box, no specks
