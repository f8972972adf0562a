"""Recipes and glyphs become the pixels that scikit-image makes of them, and boxes of the ink."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from digit_sequence.render.batch import ERODED_PEAK, Rendered, render_batch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import kstest, norm
from skimage.filters import gaussian
from skimage.morphology import dilation, erosion
from skimage.transform import AffineTransform, warp

from conftest import draw_bank, find_extent, make_bank, make_pool
from digit_sequence.base.errors import RenderError
from digit_sequence.base.names import SplitName
from digit_sequence.config.model import Config
from digit_sequence.render import batch as render
from digit_sequence.render.layout import Layout, lay_out
from digit_sequence.render.recipe import Recipes, draw_pixel_words, draw_recipes
from digit_sequence.sources.bank import GlyphBank
from digit_sequence.sources.pools import GlyphPool
from strategies import canvases, glyph_transforms, line_transforms, number_texts, ranges

MakeConfig = Callable[..., Config]
Pools = dict[SplitName, GlyphPool]
Image = NDArray[np.uint8]

identities = st.lists(st.tuples(number_texts, st.integers(0, 999)), min_size=1, max_size=3)
ALL_ON: dict[str, Any] = {
    "canvas": {"height": 32, "width": 120},
    "glyph": {
        "salt": {"pixels": [0, 8]},
        "pepper": {"pixels": [0, 8]},
        "crop": {"margin": 1},
        "shear": {"degrees": [-20, 20]},
        "rotate": {"degrees": [-20, 20]},
        "stroke": {"pixels": [1, 3]},
    },
    "line": {
        "spacing": [-12, 4],
        "noise": {"sigma": [1, 20]},
        "salt_pepper": {"amount": [0.001, 0.1]},
        "blur": {"sigma": [0.2, 1.5]},
        "invert": {"probability": 0.5},
    },
}


def draw(config: Config, pool: GlyphPool, samples: list[tuple[str, int]]) -> Recipes:
    """Draw the recipes of some (number, sample index)."""
    indices = np.array([index for _, index in samples])
    return draw_recipes(config, pool, "train", [number for number, _ in samples], indices)


def render_samples(
    config: Config, bank: GlyphBank, pool: GlyphPool, samples: list[tuple[str, int]]
) -> Rendered:
    """Draw and render some (number, sample index)."""
    return render_batch(draw(config, pool, samples), bank, config)


def render_one(config: Config, image: Image, number: str = "1", index: int = 0) -> Rendered:
    """Render one sample of a bank that shows the same image for each digit."""
    bank = make_bank(np.stack([image] * 10), np.arange(10, dtype=np.uint8))
    return render_samples(config, bank, make_pool(bank), [(number, index)])


def make_cells(
    recipes: Recipes, bank: GlyphBank, config: Config
) -> tuple[NDArray[np.uint8], Layout]:
    """Return the cells of all digits, before they are put on their canvases."""
    ink = bank.ink[recipes.glyph_ids]
    layout = lay_out(recipes, ink, bank.images.shape[1:], config)
    glyphs, _ = render._add_specks(bank.images[recipes.glyph_ids], ink, recipes)
    smoothed = render._smooth_glyphs(glyphs, layout.smoothing)
    cells = render._warp_glyphs(smoothed, layout, config.canvas.height)
    render._change_strokes(cells, layout, recipes.stroke)
    return cells, layout


def round_half_up(values: NDArray[Any]) -> Image:
    """Round as the package does."""
    return np.floor(values + 0.5).astype(np.uint8)


def blur_alone(image: Image, sigma: float) -> Image:
    """Blur one image by scikit-image."""
    blurred = gaussian(image.astype(float), sigma=sigma, mode="constant", preserve_range=True)
    return round_half_up(blurred)


# -- a sample and its batch ------------------------------------------------------------------------


def rows_of(rendered: Rendered, sample: int) -> dict[str, Any]:
    """Return all that is known of one sample of a batch."""
    recipes = rendered.recipes
    slots = slice(recipes.starts[sample], recipes.starts[sample + 1])
    row: dict[str, Any] = {
        "image": rendered.images[sample].tobytes(),
        "boxes": rendered.boxes[slots].tolist(),
        "scaled": bool(rendered.scaled[sample]),
        "number": recipes.numbers[sample],
    }
    for field in fields(Recipes):
        value = getattr(recipes, field.name)
        if isinstance(value, np.ndarray) and field.name not in ("starts", "samples"):
            per_glyph = len(value) == len(recipes.digits) and field.name not in PER_SAMPLE
            row[field.name] = (value[slots] if per_glyph else value[sample]).tolist()
    return row


PER_SAMPLE = ("sample_indices", "noise_sigma", "salt_pepper", "blur_sigma", "inverted")


def assert_alone_as_in_batch(
    config: Config, bank: GlyphBank, pool: GlyphPool, samples: list[tuple[str, int]]
) -> None:
    """Check that each sample rendered alone is its row in the batch, in either order."""
    batch = render_samples(config, bank, pool, samples)
    backwards = render_samples(config, bank, pool, samples[::-1])
    for place, sample in enumerate(samples):
        alone = rows_of(render_samples(config, bank, pool, [sample]), 0)
        assert alone == rows_of(batch, place)
        assert alone == rows_of(backwards, len(samples) - 1 - place)


@given(identities, canvases, glyph_transforms, line_transforms)
def test_sample_alone_equals_its_row_in_any_batch(
    tiny_config: MakeConfig,
    bank: GlyphBank,
    pools: Pools,
    samples: list[tuple[str, int]],
    canvas: dict[str, Any],
    glyph: dict[str, Any],
    line: dict[str, Any],
) -> None:
    """Pixels, boxes and what was applied do not depend on the batch, over all parameters."""
    config = tiny_config(canvas=canvas, glyph=glyph, line=line)
    assert_alone_as_in_batch(config, bank, pools["train"], samples)


def test_large_batch(tiny_config: MakeConfig, bank: GlyphBank, pools: Pools) -> None:
    """A batch of many samples with all transforms is the samples, one by one."""
    samples = [(number, index) for number in ("0", "42", "007", "123456") for index in range(15)]
    assert_alone_as_in_batch(tiny_config(**ALL_ON), bank, pools["train"], samples)


def test_recipes_are_not_changed(tiny_config: MakeConfig, bank: GlyphBank, pools: Pools) -> None:
    """Rendering returns new recipes, and leaves the drawn ones and the bank as they were."""
    config = tiny_config(**ALL_ON)
    recipes = draw(config, pools["train"], [("42", 0), ("1111", 1)])
    before = {
        field.name: np.copy(getattr(recipes, field.name)).tolist() for field in fields(Recipes)
    }
    images = bank.images.copy()
    rendered = render_batch(recipes, bank, config)
    assert before == {
        field.name: np.copy(getattr(recipes, field.name)).tolist() for field in fields(Recipes)
    }
    assert (bank.images == images).all()
    assert rendered.images.shape == (2, 32, 120)
    assert rendered.images.dtype == np.uint8
    assert rendered.boxes.shape == (6, 4)


# -- boxes -----------------------------------------------------------------------------------------


@given(identities, canvases, glyph_transforms, line_transforms)
def test_boxes_are_the_ink_of_each_digit_alone(
    tiny_config: MakeConfig,
    bank: GlyphBank,
    pools: Pools,
    samples: list[tuple[str, int]],
    canvas: dict[str, Any],
    glyph: dict[str, Any],
    line: dict[str, Any],
) -> None:
    """A box is the extent of what is above 0 on a canvas that holds this digit and no other."""
    config = tiny_config(canvas=canvas, glyph=glyph, line=line)
    recipes = draw(config, pools["train"], samples)
    rendered = render_batch(recipes, bank, config)
    cells, layout = make_cells(recipes, bank, config)
    for g, (cell, left, width) in enumerate(zip(cells, layout.lefts, layout.widths, strict=True)):
        alone = np.zeros((canvas["height"], canvas["width"]), np.uint8)
        alone[:, left : left + width] = cell[:, :width]
        sigma = recipes.blur_sigma[recipes.samples[g]]
        if sigma > 0:
            alone = blur_alone(alone, sigma)
        assert tuple(rendered.boxes[g].tolist()) == find_extent(alone > 0)
    top, left, bottom, right = rendered.boxes.T
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (bottom > top).all()
    assert (right > left).all()
    assert (bottom <= canvas["height"]).all()
    assert (right <= canvas["width"]).all()


@settings(max_examples=25)
@given(
    st.text("0123456789", min_size=30, max_size=64),
    st.sampled_from([8, 40]),
    glyph_transforms,
    st.fixed_dictionaries(
        {
            "spacing": st.sampled_from([[-1000, -1000], [0, 0], [40, 40]]),
            "blur": st.none() | st.fixed_dictionaries({"sigma": ranges(0, 2)}),
        }
    ),
)
def test_long_numbers_on_the_narrowest_canvas(
    tiny_config: MakeConfig,
    bank: GlyphBank,
    pools: Pools,
    number: str,
    height: int,
    glyph: dict[str, Any],
    line: dict[str, Any],
) -> None:
    """Digits that are squeezed to a few columns are still there, in reading order."""
    config = tiny_config(
        canvas={"height": height, "width": 4 * len(number)}, glyph=glyph, line=line
    )
    rendered = render_samples(config, bank, pools["train"], [(number, 0)])
    assert len(rendered.boxes) == len(number)
    centres = rendered.boxes[:, 1::2].sum(axis=1)
    assert centres[0] < centres[-1]


def test_boxes_by_hand(tiny_config: MakeConfig) -> None:
    """Two squares of 10 pixels, each in the middle of its 28 columns, 3 columns apart."""
    image = np.zeros((28, 28), np.uint8)
    image[8:18, 9:19] = 200
    config = tiny_config(canvas={"width": 60, "align": "left"}, line={"spacing": [3, 3]})
    rendered = render_one(config, image, "12")
    assert rendered.boxes.tolist() == [[8, 9, 18, 19], [8, 40, 18, 50]]
    assert (rendered.images[0] == 200).sum() == 200
    assert (rendered.images[0] > 0).sum() == 200


@pytest.mark.parametrize("sigma", [0.3, 1, 2.5, 3.5])
@pytest.mark.parametrize("align", ["left", "center"])
def test_box_grows_with_blur(tiny_config: MakeConfig, sigma: float, align: str) -> None:
    """Ink that fills its cell spreads beyond it, and the box with it, up to the canvas' edge."""
    config = tiny_config(
        canvas={"width": 101, "align": align}, line={"blur": {"sigma": [sigma, sigma]}}
    )
    rendered = render_one(config, np.full((28, 28), 255, np.uint8))
    assert tuple(rendered.boxes[0].tolist()) == find_extent(rendered.images[0] > 0)
    spread = {0.3: 1, 1: 3, 2.5: 7, 3.5: 10}[sigma]
    left = 0 if align == "left" else 36
    assert rendered.boxes.tolist() == [[0, max(0, left - spread), 28, left + 28 + spread]]


