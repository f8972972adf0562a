"""Layers are read from glyphs as scikit-image warps them, and merged: the brighter pixel wins."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.transform import AffineTransform, warp

from conftest import draw_bank, make_bank, make_pool
from digit_sequence.render.layers import merge_layers, read_layers
from digit_sequence.sources.bank import GlyphBank
from digit_sequence.transforms.canvas import Layers
from digit_sequence.transforms.geometry import Points
from digit_sequence.transforms.transform import Drawn, LineMap, Section
from rendering import (
    MakeConfig,
    Pools,
    identities,
    lay,
    lines,
    make_layers,
    render_one,
    render_samples,
)
from strategies import canvases, glyph_transforms

# -- reading ---------------------------------------------------------------------------------------


def test_glyphs_appear_unchanged(tiny_config: MakeConfig, bank: GlyphBank, pools: Pools) -> None:
    """Without transforms, a canvas of 28 rows shows the glyphs byte for byte."""
    config = tiny_config(canvas={"width": 300, "align": "left"}, line={"spacing": [2, 2]})
    rendered = render_samples(config, bank, pools["train"], [("0123456789", i) for i in range(5)])
    for sample, image in enumerate(rendered.images):
        expected = np.zeros((28, 300), np.uint8)
        for place, glyph_id in enumerate(rendered.recipes.glyph_ids[10 * sample :][:10]):
            expected[:, 30 * place : 30 * place + 28] = bank.images[glyph_id]
        assert (image == expected).all()
    ink = bank.ink[rendered.recipes.glyph_ids].reshape(5, 10, 4).astype(int)
    ink[:, :, 1::2] += 30 * np.arange(10)[:, None]
    assert rendered.boxes.tolist() == ink.reshape(-1, 4).tolist()


@pytest.mark.parametrize("height", [28, 45, 100])
@pytest.mark.parametrize(
    ("shear", "rotate"), [(0, 0), (20, 0), (-20, 0), (0, 15), (0, -15), (12.5, -31.25)]
)
def test_warp_equals_scikit_image(
    tiny_config: MakeConfig, bank: GlyphBank, height: int, shear: float, rotate: float
) -> None:
    """The one map of a glyph is scikit-image's scale, shear and rotation about the centre."""
    config = tiny_config(
        canvas={"height": height, "align": "left"},
        glyph={
            "shear": {"degrees": [shear, shear]},
            "rotate": {"degrees": [rotate, rotate]},
            "overflow": "clip",
        },
    )
    rendered = render_samples(config, bank, make_pool(bank), [("2", 0), ("7", 1)])
    scale = height / 28
    width = int(height + abs(np.tan(np.radians(shear))) * height + 0.5)
    steps = (
        AffineTransform(translation=(-13.5, -13.5))
        + AffineTransform(scale=scale)
        + AffineTransform(shear=(np.radians(shear), 0))
        + AffineTransform(rotation=-np.radians(rotate))  # clockwise in scikit-image
        + AffineTransform(translation=(width / 2 - 0.5, height / 2 - 0.5))
    )
    for image, glyph_id in zip(rendered.images, rendered.recipes.glyph_ids, strict=True):
        glyph = bank.images[glyph_id].astype(float)
        expected = warp(
            glyph, steps.inverse, order=1, output_shape=(height, width), preserve_range=True
        )
        assert np.abs(image[:, :width] - expected).max() <= 0.5 + 1e-3
        assert not image[:, width:].any()


@pytest.mark.parametrize("height", [8, 9, 13, 20, 28, 33, 64, 97, 128])
@pytest.mark.parametrize("size", [28, 64])
def test_heights(tiny_config: MakeConfig, bank: GlyphBank, height: int, size: int) -> None:
    """Cropped ink fills the canvas from top to bottom; an uncropped glyph keeps its place."""
    glyphs = bank if size == 28 else draw_bank(size, n_per_digit=1)
    canvas = {"height": height, "width": 1500}
    sample = [("0123456789", 0)]
    cropped = render_samples(
        tiny_config(canvas=canvas, glyph={"crop": {}}), glyphs, make_pool(glyphs), sample
    )
    assert (cropped.boxes[:, 0] <= height / 20).all()
    assert (cropped.boxes[:, 2] >= height - height / 20).all()
    whole = render_samples(tiny_config(canvas=canvas), glyphs, make_pool(glyphs), sample)
    expected = glyphs.ink[whole.recipes.glyph_ids][:, ::2] * height / size
    blurred = 1 + max(height / size, 3)  # an enlarged pixel reaches half of itself further
    assert np.abs(whole.boxes[:, ::2] - expected).max() <= blurred
    assert whole.images.max(axis=(1, 2)) >= 128


def test_shrinking_keeps_thin_strokes(tiny_config: MakeConfig) -> None:
    """A grid of lines one pixel wide, reduced eight times, is grey and not full of holes."""
    image = np.zeros((64, 64), np.uint8)
    image[::16] = image[:, ::16] = 255
    config = tiny_config(canvas={"height": 8, "width": 8})
    shrunk = render_one(config, image).images[0]
    assert (shrunk[:7, :7] > 0).all()
    assert shrunk.mean() == pytest.approx(image.mean(), rel=0.5)


@pytest.mark.parametrize("position", range(0, 56, 5))
def test_no_stroke_is_stepped_over(tiny_config: MakeConfig, position: int) -> None:
    """A line one pixel wide is seen wherever it falls between the pixels of a smaller canvas."""
    image = np.zeros((64, 64), np.uint8)
    image[4 + position] = 255
    image[:, 4 + position] = 255
    shrunk = render_one(tiny_config(canvas={"height": 8, "width": 8}), image).images[0]
    assert (shrunk.max(axis=0) >= 12).all()
    assert (shrunk.max(axis=1) >= 12).all()


