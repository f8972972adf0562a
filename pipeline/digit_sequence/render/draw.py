"""Rendering: recipes and glyphs become images and boxes, a whole batch at a time.

::

    recipes ── layout ── layers ── ink transforms ── pages ── page transforms ── images
                                        └── boxes: what each layer holds

scikit-image and NumPy define every step. The compiled engine gives the same bytes; of a transform
that has no compiled loops it calls the definition. With several looks, the samples of each go this
way on their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.engines import Engine
from digit_sequence.base.errors import RenderError
from digit_sequence.base.images import cut_images
from digit_sequence.config.model import Config
from digit_sequence.config.sections import LOOK
from digit_sequence.render import layers as definition
from digit_sequence.render.layout import (
    Layout,
    choose_map_engine,
    find_scales,
    has_line_maps,
    lay_out,
)
from digit_sequence.render.recipe import Recipes, put_drawn
from digit_sequence.sources.bank import GlyphBank
from digit_sequence.sources.distances import REACH
from digit_sequence.transforms.canvas import Layers, Pages, Strokes, join_layers
from digit_sequence.transforms.transform import Ink, Page

BATCH_PIXELS: dict[Engine, int] = {"skimage": 2_000_000, "numba": 8_000_000}
"""Pixels of canvases, and of glyphs, to render at a time: bounds the memory, changes no image."""
_MAPPED_PIXELS: dict[Engine, int] = {"skimage": 200_000, "numba": 2_000_000}
"""Likewise with line maps, by what locates points: NumPy takes some hundred bytes for each."""


@dataclass(frozen=True)
class Rendered:
    """B images and where their G digits are."""

    images: NDArray[np.uint8]
    """(B, H, W) the canvases; what is right of an image's width is no part of it."""
    widths: NDArray[np.int64]
    """(B,) columns of each image."""
    layers: Layers
    """What each digit put on its canvas."""
    boxes: NDArray[np.int32]
    """(G, 4) top, left, bottom, right, half-open: the ink of each layer."""
    scaled: NDArray[np.bool_]
    """(B,) whether the line was shrunk to fit."""
    recipes: Recipes
    """What was applied: as drawn, but for what would have left a digit without ink (0 then), what
    would have hidden one digit behind another, and lines that would have left the canvas. Also what
    was measured on the layers."""

    def cut(self) -> Iterator[NDArray[np.uint8]]:
        """Return each image (H, its width)."""
        return cut_images(self.images, self.widths)


def render_batch(
    recipes: Recipes, bank: GlyphBank, config: Config, engine: Engine = "skimage"
) -> Rendered:
    """Render samples.

    Parameters
    ----------
    recipes : Recipes
        B samples, G digits.
    bank : GlyphBank
    config : Config
        Its canvas and transforms are used.
    engine : {"skimage", "numba"}
        Changes the speed and nothing else.

    Raises
    ------
    RenderError
        If a digit has left no ink, so that its label would be wrong.
    """
    render = _render_looks if config.look else _render
    return render(recipes, bank, config, engine)


def _render_looks(recipes: Recipes, bank: GlyphBank, config: Config, engine: Engine) -> Rendered:
    """Render the samples of each look by its transforms, and put them back in order."""
    canvas = config.canvas
    images = np.empty((recipes.n_samples, canvas.height, canvas.widest), np.uint8)
    boxes = np.empty((len(recipes.samples), 4), np.int32)
    widths = np.empty(recipes.n_samples, np.int64)
    scaled = np.empty(recipes.n_samples, np.bool_)
    drawn = {name: values.copy() for name, values in recipes.drawn.items()}
    layers, digits = [], []
    for look, is_chosen in _choose_parts(recipes, bank, config, engine):
        part = _render(recipes.choose(is_chosen, look.columns), bank, look, engine)
        images[is_chosen], widths[is_chosen] = part.images, part.widths
        scaled[is_chosen] = part.scaled
        digits.append(np.flatnonzero(is_chosen[recipes.samples]))
        boxes[digits[-1]] = part.boxes
        layers.append(part.layers)
        put_drawn(drawn, part.recipes.drawn, look.columns, is_chosen, recipes.samples)
    joined = join_layers(layers, np.argsort(np.concatenate(digits)), recipes.samples)
    return Rendered(images, widths, joined, boxes, scaled, recipes.apply(drawn))