def test_boxes_do_not_see_noise_nor_inversion(
    tiny_config: MakeConfig, bank: GlyphBank, pools: Pools
) -> None:
    """Noise of the canvas is no ink of a digit, and inverted ink is ink."""
    samples = [("42", index) for index in range(5)]
    plain = render_samples(tiny_config(), bank, pools["train"], samples)
    noisy = tiny_config(
        line={"noise": {"sigma": [90, 90]}, "salt_pepper": {"amount": [0.5, 0.5]}, "invert": {}}
    )
    rendered = render_samples(noisy, bank, pools["train"], samples)
    assert (rendered.boxes == plain.boxes).all()


# -- composition -----------------------------------------------------------------------------------


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


@given(identities, canvases, glyph_transforms, ranges(-1000, 10, 0))
def test_brighter_pixel_wins(
    tiny_config: MakeConfig,
    bank: GlyphBank,
    pools: Pools,
    samples: list[tuple[str, int]],
    canvas: dict[str, Any],
    glyph: dict[str, Any],
    spacing: list[int],
) -> None:
    """Where digits overlap, a pixel is the brightest of those of the digits alone."""
    config = tiny_config(canvas=canvas, glyph=glyph, line={"spacing": spacing})
    recipes = draw(config, pools["train"], samples)
    cells, layout = make_cells(recipes, bank, config)
    alone = np.zeros((len(cells), canvas["height"], canvas["width"]), np.uint8)
    for digit, cell, left, width in zip(alone, cells, layout.lefts, layout.widths, strict=True):
        digit[:, left : left + width] = cell[:, :width]
    for sample, image in enumerate(render_batch(recipes, bank, config).images):
        assert (image == alone[recipes.samples == sample].max(axis=0)).all()


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
    assert rendered.recipes.spacing.tolist() == [0, -4, 0, -4]


