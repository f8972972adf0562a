"""Recipes, layers and images for tests; and digits drawn one by one on whole canvases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.filters import gaussian
from skimage.morphology import dilation, erosion
from skimage.transform import AffineTransform, warp

from conftest import find_extent, make_bank, make_pool
from digit_sequence.base.characters import encode_text
from digit_sequence.base.errors import RenderError
from digit_sequence.base.names import SplitName
from digit_sequence.base.randomness import Identities
from digit_sequence.config.loading import parse_config
from digit_sequence.config.model import Config
from digit_sequence.render.draw import Rendered, render_batch
from digit_sequence.render.layout import Layout, find_scales, lay_out
from digit_sequence.render.recipe import Recipes, draw_recipes
from digit_sequence.sources.bank import GlyphBank
from digit_sequence.sources.distances import REACH, find_distances
from digit_sequence.sources.pools import GlyphPool
from digit_sequence.transforms.canvas import Layers, Pages, Strokes, place_layers
from digit_sequence.transforms.geometry import begin_points
from digit_sequence.transforms.ink.specks import draw_places
from digit_sequence.transforms.ink.stroke import ERODED_PEAK
from digit_sequence.transforms.transform import LineMap
from strategies import line_transforms, make_legible, number_texts, ranges, transforms

MakeConfig = Callable[..., Config]
Pools = dict[SplitName, GlyphPool]
Image = NDArray[np.uint8]

identities = st.lists(st.tuples(number_texts, st.integers(0, 999)), min_size=1, max_size=3)
turned_glyphs = transforms("glyph", only=("crop", "aspect", "shear", "rotate", "overflow"))
"""Glyphs in cells that fill the height of the canvas."""
lines = st.builds(
    lambda line, spacing: {**line, "spacing": spacing or line["spacing"]},
    line_transforms,
    st.none() | ranges(-20, 20, 0),
)
"""As `line_transforms`, half of them with spacing that leaves many lines unshrunk."""
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


def mix(make: MakeConfig, looks: Mapping[str, Mapping[str, Any]], **blocks: Any) -> Config:
    """Make a tiny config of looks that are written out, {name: {weight, glyph, line}}."""
    tree = make(**blocks).model_dump(mode="json", exclude={"glyph", "line"})
    legible = {
        name: {**look, **make_legible({**look, "canvas": tree["canvas"]})}
        for name, look in looks.items()
    }
    for look in legible.values():
        del look["canvas"]
    return parse_config({**tree, "look": legible}, "mix")


def draw(config: Config, pool: GlyphPool, samples: list[tuple[str, int]]) -> Recipes:
    """Draw the recipes of some (number, sample index)."""
    indices = np.array([index for _, index in samples])
    return draw_recipes(config, pool, "train", [number for number, _ in samples], indices)


def lay(
    config: Config, bank: GlyphBank, pool: GlyphPool, samples: list[tuple[str, int]]
) -> tuple[Recipes, Layout, Recipes]:
    """Draw and lay out some (number, sample index); return the draws, also as applied."""
    recipes = draw(config, pool, samples)
    layout, applied = lay_out(recipes, bank, config)
    return recipes, layout, applied


def make_box_bank(
    top: int, left: int, bottom: int, right: int, shape: tuple[int, int] = (28, 28)
) -> GlyphBank:
    """Make a bank of one glyph for each digit, a full rectangle."""
    images = np.zeros((10, *shape), np.uint8)
    images[:, top:bottom, left:right] = 255
    return make_bank(images, np.arange(10, dtype=np.uint8))


def lay_box(
    config: Config, number: str, *box: int, shape: tuple[int, int] = (28, 28)
) -> tuple[Layout, Recipes]:
    """Lay out one number of rectangles; return the draws as applied, too."""
    top, left, bottom, right = box
    bank = make_box_bank(top, left, bottom, right, shape)
    _, layout, applied = lay(config, bank, make_pool(bank), [(number, 0)])
    return layout, applied


def to_cell(layout: Layout, glyph: int, points: Any) -> NDArray[np.float64]:
    """Map (column, row) edge coordinates of a glyph to those of its cell.

    An edge of the first pixel is 0 here, and its centre is 0 for the matrix.
    """
    matrix = AffineTransform(np.vstack([layout.matrices[glyph], [0, 0, 1]]))
    on_canvas = matrix.inverse(np.array(points, float) - 0.5) + 0.5
    cell: NDArray[np.float64] = on_canvas - [layout.cells[glyph, 0], 0]
    return cell


def render_samples(
    config: Config, bank: GlyphBank, pool: GlyphPool, samples: list[tuple[str, int]]
) -> Rendered:
    """Draw and render some (number, sample index)."""
    return render_batch(draw(config, pool, samples), bank, config)


def render_legible(recipes: Recipes, bank: GlyphBank, config: Config) -> Rendered:
    """Render a batch of a random config; reject one that leaves a digit without ink."""
    try:
        return render_batch(recipes, bank, config)
    except RenderError:
        reject()


def render_one(config: Config, image: Image, number: str = "1", index: int = 0) -> Rendered:
    """Render one sample of a bank that shows the same image for each digit."""
    bank = make_bank(np.stack([image] * 10), np.arange(10, dtype=np.uint8))
    return render_samples(config, bank, make_pool(bank), [(number, index)])


def make_identities(*numbers: str, seed: int = 1) -> Identities:
    """Make the identities of the first sample of some numbers."""
    starts = np.cumsum([0, *map(len, numbers)])
    names = [f"train/{number}" for number in numbers]
    digits = np.frombuffer(encode_text("".join(numbers)), np.uint8).astype(np.int64)
    spaced = np.zeros(len(digits), np.bool_)
    return Identities(seed, names, np.zeros(len(numbers), np.int64), starts, digits, spaced)


def make_layers(*pictures: Image, top: int = 0, left: int = 0) -> Layers:
    """Make layers of one canvas that hold some pictures, all with the same corner."""
    places = np.array([(top, left, *picture.shape) for picture in pictures], np.int64)
    layers = place_layers(places.reshape(-1, 4), np.zeros(len(pictures), np.int64))
    layers.pixels[:] = 0
    for layer, picture in zip(layers, pictures, strict=True):
        layer[:] = picture
    return layers


def make_pages(images: Image, *boxes: tuple[int, int, int, int]) -> Pages:
    """Make pages (B, H, W), by default of numbers without digits; boxes are of the first one."""
    starts = np.array([0] + [len(boxes)] * len(images), np.int64)
    widths = np.full(len(images), images.shape[2])
    return Pages(images, np.array(boxes, np.int32).reshape(-1, 4), starts, widths)


def round_half_up(values: NDArray[Any]) -> Image:
    """Round as the package does."""
    return np.floor(values + 0.5).astype(np.uint8)


def blur_alone(image: Image, sigma: float) -> Image:
    """Blur one image by scikit-image."""
    blurred = gaussian(image.astype(float), sigma=sigma, mode="nearest", preserve_range=True)
    return round_half_up(blurred)


def find_middle(rows: NDArray[Any]) -> float:
    """Return the column of the centre of mass of some rows."""
    return float((rows.sum(axis=0) * np.arange(rows.shape[1])).sum() / rows.sum())


# -- digits one by one -----------------------------------------------------------------------------


def draw_alone(
    recipes: Recipes, bank: GlyphBank, config: Config
) -> tuple[Image, dict[str, list[int]]]:
    """Draw each digit alone, by scikit-image on a canvas of its own that is not cut anywhere.

    Returns the canvases (G, H, W), and pepper and stroke as they were applied.
    """
    layout, laid_out = lay_out(recipes, bank, config)
    columns_of = list_columns(layout, recipes, config)
    read = _draw_with_pen if any(it.name == "pen" for it in config.transforms) else _read_alone
    inks = read(bank, layout, laid_out, config)
    places = {name: draw_places(recipes.identities.stream(name)) for name in ("salt", "pepper")}
    canvases = []
    applied: dict[str, list[int]] = {"pepper": [], "stroke": []}
    for g, (begin, end) in enumerate(columns_of.tolist()):
        canvas = inks[g]
        columns = slice(begin, end)
        part = canvas[:, columns].copy()
        counts = {name: int(drawn[g]) for name, drawn in recipes.drawn.items() if name in places}
        part = _set_alone(part, places["salt"][g][: counts.get("salt", 0)], 255)
        peppered = _set_alone(part, places["pepper"][g][: counts.get("pepper", 0)], 0)
        is_erased = bool(part.any()) and not peppered.any()
        part = part if is_erased else peppered
        applied["pepper"].append(0 if is_erased else counts.get("pepper", 0))
        stroke = int(recipes.drawn["stroke"][g]) if "stroke" in recipes.drawn else 0
        part, stroke = change_stroke_alone(part, stroke)
        applied["stroke"].append(stroke)
        canvas[:] = 0
        canvas[:, columns] = part
        canvases.append(canvas)
    layers = _fill_layers(canvases, recipes)
    for texture in (it for it in config.transforms if it.name == "ink_texture"):
        texture.apply(layers, recipes.drawn, recipes.identities.stream("ink_texture"))
    return np.stack(list(layers)), applied


def _read_alone(bank: GlyphBank, layout: Layout, recipes: Recipes, config: Config) -> list[Image]:
    """Read the ink of each digit for a canvas of its own."""
    images = bank.images[recipes.glyph_ids]
    return [_warp_alone(image, layout, g, recipes, config) for g, image in enumerate(images)]


def _draw_with_pen(
    bank: GlyphBank, layout: Layout, recipes: Recipes, config: Config
) -> list[Image]:
    """Draw each digit with the pen on a canvas of its own."""
    matrices = layout.matrices + np.array([[0, 0, REACH], [0, 0, REACH]])
    bare = replace(layout, matrices=matrices, smoothing=np.zeros_like(layout.smoothing))
    levels = replace(bank, images=find_distances(bank.images))
    layers = _fill_layers(_read_alone(levels, bare, recipes, config), recipes)
    strokes = Strokes(find_scales(matrices), layout.shrinkage[recipes.samples])
    (pen,) = (it for it in config.transforms if it.name == "pen")
    layers = replace(layers, strokes=strokes)
    pen.apply(layers, recipes.drawn, recipes.identities.stream("pen"))
    return list(layers)


def _fill_layers(canvases: list[Image], recipes: Recipes) -> Layers:
    """Return layers as large as their canvases, which they hold."""
    places = np.array([(0, 0, *canvas.shape) for canvas in canvases], np.int64)
    layers = place_layers(places, recipes.samples)
    layers.pixels[:] = 0
    for layer, canvas in zip(layers, canvases, strict=True):
        layer[:] = canvas
    return layers


def list_columns(layout: Layout, recipes: Recipes, config: Config) -> NDArray[np.int64]:
    """Return where the canvas begins and ends for each digit (G, 2): at its cell if that cuts ink.

    The cell is as much wider as line maps may move ink.
    """
    columns = np.tile([0, config.canvas.widest], (len(layout.cells), 1))
    if layout.is_clipped:
        moved = sum(
            np.ceil(transform.reach(recipes.drawn, config.canvas.height, layout.widths))
            for transform in config.transforms
            if isinstance(transform, LineMap)
        )
        room = np.zeros(recipes.n_samples) + moved
        left, width = layout.cells.T
        columns = np.stack([left, left + width], axis=-1)
        columns = columns + (room[recipes.samples][:, None] * [-1, 1]).astype(np.int64)
    return columns.clip(0, config.canvas.widest)


def _warp_alone(
    image: Image, layout: Layout, glyph: int, recipes: Recipes, config: Config
) -> Image:
    """Read one digit's ink for every pixel of its canvas."""
    smoothed = image.astype(float)
    if layout.smoothing[glyph].any():
        smoothed = gaussian(
            smoothed, sigma=layout.smoothing[glyph], mode="nearest", preserve_range=True
        )
    shape = (config.canvas.height, config.canvas.widest)
    options: dict[str, Any] = {"order": 1, "clip": False, "preserve_range": True}
    line_maps = [transform for transform in config.transforms if isinstance(transform, LineMap)]
    if not line_maps:
        matrix = np.vstack([layout.matrices[glyph], [0, 0, 1]])
        return round_half_up(warp(smoothed, matrix, output_shape=shape, **options))
    points = begin_points(shape[0], layout.widths)
    for line_map in reversed(line_maps):
        line_map.locate(points, recipes.drawn)
    sample = recipes.samples[glyph]
    x, y = (
        places[points.samples == sample].reshape(shape[0], -1)
        for places in (points.columns, points.rows)
    )
    column, row = np.tensordot(layout.matrices[glyph], np.stack([x, y, np.ones_like(x)]), 1)
    # With a border, since beyond the middle of its outer pixels scikit-image takes all for 0.
    ink = round_half_up(warp(np.pad(smoothed, 1), np.stack([row, column]) + 1, **options))
    if layout.is_clipped:
        left, width = layout.cells[glyph]
        is_inside = (x >= left - 0.5) & (x < left + width - 0.5)
        ink[~(is_inside & (y >= -0.5) & (y < shape[0] - 0.5))] = 0
    return np.pad(ink, ((0, 0), (0, shape[1] - ink.shape[1])))


def _set_alone(picture: Image, places: NDArray[np.uint32], value: int) -> Image:
    """Set pixels of the ink box of a picture, at 32-bit shares of it."""
    changed = picture.copy()
    if picture.any():
        top, left, bottom, right = find_extent(picture > 0)
        box = changed[top:bottom, left:right]
        for share in places.tolist():
            box[np.unravel_index(share * box.size >> 32, box.shape)] = value
    return changed


def change_stroke_alone(picture: Image, stroke: int) -> tuple[Image, int]:
    """Dilate (above 0) or erode a picture by scikit-image; return the stroke that was applied."""
    if stroke == 0:
        return picture, 0
    square = np.ones((abs(stroke), abs(stroke)), np.uint8)
    operation = dilation if stroke > 0 else erosion
    changed: Image = operation(picture, square, mode="constant", cval=0)
    if stroke < 0 and changed.max() < ERODED_PEAK:
        return picture, 0
    return changed, stroke