def _choose_parts(
    recipes: Recipes, bank: GlyphBank, config: Config, engine: Engine
) -> Iterator[tuple[Config, NDArray[np.bool_]]]:
    """Yield the samples (B,) of each look, as many at a time as fit."""
    glyph_pixels = int(np.diff(recipes.starts).max()) * bank.images[0].size
    for name, look in config.per_look.items():
        samples = np.flatnonzero(recipes.drawn[LOOK.name] == name)
        size = fit_batch(look, glyph_pixels, engine)
        for start in range(0, len(samples), size):
            yield look, np.isin(np.arange(recipes.n_samples), samples[start : start + size])


def _render(recipes: Recipes, bank: GlyphBank, config: Config, engine: Engine) -> Rendered:
    """Render the samples of a config without looks."""
    layout, recipes = lay_out(recipes, bank, config, engine)
    read_layers, merge_layers = _choose_steps(engine)
    transforms = config.transforms
    inks = [transform for transform in transforms if isinstance(transform, Ink)]
    if any(transform.takes_distances for transform in inks):
        layers = _read_distances(
            read_layers, bank.distances.find(recipes.glyph_ids), layout, recipes, config
        )
    else:
        layers = read_layers(bank.images, layout, recipes, config)
    for ink in inks:
        apply = ink.apply if engine == "skimage" else ink.apply_compiled
        stream = recipes.identities.stream(ink.name)
        recipes = recipes.apply(apply(layers, recipes.drawn, stream))
    images = np.zeros((recipes.n_samples, config.canvas.height, config.canvas.widest), np.uint8)
    extents = merge_layers(layers, images)
    boxes = extents.astype(np.int32)
    _check_boxes(boxes, recipes)
    for transform in transforms:
        if transform.measured:
            measure = transform.measure if engine == "skimage" else transform.measure_compiled
            recipes = recipes.apply(measure(layers, extents))
    pages = Pages(images, boxes, recipes.starts, layout.widths)
    for transform in transforms:
        if isinstance(transform, Page):
            paint = transform.apply if engine == "skimage" else transform.apply_compiled
            paint(pages, recipes.drawn, recipes.identities.stream(transform.name))
    return Rendered(images, layout.widths, layers, boxes, layout.scaled, recipes)


def _read_distances(
    read_layers: Callable[..., Layers],
    distances: NDArray[np.uint8],
    layout: Layout,
    recipes: Recipes,
    config: Config,
) -> Layers:
    """Read layers from the distances of glyphs, which need no smoothing against aliasing."""
    matrices = layout.matrices.copy()
    matrices[:, :, 2] += REACH
    bare = replace(layout, matrices=matrices, smoothing=np.zeros_like(layout.smoothing))
    layers = read_layers(distances, bare, recipes, config)
    strokes = Strokes(scales=find_scales(matrices), shrinkage=layout.shrinkage[recipes.samples])
    return replace(layers, strokes=strokes)


def _choose_steps(engine: Engine) -> tuple[Callable[..., Layers], Callable[..., NDArray[np.int64]]]:
    """Return what reads layers and what merges them."""
    if engine == "numba":
        from digit_sequence.render import kernels

        return kernels.read_layers, kernels.merge_layers
    return definition.read_layers, definition.merge_layers


def fit_batch(config: Config, glyph_pixels: int, engine: Engine) -> int:
    """Return how many samples to render at a time, at least one.

    With looks it is how many to draw at a time; those of one look may be rendered in smaller parts.

    Parameters
    ----------
    config : Config
    glyph_pixels : int
        Of all glyphs of a sample, at most.
    engine : {"skimage", "numba"}
    """
    if not config.look and has_line_maps(config):
        limit = _MAPPED_PIXELS[choose_map_engine(config, engine)]
    else:
        limit = BATCH_PIXELS[engine]
    return max(1, limit // max(config.canvas.height * config.canvas.widest, glyph_pixels))


def _check_boxes(boxes: NDArray[np.int32], recipes: Recipes) -> None:
    empty = np.flatnonzero((boxes[:, 2:] <= boxes[:, :2]).any(axis=1))
    if len(empty):
        glyph = empty[0]
        sample = recipes.samples[glyph]
        slot = glyph - recipes.starts[sample]
        raise RenderError(
            f"{recipes.split}: number {recipes.numbers[sample]}, sample "
            f"{recipes.sample_indices[sample]}: digit {slot + 1} (glyph "
            f"{recipes.glyph_ids[glyph]}) has left no ink on the canvas; widen the range that "
            "draws it so small, or enlarge the canvas"
        )