def test_spacing_is_reported_as_applied(
    tiny_config: MakeConfig, bank: GlyphBank, pools: Pools
) -> None:
    """A recipe says the spacing that was applied, not one that would have hidden a digit."""
    config = tiny_config(line={"spacing": [-1000, -1000]})
    rendered = render_samples(config, bank, pools["train"], [("123", 0)])
    assert rendered.recipes.spacing.tolist() == [0, -14, -14]


# -- geometry --------------------------------------------------------------------------------------


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


def find_middle(rows: NDArray[Any]) -> float:
    """Return the column of the centre of mass of some rows."""
    return float((rows.sum(axis=0) * np.arange(rows.shape[1])).sum() / rows.sum())


@pytest.mark.parametrize("degrees", [-20, 20])
def test_direction_of_shear(tiny_config: MakeConfig, degrees: float) -> None:
    """Positive shear moves the top of an upright stroke to the right."""
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 13:15] = 255
    config = tiny_config(glyph={"shear": {"degrees": [degrees, degrees]}})
    sheared = render_one(config, image).images[0].astype(float)
    shift = find_middle(sheared[:14]) - find_middle(sheared[14:])
    assert shift == pytest.approx(10 * np.tan(np.radians(degrees)), abs=0.1)


@pytest.mark.parametrize("degrees", [-20, 20])
def test_direction_of_rotation(tiny_config: MakeConfig, degrees: float) -> None:
    """Positive rotation is counter-clockwise: the right end of a level stroke rises."""
    image = np.zeros((28, 28), np.uint8)
    image[13:15, 4:24] = 255
    config = tiny_config(
        canvas={"align": "left"}, glyph={"rotate": {"degrees": [degrees, degrees]}}
    )
    turned = render_one(config, image).images[0].astype(float).T
    rise = find_middle(turned[:14]) - find_middle(turned[14:28])
    assert rise == pytest.approx(10 * np.sin(np.radians(degrees)), abs=0.1)


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