def test_banks_of_other_shapes(tiny_config: MakeConfig) -> None:
    """Glyphs need not be 28 x 28, nor square."""
    image = np.zeros((20, 40), np.uint8)
    image[5:15, 10:35] = 255
    config = tiny_config(canvas={"height": 40, "width": 200, "align": "left"})
    rendered = render_one(config, image, "11")
    top, left, bottom, right = rendered.boxes[0]
    assert (top, left, bottom, right) == pytest.approx((10, 20, 30, 70), abs=1)
    assert rendered.images[0, 12:28, 22:68].min() == 255


def test_scaled_line_fills_the_canvas(
    tiny_config: MakeConfig, bank: GlyphBank, pools: Pools
) -> None:
    """A line that is too wide is shrunk to the canvas, and says so; rows are not shrunk."""
    narrow, wide = (
        render_samples(tiny_config(canvas={"width": width}), bank, pools["train"], [("808", 0)])
        for width in (48, 480)
    )
    assert narrow.scaled.tolist() == [True]
    assert wide.scaled.tolist() == [False]
    assert (np.abs(narrow.boxes[:, ::2] - wide.boxes[:, ::2]) <= 1).all()
    widths = narrow.boxes[:, 3] - narrow.boxes[:, 1]
    assert (widths < wide.boxes[:, 3] - wide.boxes[:, 1]).all()


# -- line maps -------------------------------------------------------------------------------------


class Shift(LineMap):
    """Move the ink of all canvases down by whole pixels."""

    name: ClassVar[str] = "shift"
    section: ClassVar[Section] = "line"
    Settings: ClassVar[Any] = int

    def locate(self, points: Points, drawn: Drawn) -> None:
        """Look above."""
        points.rows -= self.settings

    def reach(self, drawn: Drawn, height: int, width: int) -> NDArray[np.float64]:
        """Return the shift for each canvas."""
        return np.full(len(drawn["spacing"]), float(self.settings))


@given(identities, canvases, glyph_transforms, lines)
def test_line_map_that_moves_nothing(
    tiny_config: MakeConfig,
    bank: GlyphBank,
    pools: Pools,
    samples: list[tuple[str, int]],
    canvas: dict[str, Any],
    glyph: dict[str, Any],
    line: dict[str, Any],
) -> None:
    """Ink that is read pixel by pixel, through line maps, is what scikit-image warps."""
    config = tiny_config(canvas=canvas, glyph=glyph, line=line)
    _, layout, recipes = lay(config, bank, pools["train"], samples)
    mapped: Any = SimpleNamespace(canvas=config.canvas, transforms=(*config.transforms, Shift(0)))
    layers = read_layers(bank.images, layout, recipes, config)
    assert (layers.pixels == read_layers(bank.images, layout, recipes, mapped).pixels).all()


# -- merging ---------------------------------------------------------------------------------------


def test_merge_by_hand() -> None:
    """Layers of two canvases: each is put on its own, where it belongs."""
    dim = np.full((2, 3), 100, np.uint8)
    bright = np.array([[0, 200], [0, 50]], np.uint8)
    layers = make_layers(dim, bright, dim, top=1, left=1)
    layers = Layers(
        layers.pixels, layers.places, layers.starts, layers.strides, np.array([0, 0, 1])
    )
    pages = np.zeros((2, 4, 5), np.uint8)
    boxes = merge_layers(layers, pages)
    assert boxes.tolist() == [[1, 1, 3, 4], [1, 2, 3, 3], [1, 1, 3, 4]]
    empty, full = [0] * 5, [0, 100, 100, 100, 0]
    assert pages.tolist() == [
        [empty, [0, 100, 200, 100, 0], full, empty],
        [empty, full, full, empty],
    ]


@given(st.integers(0, 2**32 - 1))
def test_compiled_merge_is_the_definition(seed: int) -> None:
    """Compiled loops give the same pages and the same boxes, of layers without ink too."""
    kernels = pytest.importorskip("digit_sequence.render.kernels")
    random = np.random.default_rng(seed)
    shape = random.integers(1, 20, 2)
    pictures = [random.choice([0] * 20 + [1, 255], shape).astype(np.uint8) for _ in range(3)]
    layers = make_layers(*pictures, top=2, left=5)
    pages = np.zeros((2, 1, 30, 30), np.uint8)
    boxes = [
        merge(layers, page)
        for merge, page in zip((merge_layers, kernels.merge_layers), pages, strict=True)
    ]
    assert (pages[0] == pages[1]).all()
    assert (boxes[0] == boxes[1]).all()


def test_overlap_by_hand(tiny_config: MakeConfig) -> None:
    """A dim digit drawn later does not darken a bright one."""
    images = np.empty((10, 8, 8), np.uint8)
    images[:], images[2] = 200, 100
    bank = make_bank(images, np.arange(10, dtype=np.uint8))
    config = tiny_config(canvas={"height": 8, "width": 12}, line={"spacing": [-4, -4]})
    rendered = render_samples(config, bank, make_pool(bank), [("12", 0), ("21", 0)])
    row = [200] * 8 + [100] * 4
    assert rendered.images[0].tolist() == [row] * 8
    assert rendered.images[1].tolist() == [row[::-1]] * 8
    assert rendered.boxes.tolist() == [[0, 0, 8, 8], [0, 4, 8, 12]] * 2
    assert rendered.recipes.drawn["spacing"].tolist() == [0, -4, 0, -4]
