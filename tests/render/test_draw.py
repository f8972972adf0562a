"""Recipes and glyphs become images and boxes, whatever batch a sample is in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import find_extent, make_bank, make_pool
from digit_sequence.base.errors import RenderError
from digit_sequence.config.model import Config
from digit_sequence.render import draw as render
from digit_sequence.render.draw import BATCH_PIXELS, fit_batch, render_batch
from digit_sequence.render.layout import lay_out
from digit_sequence.render.recipe import Recipes
from digit_sequence.sources.bank import GlyphBank
from digit_sequence.sources.pools import GlyphPool
from rendering import (
    ALL_ON,
    MakeConfig,
    Pools,
    blur_alone,
    draw,
    draw_alone,
    identities,
    lines,
    list_columns,
    render_legible,
    render_one,
    render_samples,
    turned_glyphs,
)
from strategies import canvases, glyph_transforms, ranges

# -- a sample and its batch ------------------------------------------------------------------------


def rows_of(
    config: Config, bank: GlyphBank, pool: GlyphPool, samples: list[tuple[str, int]]
) -> list[dict[str, Any]]:
    """Render a batch, and return all that is known of each of its samples."""
    rendered = render_legible(draw(config, pool, samples), bank, config)
    recipes, layers = rendered.recipes, list(rendered.layers)
    rows = []
    for sample in range(len(samples)):
        slots = slice(recipes.starts[sample], recipes.starts[sample + 1])
        row: dict[str, Any] = {
            "image": rendered.images[sample].tobytes(),
            "boxes": rendered.boxes[slots].tolist(),
            "layers": [layer.tolist() for layer in layers[slots]],
            "places": rendered.layers.places[slots].tolist(),
            "scaled": bool(rendered.scaled[sample]),
            "number": recipes.numbers[sample],
            "sample_index": int(recipes.sample_indices[sample]),
            "digits": recipes.digits[slots].tolist(),
            "glyph_ids": recipes.glyph_ids[slots].tolist(),
        }
        assert set(recipes.drawn) == {column.name for column in config.columns}
        for column in config.columns:
            values = recipes.drawn[column.name]
            row[column.name] = values[slots if column.per == "digit" else sample].tolist()
        rows.append(row)
    return rows


def assert_alone_as_in_batch(
    config: Config, bank: GlyphBank, pool: GlyphPool, samples: list[tuple[str, int]]
) -> None:
    """Check that each sample rendered alone is its row in the batch, in either order."""
    batch = rows_of(config, bank, pool, samples)
    backwards = rows_of(config, bank, pool, samples[::-1])
    for place, sample in enumerate(samples):
        (alone,) = rows_of(config, bank, pool, [sample])
        assert alone == batch[place]
        assert alone == backwards[len(samples) - 1 - place]


@given(identities, canvases, glyph_transforms, lines)
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


def copy_recipes(recipes: Recipes) -> dict[str, Any]:
    """Return all values of recipes as lists."""
    identities = recipes.identities
    values = {
        "seed": identities.seed,
        "names": identities.names,
        "split": recipes.split,
        "numbers": recipes.numbers,
        "sample_indices": recipes.sample_indices,
        "starts": recipes.starts,
        "samples": recipes.samples,
        "digits": recipes.digits,
        "glyph_ids": recipes.glyph_ids,
        **recipes.drawn,
    }
    return {name: np.copy(value).tolist() for name, value in values.items()}


def test_recipes_are_not_changed(tiny_config: MakeConfig, bank: GlyphBank, pools: Pools) -> None:
    """Rendering returns new recipes, and leaves the drawn ones and the bank as they were."""
    config = tiny_config(**ALL_ON)
    recipes = draw(config, pools["train"], [("42", 0), ("1111", 1)])
    before = copy_recipes(recipes)
    images = bank.images.copy()
    rendered = render_batch(recipes, bank, config)
    assert before == copy_recipes(recipes)
    assert (bank.images == images).all()
    assert rendered.images.shape == (2, 32, 120)
    assert rendered.images.dtype == np.uint8
    assert rendered.boxes.shape == (6, 4)


@pytest.mark.parametrize("engine", ["skimage", "numba"])
def test_batches_hold_few_pixels(tiny_config: MakeConfig, engine: Any) -> None:
    """A batch holds as many canvases, or glyphs, as the limit allows, and one at least."""
    config = tiny_config(canvas={"height": 100, "width": 200})
    assert fit_batch(config, 1000, engine) == BATCH_PIXELS[engine] // 20_000
    assert fit_batch(config, 50_000, engine) == BATCH_PIXELS[engine] // 50_000
    assert fit_batch(config, 10**9, engine) == 1


# -- digits one by one -----------------------------------------------------------------------------


@given(identities, canvases, glyph_transforms, lines)
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
    rendered = render_legible(recipes, bank, config)
    alone, applied = draw_alone(recipes, bank, config)
    for box, digit in zip(rendered.boxes.tolist(), alone, strict=True):
        assert tuple(box) == find_extent(digit > 0)
    for name in set(applied) & set(recipes.drawn):
        assert rendered.recipes.drawn[name].tolist() == applied[name]
    top, left, bottom, right = rendered.boxes.T
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (bottom > top).all()
    assert (right > left).all()
    assert (bottom <= canvas["height"]).all()
    assert (right <= canvas["width"]).all()


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
    images = render_legible(recipes, bank, config).images
    alone, _ = draw_alone(recipes, bank, config)
    for sample, image in enumerate(images):
        assert (image == alone[recipes.samples == sample].max(axis=0)).all()


@given(identities, canvases, glyph_transforms, lines)
def test_layers_are_never_too_small(
    tiny_config: MakeConfig,
    bank: GlyphBank,
    pools: Pools,
    samples: list[tuple[str, int]],
    canvas: dict[str, Any],
    glyph: dict[str, Any],
    line: dict[str, Any],
) -> None:
    """Layers as large as the canvas, or as the cell that cuts ink, change nothing."""
    config = tiny_config(canvas=canvas, glyph=glyph, line=line)
    recipes = draw(config, pools["train"], samples)

    def lay_out_widely(*arguments: Any) -> Any:
        layout, applied = lay_out(*arguments)
        places = np.zeros_like(layout.places)
        places[:, 2:] = canvas["height"], canvas["width"]
        begin, end = list_columns(layout, recipes, config).T
        places[:, 1], places[:, 3] = begin, end - begin
        return replace(layout, places=places), applied

    rendered = render_legible(recipes, bank, config)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "lay_out", lay_out_widely)
        widely = render_batch(recipes, bank, config)
    assert (widely.layers.places[:, 2] == canvas["height"]).all()
    if glyph["overflow"] == "fit" or any(each.needs_outlines for each in config.transforms):
        assert (widely.layers.places[:, 3] == canvas["width"]).all()
    assert (rendered.images == widely.images).all()
    assert (rendered.boxes == widely.boxes).all()
    assert copy_recipes(rendered.recipes) == copy_recipes(widely.recipes)


# -- boxes -----------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(
    st.text("0123456789", min_size=30, max_size=64),
    st.sampled_from([8, 40]),
    turned_glyphs,
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


def test_boxes_do_not_see_the_page(tiny_config: MakeConfig, bank: GlyphBank, pools: Pools) -> None:
    """Noise of the canvas is no ink of a digit, inverted ink is ink, and blur widens no box."""
    samples = [("42", index) for index in range(5)]
    plain = render_samples(tiny_config(), bank, pools["train"], samples)
    for page in (
        {"noise": {"sigma": [90, 90]}, "salt_pepper": {"amount": [0.5, 0.5]}, "invert": {}},
        {"blur": {"sigma": [3.5, 3.5]}},
    ):
        rendered = render_samples(tiny_config(line=page), bank, pools["train"], samples)
        assert (rendered.images != plain.images).any()
        assert (rendered.boxes == plain.boxes).all()


# -- order -----------------------------------------------------------------------------------------


def test_order_of_the_canvas_transforms(
    tiny_config: MakeConfig, bank: GlyphBank, pools: Pools
) -> None:
    """Blur, then noise, then salt and pepper, then inversion."""
    line: dict[str, Any] = {
        "blur": {"sigma": [0.8, 0.8]},
        "noise": {"sigma": [20, 20]},
        "salt_pepper": {"amount": [0.2, 0.2]},
        "invert": {},
    }
    sample, names = [("31", 4)], [*line]
    sharp, blurred, noisy, specked, inverted = (
        render_samples(
            tiny_config(line={name: line[name] for name in names[:n]}), bank, pools["train"], sample
        ).images[0]
        for n in range(len(names) + 1)
    )
    assert (blurred == blur_alone(sharp, 0.8)).all()
    assert (noisy != blurred).any()
    assert set(np.unique(specked[specked != noisy]).tolist()) == {0, 255}
    assert (inverted == 255 - specked).all()


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


@pytest.mark.parametrize("row", [8, 31])
def test_ink_beside_its_cell_has_vanished(tiny_config: MakeConfig, row: int) -> None:
    """Ink that a rotation brings beside its narrow cell is cut, and not drawn there."""
    image = np.zeros((40, 6), np.uint8)
    image[row, 2:4] = 255
    glyph = {"rotate": {"degrees": [45, 45]}, "overflow": "clip"}
    with pytest.raises(RenderError, match="number 11, sample 0: digit 1 "):
        render_one(tiny_config(canvas={"height": 40}, glyph=glyph), image, "11")