# -- specks ----------------------------------------------------------------------------------------


def test_salt_is_inside_the_ink_box(tiny_config: MakeConfig, bank: GlyphBank, pools: Pools) -> None:
    """Salt makes some pixels of the ink box 255 and changes no other."""
    config = tiny_config(canvas={"align": "left"}, glyph={"salt": {"pixels": [24, 24]}})
    samples = [("4", index) for index in range(30)]
    rendered = render_samples(config, bank, pools["train"], samples)
    n_changed = []
    for image, glyph_id in zip(rendered.images, rendered.recipes.glyph_ids, strict=True):
        changed = image[:, :28] != bank.images[glyph_id]
        top, left, bottom, right = bank.ink[glyph_id]
        assert (image[:, :28][changed] == 255).all()
        changed[top:bottom, left:right] = False
        assert not changed.any()
        n_changed.append(int((image[:, :28] != bank.images[glyph_id]).sum()))
    assert 5 < min(n_changed) <= max(n_changed) <= 24


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
        share = rendered.recipes.speck_positions[0].astype(float) / 2**32 * 144
        expected = np.full(144, 100)
        expected[share[:24].astype(int)] = 255
        expected[share[24:].astype(int)] = 0
        assert inside.tolist() == expected.tolist()


def test_pepper_that_would_erase_is_not_applied(tiny_config: MakeConfig) -> None:
    """A digit of one pixel keeps it, and its recipe says that there was no pepper."""
    image = np.zeros((28, 28), np.uint8)
    image[14, 14] = 50
    pepper = {"pixels": [1, 24]}
    rendered = render_one(tiny_config(canvas={"width": 28}, glyph={"pepper": pepper}), image)
    assert (rendered.images[0] == image).all()
    assert rendered.recipes.pepper.tolist() == [0]
    salted = tiny_config(canvas={"width": 28}, glyph={"pepper": pepper, "salt": {"pixels": [1, 1]}})
    rendered = render_one(salted, image)
    assert rendered.images[0, 14, 14] == 255
    assert rendered.recipes.salt.tolist() == [1]
    assert rendered.recipes.pepper.tolist() == [0]


