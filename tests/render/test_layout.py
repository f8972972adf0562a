"""Cells stand in reading order inside the canvas, and map to their glyphs by one affine matrix."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.transform import AffineTransform

from conftest import make_bank, make_pool
from digit_sequence.config.model import MIN_DIGIT_WIDTH, Config, SplitName
from digit_sequence.render.layout import Layout, lay_out
from digit_sequence.render.recipe import Recipes, draw_recipes
from digit_sequence.sources.bank import GlyphBank
from digit_sequence.sources.pools import GlyphPool
from strategies import canvases, glyph_transforms, line_transforms, number_texts, ranges, transforms

MakeConfig = Callable[..., Config]
Pools = dict[SplitName, GlyphPool]

turns = transforms(degrees=ranges(-45, 45))
identities = st.lists(st.tuples(number_texts, st.integers(0, 999)), min_size=1, max_size=4)
wide_lines = st.fixed_dictionaries({"spacing": ranges(-1000, 1000, 0)})


def lay(
    config: Config, bank: GlyphBank, pool: GlyphPool, samples: list[tuple[str, int]]
) -> tuple[Recipes, Layout]:
    """Draw and lay out some (number, sample index)."""
    indices = np.array([index for _, index in samples])
    recipes = draw_recipes(config, pool, "train", [number for number, _ in samples], indices)
    ink = bank.ink[recipes.glyph_ids]
    return recipes, lay_out(recipes, ink, bank.images.shape[1:], config)


def make_box_bank(
    top: int, left: int, bottom: int, right: int, shape: tuple[int, int] = (28, 28)
) -> GlyphBank:
    """Make a bank of one glyph for each digit, a full rectangle."""
    images = np.zeros((10, *shape), np.uint8)
    images[:, top:bottom, left:right] = 255
    return make_bank(images, np.arange(10, dtype=np.uint8))


def lay_box(config: Config, number: str, *box: int, **shape: Any) -> Layout:
    """Lay out one number of rectangles."""
    bank = make_box_bank(*box, **shape)
    return lay(config, bank, make_pool(bank), [(number, 0)])[1]


def to_cell(matrix: NDArray[np.float64], points: Any) -> NDArray[np.float64]:
    """Map (column, row) edge coordinates of a glyph to those of its cell.

    An edge of the first pixel is 0 here, and its centre is 0 for the matrix.
    """
    return AffineTransform(matrix).inverse(np.array(points, float) - 0.5) + 0.5


# -- lines -----------------------------------------------------------------------------------------


def test_line_by_hand(tiny_config: MakeConfig) -> None:
    """Three digits of 28 columns, 4 columns apart, in the centre of 101 columns."""
    config = tiny_config(canvas={"width": 101}, line={"spacing": [4, 4]})
    layout = lay_box(config, "123", 4, 4, 24, 24)
    assert layout.widths.tolist() == [28, 28, 28]
    assert layout.spacing.tolist() == [0, 4, 4]
    assert layout.lefts.tolist() == [4, 36, 68]  # 92 columns used, 9 free, 4 of them left
    assert layout.scaled.tolist() == [False]


@pytest.mark.parametrize(("align", "left"), [("left", 0), ("center", 22), ("right", 45)])
def test_alignment_by_hand(tiny_config: MakeConfig, align: str, left: int) -> None:
    """56 columns on 101 leave 45 free; the odd one is on the right of a centred line."""
    config = tiny_config(canvas={"width": 101, "align": align}, line={"spacing": [0, 0]})
    assert lay_box(config, "12", 4, 4, 24, 24).lefts.tolist() == [left, left + 28]


def test_shrunk_line_by_hand(tiny_config: MakeConfig) -> None:
    """Of 58 columns on 29 each digit keeps 4; the other 50, spacing too, share the other 21."""
    config = tiny_config(canvas={"width": 29}, line={"spacing": [2, 2]})
    layout = lay_box(config, "12", 4, 4, 24, 24)
    assert layout.scaled.tolist() == [True]
    assert layout.lefts.tolist() == [0, 14]  # 4 + 26 * 21 // 50
    assert layout.widths.tolist() == [14, 15]
    # Columns are halved and rows are not: column c of the cell is near column 2c of the glyph.
    assert layout.matrices[0].tolist() == [[2, 0, 0.5], [0, 1, 0], [0, 0, 1]]
    assert layout.smoothing.tolist() == [[0, 0.5], [0, 0.5]]


def test_line_that_just_fits(tiny_config: MakeConfig) -> None:
    """A line as wide as the canvas is not shrunk; one column less, and it is."""
    for width, scaled in ((58, False), (57, True)):
        config = tiny_config(canvas={"width": width}, line={"spacing": [2, 2]})
        layout = lay_box(config, "12", 4, 4, 24, 24)
        assert layout.scaled.tolist() == [scaled]
        assert layout.lefts[0] == 0
        assert layout.lefts[-1] + layout.widths[-1] == width


def test_overlap_is_half_the_narrower_digit_at_most(tiny_config: MakeConfig) -> None:
    """Spacing below that is raised to it, so that no digit hides behind another."""
    config = tiny_config(line={"spacing": [-1000, -1000]}, canvas={"align": "left"})
    layout = lay_box(config, "12", 4, 4, 24, 24)
    assert layout.spacing.tolist() == [0, -14]
    assert layout.lefts.tolist() == [0, 14]
    images = np.zeros((10, 28, 28), np.uint8)
    images[:, 4:24, 4:24] = 255
    images[2] = 0
    images[2, :, 10:17] = 255  # 7 columns wide when cropped
    bank = make_bank(images, np.arange(10, dtype=np.uint8))
    config = tiny_config(
        line={"spacing": [-1000, -1000]}, canvas={"align": "left"}, glyph={"crop": {}}
    )
    _, layout = lay(config, bank, make_pool(bank), [("121", 0)])
    assert layout.widths.tolist() == [28, 7, 28]
    assert layout.spacing.tolist() == [0, -3, -3]


@given(identities, canvases, glyph_transforms, line_transforms | wide_lines)
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
    recipes, layout = lay(config, bank, pools["train"], samples)
    # A canvas that no line of these is too wide for shows how wide lines are by themselves.
    unlimited = tiny_config(
        canvas={**canvas, "width": 8192, "align": "left"}, glyph=glyph, line=line
    )
    _, natural = lay(unlimited, bank, pools["train"], samples)
    space = canvas["width"]
    for sample in range(len(samples)):
        slots = range(recipes.starts[sample], recipes.starts[sample + 1])
        cells = [(int(layout.lefts[g]), int(layout.widths[g])) for g in slots]
        assert all(left >= 0 and width >= 1 and left + width <= space for left, width in cells)
        free = [(int(natural.lefts[g]), int(natural.widths[g])) for g in slots]
        length = free[-1][0] + free[-1][1]
        if natural.scaled[sample]:
            assert layout.scaled[sample]
            continue
        assert max(left + width for left, width in free) == length
        assert bool(layout.scaled[sample]) == (length > space)
        assert natural.spacing[slots.start] == 0
        for before, here in pairwise(slots):
            narrower = min(natural.widths[before], natural.widths[here])
            drawn = recipes.spacing[here]
            assert natural.spacing[here] == max(drawn, -(narrower // 2))
            end = natural.lefts[before] + natural.widths[before]
            assert natural.lefts[here] == end + natural.spacing[here]
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
    assert (layout.spacing == natural.spacing).all()


@given(identities, canvases, glyph_transforms, line_transforms)
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
    recipes, batch = lay(config, bank, pools["train"], samples)
    for sample, identity in enumerate(samples):
        slots = slice(recipes.starts[sample], recipes.starts[sample + 1])
        _, alone = lay(config, bank, pools["train"], [identity])
        assert alone.scaled[0] == batch.scaled[sample]
        for column in ("matrices", "smoothing", "widths", "lefts", "spacing"):
            assert (getattr(alone, column) == getattr(batch, column)[slots]).all()


# -- matrices --------------------------------------------------------------------------------------


def test_identity_is_exact(tiny_config: MakeConfig, bank: GlyphBank, pools: Pools) -> None:
    """A glyph as high as the canvas, neither cropped nor turned, is mapped pixel for pixel."""
    config = tiny_config(canvas={"height": 28, "width": 400})
    _, layout = lay(config, bank, pools["train"], [("0123456789", 0)])
    assert (layout.matrices == np.eye(3)).all()
    assert (layout.widths == 28).all()
    assert not layout.smoothing.any()


def test_matrices_are_rounded(tiny_config: MakeConfig, bank: GlyphBank, pools: Pools) -> None:
    """Elements are multiples of 2**-24, whatever the processor makes of a sine."""
    turned = {"shear": {"degrees": [-20, 20]}, "rotate": {"degrees": [-20, 20]}}
    _, layout = lay(tiny_config(glyph=turned), bank, pools["train"], [("0123456789", 0)])
    assert (layout.matrices * 2.0**24 % 1 == 0).all()
    assert len(np.unique(layout.matrices[:, 0, 1])) == 10


@pytest.mark.parametrize("aspect", ["keep", "stretch"])
@pytest.mark.parametrize("margin", [0, 3])
@pytest.mark.parametrize("height", [8, 28, 100])
def test_crop_maps_the_ink_to_the_cell(
    tiny_config: MakeConfig, aspect: str, margin: int, height: int
) -> None:
    """Rows of the ink, and the margin, fill the canvas height; columns are scaled alike or kept."""
    config = tiny_config(
        canvas={"height": height, "width": 400},
        glyph={"crop": {"margin": margin}, "aspect": aspect},
    )
    layout = lay_box(config, "1", 5, 7, 25, 17)
    scale = height / (20 + 2 * margin)
    width = 10 * (scale if aspect == "keep" else 1)
    assert layout.widths[0] == max(1, int(width + 0.5))
    (left, top), (right, bottom) = to_cell(layout.matrices[0], [(7, 5), (17, 25)])
    assert (top, bottom) == pytest.approx((margin * scale, height - margin * scale), abs=1e-4)
    assert right - left == pytest.approx(width, abs=1e-4)
    assert (left + right) / 2 == pytest.approx(layout.widths[0] / 2, abs=1e-4)


def test_without_crop_the_whole_glyph_is_scaled(tiny_config: MakeConfig) -> None:
    """The frame of a glyph, of any shape, fills the canvas height."""
    layout = lay_box(tiny_config(canvas={"height": 60}), "1", 3, 4, 10, 12, shape=(20, 30))
    assert layout.widths.tolist() == [90]
    corners = to_cell(layout.matrices[0], [(0, 0), (30, 20)])
    np.testing.assert_allclose(corners, [(0, 0), (90, 60)], atol=1e-5)


def test_shear_moves_the_top_right(tiny_config: MakeConfig) -> None:
    """At 45 degrees the top of a digit moves right by half its height, the bottom left."""
    config = tiny_config(
        glyph={"shear": {"degrees": [45, 45]}, "overflow": "clip"}, canvas={"align": "left"}
    )
    layout = lay_box(config, "1", 0, 0, 28, 28)
    assert layout.widths.tolist() == [56]
    top, bottom = to_cell(layout.matrices[0], [(14, 0), (14, 28)])
    assert top == pytest.approx([42, 0], abs=1e-4)
    assert bottom == pytest.approx([14, 28], abs=1e-4)


def test_rotation_is_counter_clockwise(tiny_config: MakeConfig) -> None:
    """At 30 degrees the right end of a bar rises by half its length from the centre."""
    config = tiny_config(glyph={"rotate": {"degrees": [30, 30]}, "overflow": "clip"})
    layout = lay_box(config, "1", 12, 4, 16, 24)
    centre, right = to_cell(layout.matrices[0], [(14, 14), (24, 14)])
    assert centre == pytest.approx([14, 14], abs=1e-4)
    assert right == pytest.approx([14 + 10 * np.sqrt(3) / 2, 14 - 5], abs=1e-4)


def turn_by_skimage(shear: float, rotate: float, scale: tuple[float, float]) -> AffineTransform:
    """Scale, shear and rotate about the origin; scikit-image turns clockwise where rows go down."""
    return (
        AffineTransform(scale=scale)
        + AffineTransform(shear=(np.radians(shear), 0))
        + AffineTransform(rotation=-np.radians(rotate))
    )


@given(
    number_texts,
    canvases,
    st.fixed_dictionaries(
        {
            "crop": st.none() | st.fixed_dictionaries({"margin": st.integers(0, 8)}),
            "aspect": st.sampled_from(["keep", "stretch"]),
            "overflow": st.sampled_from(["fit", "clip"]),
            "shear": turns.filter(
                lambda turn: turn is None or turn["degrees"][0] <= turn["degrees"][1]
            ),
            "rotate": turns.filter(
                lambda turn: turn is None or turn["degrees"][0] <= turn["degrees"][1]
            ),
        }
    ),
)
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
    recipes, layout = lay(config, bank, pools["train"], [(number, 0)])
    height = canvas["height"]
    for g, glyph_id in enumerate(recipes.glyph_ids):
        top, left, bottom, right = map(float, bank.ink[glyph_id])
        if config.glyph.crop is None:
            rows, columns, centre = 28.0, 28.0, np.array([14.0, 14.0])
        else:
            rows, columns = bottom - top + 2 * config.glyph.crop.margin, right - left
            centre = np.array([left + right, top + bottom]) / 2
        scale = height / rows
        scales = (scale if glyph["aspect"] == "keep" else 1.0, scale)
        shear, rotate = recipes.shear_degrees[g], recipes.rotate_degrees[g]
        turned = turn_by_skimage(shear, rotate, scales)
        corners = np.array([(x, y) for x in (left, right) for y in (top, bottom)])
        reach = np.abs(turned(corners - centre)).max(axis=0)
        if glyph["overflow"] == "clip":
            shrink, width = 1.0, scales[0] * columns + abs(np.tan(np.radians(shear))) * height
        else:
            shrink = min(1.0, height / 2 / reach[1])
            width = shrink * max(scales[0] * columns, 2 * reach[0])
        assert abs(layout.widths[g] - max(width, 1.0)) < 0.5 + 1e-9
        whole = (
            AffineTransform(translation=0.5 - centre)
            + turned
            + AffineTransform(scale=shrink)
            + AffineTransform(translation=(layout.widths[g] / 2 - 0.5, height / 2 - 0.5))
        )
        np.testing.assert_allclose(layout.matrices[g], whole.inverse.params, atol=2.0**-24)


@given(identities, canvases, glyph_transforms, line_transforms)
def test_overflow_fit_keeps_all_ink_inside(
    tiny_config: MakeConfig,
    bank: GlyphBank,
    pools: Pools,
    samples: list[tuple[str, int]],
    canvas: dict[str, Any],
    glyph: dict[str, Any],
    line: dict[str, Any],
) -> None:
    """The corners of the ink box are inside the cell, but for the rounding of its width."""
    config = tiny_config(canvas=canvas, glyph={**glyph, "overflow": "fit"}, line=line)
    recipes, layout = lay(config, bank, pools["train"], samples)
    for matrix, width, glyph_id in zip(
        layout.matrices, layout.widths, recipes.glyph_ids, strict=True
    ):
        top, left, bottom, right = bank.ink[glyph_id]
        x, y = to_cell(matrix, [(x, y) for x in (left, right) for y in (top, bottom)]).T
        assert -1e-3 <= y.min() <= y.max() <= canvas["height"] + 1e-3
        assert -0.251 <= x.min() <= x.max() <= width + 0.251


def test_overflow_clip_does_not_shrink(tiny_config: MakeConfig) -> None:
    """Turned by 45 degrees, a full square is cut at its corners, and not scaled."""
    turned = {"rotate": {"degrees": [45, 45]}}
    for overflow, half in (("clip", 14 * np.sqrt(2)), ("fit", 14)):
        layout = lay_box(tiny_config(glyph={**turned, "overflow": overflow}), "1", 0, 0, 28, 28)
        assert layout.widths.tolist() == [28]
        corner = to_cell(layout.matrices[0], [(28, 0)])[0]
        assert corner == pytest.approx([14, 14 - half], abs=1e-4)


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
    layout = lay_box(tiny_config(canvas={"height": height}), "1", 4, 4, 24, 24)
    assert layout.smoothing.tolist() == [[sigma, sigma]]


def test_smoothing_is_of_the_axis_that_is_reduced(tiny_config: MakeConfig) -> None:
    """Rows alone are reduced where columns keep their width."""
    config = tiny_config(canvas={"height": 14}, glyph={"aspect": "stretch"})
    assert lay_box(config, "1", 4, 4, 24, 24).smoothing.tolist() == [[0.5, 0]]
