"""Rendering: recipes and glyphs become images and boxes, a whole batch at a time.

::

    recipes ── layout ── layers ── ink transforms ── pages ── page transforms ── images
                                        └── boxes: what each layer holds

scikit-image and NumPy define every step. The compiled engine gives the same bytes; of a transform
that has no compiled loops it calls the definition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.engines import Engine
from digit_sequence.base.errors import RenderError
from digit_sequence.config.model import Config
from digit_sequence.render import layers as definition
from digit_sequence.render.layout import has_line_maps, lay_out
from digit_sequence.render.recipe import Recipes
from digit_sequence.sources.bank import GlyphBank
from digit_sequence.transforms.canvas import Layers, Pages
from digit_sequence.transforms.transform import Ink, Page

BATCH_PIXELS: dict[Engine, int] = {"skimage": 2_000_000, "numba": 8_000_000}
"""Pixels of canvases, and of glyphs, to render at a time: bounds the memory, changes no image."""
_MAPPED_PIXELS = 200_000
"""Likewise with line maps, which take some hundred bytes for each pixel of a layer."""


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
        """Yield each image (H, its width)."""
        for image, width in zip(self.images, self.widths.tolist(), strict=True):
            yield image[:, :width]


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
    layout, recipes = lay_out(recipes, bank, config, engine)
    read_layers, merge_layers = _choose_steps(engine)
    layers = read_layers(bank.images, layout, recipes, config)
    for transform in config.transforms:
        if isinstance(transform, Ink):
            apply = transform.apply if engine == "skimage" else transform.apply_compiled
            stream = recipes.identities.stream(transform.name)
            recipes = recipes.apply(apply(layers, recipes.drawn, stream))
    images = np.zeros((recipes.n_samples, config.canvas.height, config.canvas.widest), np.uint8)
    extents = merge_layers(layers, images)
    boxes = extents.astype(np.int32)
    _check_boxes(boxes, recipes)
    for transform in config.transforms:
        if transform.measured:
            measure = transform.measure if engine == "skimage" else transform.measure_compiled
            recipes = recipes.apply(measure(layers, extents))
    pages = Pages(images, boxes, recipes.starts)
    for transform in config.transforms:
        if isinstance(transform, Page):
            paint = transform.apply if engine == "skimage" else transform.apply_compiled
            paint(pages, recipes.drawn, recipes.identities.stream(transform.name))
    return Rendered(images, layout.widths, layers, boxes, layout.scaled, recipes)


def _choose_steps(engine: Engine) -> tuple[Callable[..., Layers], Callable[..., NDArray[np.int64]]]:
    """Return what reads layers and what merges them."""
    if engine == "numba":
        from digit_sequence.render import kernels

        return kernels.read_layers, kernels.merge_layers
    return definition.read_layers, definition.merge_layers


def fit_batch(config: Config, glyph_pixels: int, engine: Engine) -> int:
    """Return how many samples to render at a time, at least one.

    Parameters
    ----------
    config : Config
    glyph_pixels : int
        Of all glyphs of a sample, at most.
    engine : {"skimage", "numba"}
    """
    limit = _MAPPED_PIXELS if has_line_maps(config) else BATCH_PIXELS[engine]
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
            "draws it so small, or raise canvas.height"
        )