# -- strokes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", range(1, 10))
@pytest.mark.parametrize("dilate", [1, 0])
def test_strokes_equal_scikit_image(
    tiny_config: MakeConfig, bank: GlyphBank, side: int, dilate: int
) -> None:
    """A stroke is changed as scikit-image does in the cell of the digit, with paper around."""
    blocks: dict[str, Any] = {
        "canvas": {"height": 50, "width": 300, "align": "left"},
        "line": {"spacing": [0, 0]},
    }
    samples = [("835", index) for index in range(4)]
    glyph: dict[str, Any] = {"crop": {}, "rotate": {"degrees": [-20, 20]}}
    stroke = {"dilate": dilate, "pixels": [side, side]}
    plain = render_samples(tiny_config(**blocks, glyph=glyph), bank, make_pool(bank), samples)
    config = tiny_config(**blocks, glyph={**glyph, "stroke": stroke})
    changed = render_samples(config, bank, make_pool(bank), samples)
    recipes = draw(config, make_pool(bank), samples)
    layout = lay_out(recipes, bank.ink[recipes.glyph_ids], (28, 28), config)
    square = np.ones((side, side), np.uint8)
    for g, (sample, left, width) in enumerate(
        zip(recipes.samples, layout.lefts, layout.widths, strict=True)
    ):
        cell = plain.images[sample, :, left : left + width]
        operation = dilation if dilate else erosion
        expected = operation(cell, square, mode="constant", cval=0)
        applied = side if dilate else -side
        if not dilate and expected.max() < ERODED_PEAK:
            expected, applied = cell, 0
        assert (changed.images[sample, :, left : left + width] == expected).all()
        assert changed.recipes.stroke[g] == applied


def test_dilation_by_hand(tiny_config: MakeConfig) -> None:
    """A square of three around each pixel; at the edge of the cell it ends."""
    image = np.zeros((8, 8), np.uint8)
    image[0, 0], image[4, 5] = 90, 255
    config = tiny_config(
        canvas={"height": 8, "width": 20, "align": "left"},
        glyph={"stroke": {"dilate": 1, "pixels": [3, 3]}},
    )
    expected = np.zeros((8, 20), np.uint8)
    expected[:2, :2], expected[3:6, 4:7] = 90, 255
    assert render_one(config, image).images[0].tolist() == expected.tolist()


def test_dilation_stays_in_its_cell(tiny_config: MakeConfig) -> None:
    """Ink at the right edge of a narrow digit does not grow into its neighbour's columns."""
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 10:18] = 255
    config = tiny_config(
        glyph={"crop": {}, "stroke": {"dilate": 1, "pixels": [9, 9]}}, line={"spacing": [7, 7]}
    )
    rendered = render_one(config, image, "11")
    assert rendered.boxes[1, 1] - rendered.boxes[0, 3] == 7


def test_erosion_that_would_erase_is_not_applied(tiny_config: MakeConfig) -> None:
    """A thin stroke is left as it was, and the recipe says so; a thick one is eroded."""
    erode = {"stroke": {"dilate": 0, "pixels": [5, 5]}}
    for thickness, applied in ((3, 0), (9, -5)):
        image = np.zeros((28, 28), np.uint8)
        image[4:24, 10 : 10 + thickness] = 255
        config = tiny_config(canvas={"width": 28}, glyph=erode)
        rendered = render_one(config, image)
        assert rendered.recipes.stroke.tolist() == [applied]
        assert (rendered.images[0] > 0).sum() == (60 if applied == 0 else 16 * 5)


@pytest.mark.parametrize(("peak", "applied"), [(ERODED_PEAK - 1, 0), (ERODED_PEAK, -2)])
def test_erosion_keeps_a_legible_pixel(tiny_config: MakeConfig, peak: int, applied: int) -> None:
    """The brightest pixel that is left decides whether an erosion is applied."""
    image = np.full((28, 28), peak, np.uint8)
    config = tiny_config(canvas={"width": 28}, glyph={"stroke": {"dilate": 0, "pixels": [2, 2]}})
    assert render_one(config, image).recipes.stroke.tolist() == [applied]


