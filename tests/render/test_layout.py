"""Cells stand in reading order on the canvas, which maps to glyphs by affine matrices."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from skimage.transform import AffineTransform

from digit_sequence.config.canvas import MIN_DIGIT_WIDTH
from digit_sequence.render.layout import shift_matrices
from digit_sequence.sources.bank import GlyphBank
from rendering import (
    MakeConfig,
    Pools,
    identities,
    lay,
    lay_box,
    lines,
    list_columns,
    turned_glyphs,
)
from strategies import canvases, glyph_transforms, number_texts

# -- lines -----------------------------------------------------------------------------------------


def test_line_by_hand(tiny_config: MakeConfig) -> None:
    """Three digits of 28 columns, 4 columns apart, in the centre of 101 columns."""
    config = tiny_config(canvas={"width": 101}, line={"spacing": [4, 4]})
    layout, applied = lay_box(config, "123", 4, 4, 24, 24)
    # 92 columns used, 9 free, 4 of them left
    assert layout.cells.tolist() == [[4, 28], [36, 28], [68, 28]]
    assert applied.drawn["spacing"].tolist() == [0, 4, 4]
    assert layout.scaled.tolist() == [False]


@pytest.mark.parametrize(("align", "left"), [("left", 0), ("center", 22), ("right", 45)])
def test_alignment_by_hand(tiny_config: MakeConfig, align: str, left: int) -> None:
    """56 columns on 101 leave 45 free; the odd one is on the right of a centred line."""
    config = tiny_config(canvas={"width": 101, "align": align}, line={"spacing": [0, 0]})
    layout, _ = lay_box(config, "12", 4, 4, 24, 24)
    assert layout.cells[:, 0].tolist() == [left, left + 28]


def test_shrunk_line_by_hand(tiny_config: MakeConfig) -> None:
    """Of 58 columns on 29 each digit keeps 4; the other 50, spacing too, share the other 21."""
    config = tiny_config(canvas={"width": 29}, line={"spacing": [2, 2]})
    layout, _ = lay_box(config, "12", 4, 4, 24, 24)
    assert layout.scaled.tolist() == [True]
    assert layout.cells.tolist() == [[0, 14], [14, 15]]  # 4 + 26 * 21 // 50
    # Columns are halved and rows are not: column c of the cell is near column 2c of the glyph.
    assert layout.matrices[0].tolist() == [[2, 0, 0.5], [0, 1, 0]]
    assert layout.smoothing.tolist() == [[0, 0.5], [0, 0.5]]


def test_line_that_just_fits(tiny_config: MakeConfig) -> None:
    """A line as wide as the canvas is not shrunk; one column less, and it is."""
    for width, scaled in ((58, False), (57, True)):
        config = tiny_config(canvas={"width": width}, line={"spacing": [2, 2]})
        layout, _ = lay_box(config, "12", 4, 4, 24, 24)
        assert layout.scaled.tolist() == [scaled]
        assert layout.cells[0, 0] == 0
        assert layout.cells[-1].sum() == width


@given(
    identities,
    canvases,
    glyph_transforms,
    lines.map(lambda line: {"spacing": line["spacing"]}),
)
def test_lines_fit_and_keep_their_order(
    tiny_config: MakeConfig,
    bank: GlyphBank,
    pools: Pools,
    samples: list[tuple[str, int]],
    canvas: dict[str, Any],
    glyph: dict[str, Any],
    line: dict[str, Any],
) -> None:
    """Cells are inside the canvas, in reading order, placed as the lines say."""
    config = tiny_config(canvas=canvas, glyph=glyph, line=line)
    recipes, layout, applied = lay(config, bank, pools["train"], samples)
    # A canvas that no line of these is too wide for shows how wide lines are by themselves.
    unlimited = tiny_config(
        canvas={**canvas, "width": 8192, "align": "left"}, glyph=glyph, line=line
    )
    _, natural, applied_naturally = lay(unlimited, bank, pools["train"], samples)
    spacing = applied_naturally.drawn["spacing"]
    space = canvas["width"]
    for sample in range(len(samples)):
        slots = range(recipes.starts[sample], recipes.starts[sample + 1])
        cells = [(left, width) for left, width in layout.cells[slots].tolist()]
        assert all(left >= 0 and width >= 1 and left + width <= space for left, width in cells)
        free = [(left, width) for left, width in natural.cells[slots].tolist()]
        length = free[-1][0] + free[-1][1]
        if natural.scaled[sample]:
            assert layout.scaled[sample]
            continue
        assert max(left + width for left, width in free) == length
        assert bool(layout.scaled[sample]) == (length > space)
        assert spacing[slots.start] == 0
        for before, here in pairwise(slots):
            narrower = min(natural.cells[before, 1], natural.cells[here, 1])
            drawn = recipes.drawn["spacing"][here]
            assert spacing[here] == max(drawn, -(narrower // 2))
            end = natural.cells[before].sum()
            assert natural.cells[here, 0] == end + spacing[here]
        if length > space:
            kept = [min(width, MIN_DIGIT_WIDTH) for _, width in free]
            room, elastic = space - sum(kept), length - sum(kept)
            for slot, ((left, width), least) in enumerate(zip(free, kept, strict=True)):
                before = sum(kept[:slot])
                begin = (left - before) * room // elastic
                end = (left - before + width - least) * room // elastic
                assert cells[slot] == (before + begin, least + end - begin)
                assert cells[slot][1] >= least
            assert [left for left, _ in cells] == sorted(left for left, _ in cells)
        else:
            shift = {"left": 0, "center": (space - length) // 2, "right": space - length}
            assert cells == [(left + shift[canvas["align"]], width) for left, width in free]
            assert all(one < other for (one, _), (other, _) in pairwise(cells))
    assert (applied.drawn["spacing"] == spacing).all()


@given(identities, canvases, glyph_transforms, lines)
def test_sample_alone_is_laid_out_as_in_a_batch(
    tiny_config: MakeConfig,
    bank: GlyphBank,
    pools: Pools,
    samples: list[tuple[str, int]],
    canvas: dict[str, Any],
    glyph: dict[str, Any],
    line: dict[str, Any],
) -> None:
    """A line does not depend on the lines that it is laid out with."""
    config = tiny_config(canvas=canvas, glyph=glyph, line=line)
    recipes, batch, applied = lay(config, bank, pools["train"], samples)
    for sample, identity in enumerate(samples):
        slots = slice(recipes.starts[sample], recipes.starts[sample + 1])
        _, alone, applied_alone = lay(config, bank, pools["train"], [identity])
        assert alone.shrinkage[0] == batch.shrinkage[sample]
        assert alone.is_clipped == batch.is_clipped
        for column in {field.name for field in fields(batch)} - {"shrinkage", "is_clipped"}:
            assert (getattr(alone, column) == getattr(batch, column)[slots]).all()
        assert (applied_alone.drawn["spacing"] == applied.drawn["spacing"][slots]).all()


# -- layers ----------------------------------------------------------------------------------------


@given(identities, canvases, glyph_transforms, lines)
def test_places_of_layers_are_on_the_canvas(
    tiny_config: MakeConfig,
    bank: GlyphBank,
    pools: Pools,
    samples: list[tuple[str, int]],
    canvas: dict[str, Any],
    glyph: dict[str, Any],
    line: dict[str, Any],
) -> None:
    """A layer has a pixel at least, all on the canvas, and near the cell if that cuts ink."""
    config = tiny_config(canvas=canvas, glyph=glyph, line=line)
    recipes, layout, _ = lay(config, bank, pools["train"], samples)
    top, left, height, width = layout.places.T
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (height >= 1).all()
    assert (width >= 1).all()
    assert (top + height <= canvas["height"]).all()
    assert (left + width <= canvas["width"]).all()
    is_fitted = any(transform.needs_outlines for transform in config.transforms)
    assert layout.is_clipped == (glyph["overflow"] == "clip" and not is_fitted)
    begin, end = list_columns(layout, recipes, config).T
    assert (left >= begin).all()
    assert (left + width <= end).all()


@pytest.mark.parametrize(("side", "grown"), [(1, 0), (2, 1), (9, 4)])
def test_places_of_layers_by_hand(tiny_config: MakeConfig, side: int, grown: int) -> None:
    """A layer is the ink, what a dilation adds to it, and a pixel or two around that."""
    stroke = {"dilate": 1, "pixels": [side, side]}
    layout, _ = lay_box(tiny_config(glyph={"stroke": stroke}), "12", 8, 6, 20, 22)
    top, left, height, width = layout.places.T
    first = layout.cells[:, 0]
    margins = [8 - top, first + 6 - left, top + height - 20, left + width - (first + 22)]
    assert ((np.array(margins) >= grown + 1) & (np.array(margins) <= grown + 2)).all()


# -- matrices --------------------------------------------------------------------------------------


def test_identity_is_exact(tiny_config: MakeConfig, bank: GlyphBank, pools: Pools) -> None:
    """A glyph as high as the canvas, neither cropped nor turned, is mapped pixel for pixel."""
    config = tiny_config(canvas={"height": 28, "width": 400})
    _, layout, _ = lay(config, bank, pools["train"], [("0123456789", 0)])
    lefts, widths = layout.cells.T
    assert (layout.matrices[:, :, :2] == np.eye(2)).all()
    assert (layout.matrices[:, 0, 2] == -lefts).all()
    assert (layout.matrices[:, 1, 2] == 0).all()
    assert (widths == 28).all()
    assert not layout.smoothing.any()


def test_matrices_are_rounded(tiny_config: MakeConfig, bank: GlyphBank, pools: Pools) -> None:
    """Elements are multiples of 2**-24, whatever the processor makes of a sine."""
    turned = {"shear": {"degrees": [-20, 20]}, "rotate": {"degrees": [-20, 20]}}
    _, layout, _ = lay(tiny_config(glyph=turned), bank, pools["train"], [("0123456789", 0)])
    assert (layout.matrices * 2.0**24 % 1 == 0).all()
    assert len(np.unique(layout.matrices[:, 0, 1])) == 10


def test_matrices_of_layers_are_exact(
    tiny_config: MakeConfig, bank: GlyphBank, pools: Pools
) -> None:
    """A pixel of a layer is mapped as that pixel of the canvas, to the last bit."""
    turned = {"shear": {"degrees": [-20, 20]}, "rotate": {"degrees": [-20, 20]}}
    config = tiny_config(canvas={"height": 97, "width": 4000}, glyph=turned)
    _, layout, _ = lay(config, bank, pools["train"], [("0123456789", 0)])
    shifted = shift_matrices(layout)
    top, left = layout.places[:, :2].T
    for row, column in ((0, 0), (3, 70), (96, 1)):
        in_layer = np.array([column, row, 1.0])
        on_canvas = np.stack([column + left, row + top, np.ones(len(top))], axis=-1)
        expected = (layout.matrices * on_canvas[:, None]).sum(axis=-1)
        assert ((shifted * in_layer).sum(axis=-1) == expected).all()


def turn_by_skimage(shear: float, rotate: float, scale: tuple[float, float]) -> AffineTransform:
    """Scale, shear and rotate about the origin; scikit-image turns clockwise where rows go down."""
    return (
        AffineTransform(scale=scale)
        + AffineTransform(shear=(np.radians(shear), 0))
        + AffineTransform(rotation=-np.radians(rotate))
    )


@given(number_texts, canvases, turned_glyphs)
def test_matrices_equal_those_of_scikit_image(
    tiny_config: MakeConfig,
    bank: GlyphBank,
    pools: Pools,
    number: str,
    canvas: dict[str, Any],
    glyph: dict[str, Any],
) -> None:
    """Width and matrix of a cell are those of scikit-image's transforms, one after another."""
    config = tiny_config(canvas={**canvas, "width": 8192}, glyph=glyph)
    recipes, layout, _ = lay(config, bank, pools["train"], [(number, 0)])
    height = canvas["height"]
    level = np.zeros(len(number))
    shears = recipes.drawn.get("shear_degrees", level)
    rotations = recipes.drawn.get("rotate_degrees", level)
    for g, glyph_id in enumerate(recipes.glyph_ids):
        top, left, bottom, right = map(float, bank.ink[glyph_id])
        if config.glyph.crop is None:
            rows, columns, centre = 28.0, 28.0, np.array([14.0, 14.0])
        else:
            rows, columns = bottom - top + 2 * config.glyph.crop.margin, right - left
            centre = np.array([left + right, top + bottom]) / 2
        scale = height / rows
        scales = (scale if glyph["aspect"] == "keep" else 1.0, scale)
        turned = turn_by_skimage(shears[g], rotations[g], scales)
        corners = np.array([(x, y) for x in (left, right) for y in (top, bottom)])
        reach = np.abs(turned(corners - centre)).max(axis=0)
        if glyph["overflow"] == "clip":
            shrink = 1.0
            width = scales[0] * columns + abs(np.tan(np.radians(shears[g]))) * height
        else:
            shrink = min(1.0, height / 2 / reach[1])
            width = shrink * max(scales[0] * columns, 2 * reach[0])
        begin, cell_width = layout.cells[g].tolist()
        assert abs(cell_width - max(width, 1.0)) < 0.5 + 1e-9
        whole = (
            AffineTransform(translation=0.5 - centre)
            + turned
            + AffineTransform(scale=shrink)
            + AffineTransform(translation=(begin + cell_width / 2 - 0.5, height / 2 - 0.5))
        )
        np.testing.assert_allclose(layout.matrices[g], whole.inverse.params[:2], atol=2.0**-24)


# -- smoothing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("height", "sigma"),
    [
        (28, 0),
        (23, 0),  # factor 1.217, below the limit
        (22, 0.25),  # 1.273: 0.136, to the next quarter
        (14, 0.5),  # 2: exactly (2 - 1) / 2
        (8, 1.25),  # 3.5: exactly 1.25
        (128, 0),  # an enlargement
    ],
)
def test_smoothing_by_hand(tiny_config: MakeConfig, height: int, sigma: float) -> None:
    """The low-pass filter is that of skimage.transform.resize, in quarters."""
    layout, _ = lay_box(tiny_config(canvas={"height": height}), "1", 4, 4, 24, 24)
    assert layout.smoothing.tolist() == [[sigma, sigma]]


def test_smoothing_is_of_the_axis_that_is_reduced(tiny_config: MakeConfig) -> None:
    """Rows alone are reduced where columns keep their width."""
    config = tiny_config(canvas={"height": 14}, glyph={"aspect": "stretch"})
    layout, _ = lay_box(config, "1", 4, 4, 24, 24)
    assert layout.smoothing.tolist() == [[0.5, 0]]