# -- the whole canvas ------------------------------------------------------------------------------


def make_grey(config: Config, n_samples: int) -> tuple[Recipes, NDArray[np.uint8]]:
    """Return recipes and as many canvases of mid grey."""
    bank = draw_bank(n_per_digit=1)
    recipes = draw(config, make_pool(bank), [("1", index) for index in range(n_samples)])
    canvas = config.canvas
    return recipes, np.full((n_samples, canvas.height, canvas.width), 128, np.uint8)


@pytest.mark.parametrize("sigma", [0.5, 5, 25])
def test_noise_is_gaussian(tiny_config: MakeConfig, sigma: float) -> None:
    """Noise has mean 0 and the drawn deviation, and the shape of a normal distribution."""
    config = tiny_config(line={"noise": {"sigma": [sigma, sigma]}})
    recipes, images = make_grey(config, 20)
    render._add_noise(images, recipes)
    noise = images.astype(float) - 128
    n_pixels = noise.size
    assert noise.mean() == pytest.approx(0, abs=5 * sigma / n_pixels**0.5 + 1e-3)
    rounded = np.hypot(sigma, 12**-0.5)  # rounding adds the variance of a unit square
    assert noise.std() == pytest.approx(rounded, rel=0.02)
    if sigma == 25:
        jitter = np.random.default_rng(0).uniform(-0.5, 0.5, 20_000)
        assert kstest(noise.reshape(-1)[:20_000] + jitter, norm(scale=rounded).cdf).pvalue > 1e-3
    neighbours = np.corrcoef(noise[:, :, 1:].reshape(-1), noise[:, :, :-1].reshape(-1))[0, 1]
    assert abs(neighbours) < 0.02
    assert len({image.tobytes() for image in images}) == 20


def test_noise_follows_its_words(tiny_config: MakeConfig, bank: GlyphBank, pools: Pools) -> None:
    """Each pixel's noise is the quantile of 16 bits of its own, and then come its specks."""
    canvas = {"height": 9, "width": 33}
    config = tiny_config(
        canvas=canvas, line={"noise": {"sigma": [7, 30]}, "salt_pepper": {"amount": [0.1, 0.3]}}
    )
    clean = render_samples(tiny_config(canvas=canvas), bank, pools["train"], [("42", 6)])
    rendered = render_samples(config, bank, pools["train"], [("42", 6)])
    recipes = rendered.recipes
    n_words = -(-9 * 33 // 4)
    parts = draw_pixel_words(recipes, 0, 2 * n_words).view("<u2").astype(float)
    gauss, specks = parts[: 9 * 33], parts[4 * n_words :][: 9 * 33]
    noisy = clean.images[0].reshape(-1) + recipes.noise_sigma[0] * norm.ppf((gauss + 0.5) / 2**16)
    expected = round_half_up(noisy.clip(0, 255))
    expected[specks / 2**16 < recipes.salt_pepper[0] / 2] = 0
    expected[specks / 2**16 >= 1 - recipes.salt_pepper[0] / 2] = 255
    assert rendered.images[0].reshape(-1).tolist() == expected.tolist()


@pytest.mark.parametrize("amount", [0.001, 0.02, 0.5])
def test_amount_of_salt_and_pepper(tiny_config: MakeConfig, amount: float) -> None:
    """The share of specks is the drawn one, half of them bright and half dark."""
    config = tiny_config(line={"salt_pepper": {"amount": [amount, amount]}})
    recipes, images = make_grey(config, 40)
    render._add_noise(images, recipes)
    for value in (0, 255):
        n_specks = int((images == value).sum())
        expected = images.size * amount / 2
        assert n_specks == pytest.approx(expected, abs=5 * expected**0.5)
    assert set(np.unique(images).tolist()) == {0, 128, 255}
    n_pixels = images[0].size
    for sample, image in enumerate(images):
        parts = draw_pixel_words(recipes, sample, n_pixels // 2).view("<u2")
        specks = parts[n_pixels:] / 2**16
        assert ((image.reshape(-1) == 0) == (specks < amount / 2)).all()
        assert ((image.reshape(-1) == 255) == (specks >= 1 - amount / 2)).all()


def test_canvas_without_noise_stays(tiny_config: MakeConfig) -> None:
    """An amount of 0 sets no pixel."""
    config = tiny_config(line={"salt_pepper": {"amount": [0, 0]}, "noise": {"sigma": [0, 0]}})
    recipes, images = make_grey(config, 5)
    render._add_noise(images, recipes)
    assert (images == 128).all()


@pytest.mark.parametrize("sigma", [0.001, 0.1, 0.5, 1.3, 3.5])
def test_blur_equals_scikit_image(
    tiny_config: MakeConfig, bank: GlyphBank, pools: Pools, sigma: float
) -> None:
    """Blur is scikit-image's Gaussian filter of the whole canvas, with paper around."""
    samples = [("8064", index) for index in range(5)]
    line = {"spacing": [-9, 0], "noise": {"sigma": [5, 20]}}
    noisy = render_samples(tiny_config(line=line), bank, pools["train"], samples)
    blur = {"sigma": [sigma, sigma]}
    blurred = render_samples(
        tiny_config(line={**line, "blur": blur}), bank, pools["train"], samples
    )
    for before, after in zip(noisy.images, blurred.images, strict=True):
        assert (after == blur_alone(before, sigma)).all()


def test_order_of_the_canvas_transforms(
    tiny_config: MakeConfig, bank: GlyphBank, pools: Pools
) -> None:
    """Noise, then salt and pepper, then blur, then inversion."""
    line: dict[str, Any] = {
        "noise": {"sigma": [20, 20]},
        "salt_pepper": {"amount": [0.2, 0.2]},
        "blur": {"sigma": [0.8, 0.8]},
        "invert": {},
    }
    sample = [("31", 4)]
    images = {
        left_out: render_samples(
            tiny_config(line={key: line[key] for key in line if key not in left_out}),
            bank,
            pools["train"],
            sample,
        ).images[0]
        for left_out in ((), ("invert",), ("invert", "blur"), ("invert", "blur", "salt_pepper"))
    }
    full, upright, sharp, unspecked = images.values()
    assert (full == 255 - upright).all()
    assert (upright == blur_alone(sharp, 0.8)).all()
    specks = sharp != unspecked
    assert set(np.unique(sharp[specks]).tolist()) == {0, 255}


def test_inversion_is_of_the_chosen_samples(
    tiny_config: MakeConfig, bank: GlyphBank, pools: Pools
) -> None:
    """Inverted canvases are dark on bright, the others as they were."""
    samples = [("5", index) for index in range(20)]
    plain = render_samples(tiny_config(), bank, pools["train"], samples)
    config = tiny_config(line={"invert": {"probability": 0.5}})
    rendered = render_samples(config, bank, pools["train"], samples)
    inverted = rendered.recipes.inverted
    assert 0 < inverted.sum() < 20
    assert (rendered.images[inverted] == 255 - plain.images[inverted]).all()
    assert (rendered.images[~inverted] == plain.images[~inverted]).all()


# -- errors ----------------------------------------------------------------------------------------


def test_digit_that_vanishes_is_an_error(tiny_config: MakeConfig) -> None:
    """A digit that is drawn too small and too faint to be seen is not labelled as if it were."""
    image = np.zeros((64, 64), np.uint8)
    image[32, 32] = 10
    config = tiny_config(canvas={"height": 8})
    message = r"train: number 71, sample 3: digit 1 \(glyph 7\) has left no ink on the canvas; "
    with pytest.raises(RenderError, match=message):
        render_one(config, image, "71", 3)


def test_only_the_digit_that_vanishes_is_named(tiny_config: MakeConfig) -> None:
    """The message counts the digits of its own number."""
    images = np.full((10, 28, 28), 255, np.uint8)
    images[4] = 0
    images[4, 0, 0] = 255  # in the corner, which a rotation clips
    bank = make_bank(images, np.arange(10, dtype=np.uint8))
    config = tiny_config(glyph={"rotate": {"degrees": [45, 45]}, "overflow": "clip"})
    with pytest.raises(RenderError, match=r"number 514, sample 8: digit 3 \(glyph 4\)"):
        render_samples(config, bank, make_pool(bank), [("123", 0), ("514", 8)])
