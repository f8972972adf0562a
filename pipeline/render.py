"""Rendering: recipes and glyphs become images and boxes, a whole batch at a time.

scikit-image defines every transform. In order, for each glyph: salt, pepper, smoothing (only
before a reduction), one affine interpolation, dilation or erosion; then the digits are composed,
brighter pixel wins; then, for each canvas: noise, salt and pepper, blur, invert.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from skimage.filters import gaussian
from skimage.morphology import dilation, erosion
from skimage.transform import warp

from pipeline.config import MAX_SPECKS, Config
from pipeline.engines import Engine
from pipeline.errors import RenderError
from pipeline.glyphs import GlyphBank
from pipeline.layout import Layout, lay_out
from pipeline.randomness import split_words
from pipeline.recipe import Recipes, draw_pixel_words

ERODED_PEAK = 64
"""An erosion that would leave a digit without any pixel this bright is not applied."""
BATCH_SAMPLES = 256
"""Samples to render at a time; bounds the memory of a batch, changes no pixel."""


@dataclass(frozen=True)
class Rendered:
    """B images and where their G digits are."""

    images: NDArray[np.uint8]
    """(B, H, W)"""
    boxes: NDArray[np.int32]
    """(G, 4) top, left, bottom, right, half-open: the ink each digit put on its canvas."""
    scaled: NDArray[np.bool_]
    """(B,) whether the line was shrunk to fit."""
    recipes: Recipes
    """What was applied: as drawn, but for pepper and erosion that would have left a digit without
    ink (0 then), and spacing that would have hidden one digit behind another."""


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
        Its blocks `canvas`, `glyph` and `line` are used.
    engine : {"skimage", "numba"}
        Changes the speed and nothing else.

    Raises
    ------
    RenderError
        If a digit has left no ink, so that its label would be wrong.
    """
    ink = bank.ink[recipes.glyph_ids]
    layout = lay_out(recipes, ink, bank.images.shape[1:], config)
    recipes = replace(recipes, spacing=layout.spacing)
    images = np.zeros((recipes.n_samples, config.canvas.height, config.canvas.width), np.uint8)
    drawing = Drawing(recipes, layout, bank.images, ink, images)
    cells, extents, recipes = ENGINES[engine](drawing)
    boxes = _place_boxes(cells, extents, layout, recipes, config)
    _check_boxes(boxes, recipes)
    _add_noise(images, recipes)
    _blur(images, recipes.blur_sigma)
    images[recipes.inverted] = 255 - images[recipes.inverted]
    return Rendered(images, boxes, layout.scaled, recipes)


@dataclass(frozen=True)
class Drawing:
    """What an engine draws: the digits of a batch on black canvases."""

    recipes: Recipes
    layout: Layout
    glyphs: NDArray[np.uint8]
    """(N, h, w) all glyphs of the bank."""
    ink: NDArray[np.int16]
    """(G, 4) ink boxes of the glyphs that the recipes name."""
    images: NDArray[np.uint8]
    """(B, H, W) the canvases, drawn on in place."""


Drawn = tuple[NDArray[np.uint8], NDArray[np.int64], Recipes]
"""Cells (G, H, widest), the extents (G, 4) of their ink, and the recipes as they were applied."""


def _draw_with_skimage(drawing: Drawing) -> Drawn:
    recipes, layout = drawing.recipes, drawing.layout
    glyphs, pepper = _add_specks(
        drawing.glyphs[recipes.glyph_ids],
        drawing.ink,
        recipes.speck_positions,
        recipes.salt,
        recipes.pepper,
    )
    smoothed = _smooth_glyphs(glyphs, layout.smoothing)
    cells = _warp_glyphs(smoothed, layout, drawing.images.shape[1])
    stroke = _change_strokes(cells, layout, recipes.stroke)
    _compose(cells, layout, recipes, drawing.images)
    return cells, _find_extents(cells > 0), replace(recipes, pepper=pepper, stroke=stroke)


def _draw_with_numba(drawing: Drawing) -> Drawn:
    from pipeline import kernels  # noqa: PLC0415 - numba is optional

    recipes, layout, images = drawing.recipes, drawing.layout, drawing.images
    pepper, stroke = recipes.pepper.copy(), recipes.stroke.copy()
    is_smoothed = layout.smoothing.any(axis=1)
    glyphs, pepper[is_smoothed] = _add_specks(
        drawing.glyphs[recipes.glyph_ids[is_smoothed]],
        drawing.ink[is_smoothed],
        recipes.speck_positions[is_smoothed],
        recipes.salt[is_smoothed],
        recipes.pepper[is_smoothed],
    )
    cells = np.zeros((len(pepper), images.shape[1], int(layout.widths.max())), np.uint8)
    kernels.draw_cells(
        np.asarray(drawing.glyphs),
        recipes.glyph_ids,
        drawing.ink,
        recipes.salt,
        pepper,
        recipes.speck_positions,
        _smooth_glyphs(glyphs, layout.smoothing[is_smoothed]),
        np.where(is_smoothed, np.cumsum(is_smoothed) - 1, -1),
        layout.matrices,
        layout.widths,
        stroke,
        ERODED_PEAK,
        cells,
    )
    extents = np.empty((len(cells), 4), np.int64)
    kernels.compose(cells, recipes.samples, layout.lefts, layout.widths, images, extents)
    return cells, extents, replace(recipes, pepper=pepper, stroke=stroke)


ENGINES: dict[Engine, Callable[[Drawing], Drawn]] = {
    "skimage": _draw_with_skimage,
    "numba": _draw_with_numba,
}


def _add_specks(
    glyphs: NDArray[np.uint8],
    ink: NDArray[np.int16],
    positions: NDArray[np.uint64],
    salt: NDArray[np.int64],
    pepper: NDArray[np.int64],
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Set salt to 255, then pepper to 0, at drawn positions of the ink boxes.

    Returns the glyphs, changed in place, and how many pepper pixels each has got.
    """
    top, left, bottom, right = ink.T.astype(np.int64)[:, :, None]
    area = ((bottom - top) * (right - left)).astype(np.uint64)
    position = (positions * area >> np.uint64(32)).astype(np.int64)
    row, column = top + position // (right - left), left + position % (right - left)
    order = np.arange(MAX_SPECKS)

    def put(counts: NDArray[np.int64], first: int, value: int) -> None:
        glyph, speck = np.nonzero(order < counts[:, None])
        place = (glyph, speck + first)
        glyphs[glyph, row[place], column[place]] = value

    put(salt, 0, 255)
    salted = glyphs.copy() if pepper.any() else glyphs
    put(pepper, MAX_SPECKS, 0)
    empty = ~glyphs.any(axis=(1, 2))
    glyphs[empty] = salted[empty]
    return glyphs, np.where(empty, 0, pepper)


def _smooth_glyphs(
    glyphs: NDArray[np.uint8], smoothing: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Low-pass the glyphs that are about to be reduced, against aliasing."""
    smoothed = glyphs.astype(np.float64)
    needed = smoothing.any(axis=1)
    for sigma in np.unique(smoothing[needed], axis=0):
        chosen = (smoothing == sigma).all(axis=1)
        smoothed[chosen] = gaussian(
            smoothed[chosen], sigma=(0, *sigma), mode="constant", preserve_range=True
        )
    return smoothed


def _warp_glyphs(glyphs: NDArray[np.float64], layout: Layout, height: int) -> NDArray[np.uint8]:
    """Interpolate each glyph once, bilinearly, into its cell; returns (G, height, widest)."""
    n_glyphs, rows, columns = glyphs.shape
    widest = int(layout.widths.max())
    # `warp` is three times as fast when the output has the shape of the input.
    frame = np.zeros((max(rows, height), max(columns, widest)))
    cells = np.empty((n_glyphs, height, widest))
    for glyph, matrix, cell in zip(glyphs, layout.matrices, cells, strict=True):
        frame[:rows, :columns] = glyph
        warped = warp(frame, matrix, order=1, mode="constant", clip=False, preserve_range=True)
        cell[:] = warped[:height, :widest]
    _cut_to_width(cells, layout)
    return _to_pixels(cells)


def _cut_to_width(cells: NDArray[Any], layout: Layout) -> None:
    """Clear what stands right of each cell's own width."""
    outside = np.arange(cells.shape[2]) >= layout.widths[:, None]
    cells[np.broadcast_to(outside[:, None], cells.shape)] = 0


def _change_strokes(
    cells: NDArray[np.uint8], layout: Layout, drawn: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Dilate or erode, in place, the cells that drew it; beyond a cell is paper.

    Returns the strokes as they were applied.
    """
    stroke = drawn.copy()
    for side in np.unique(stroke[stroke != 0]):
        chosen = np.flatnonzero(stroke == side)
        operation = dilation if side > 0 else erosion
        footprint = np.ones((1, abs(side), abs(side)), np.uint8)
        changed = operation(cells[chosen], footprint, mode="constant", cval=0)
        if side < 0:
            legible = changed.max(axis=(1, 2)) >= ERODED_PEAK
            stroke[chosen[~legible]] = 0
            chosen, changed = chosen[legible], changed[legible]
        cells[chosen] = changed
    _cut_to_width(cells, layout)
    return stroke


def _compose(
    cells: NDArray[np.uint8], layout: Layout, recipes: Recipes, images: NDArray[np.uint8]
) -> None:
    """Place the cells on black canvases; where two overlap, the brighter pixel wins."""
    places = zip(recipes.samples, layout.lefts, layout.widths, cells, strict=True)
    for sample, left, width, cell in places:
        target = images[sample, :, left : left + width]
        np.maximum(target, cell[:, :width], out=target)


def _place_boxes(
    cells: NDArray[np.uint8],
    extents: NDArray[np.int64],
    layout: Layout,
    recipes: Recipes,
    config: Config,
) -> NDArray[np.int32]:
    """Find the extent of each digit's ink on its canvas, as if it stood there alone."""
    boxes = extents.copy()
    sigmas = recipes.blur_sigma[recipes.samples]
    for sigma in np.unique(sigmas[sigmas > 0]):
        chosen = np.flatnonzero(sigmas == sigma)
        reach = math.ceil(4 * sigma) + 1
        padded = np.pad(cells[chosen], ((0, 0), (0, 0), (reach, reach)))
        boxes[chosen] = _find_extents(_gaussian_blur(padded, sigma) > 0)
        boxes[chosen, 1::2] -= reach
    boxes[:, 1::2] += layout.lefts[:, None]
    boxes[:, 1::2] = boxes[:, 1::2].clip(0, config.canvas.width)
    return boxes.astype(np.int32)


def _find_extents(masks: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return top, left, bottom, right of the true pixels of (G, H, W) masks; all 0 for none."""
    extents = []
    for axis in (2, 1):
        hit = np.logical_or.reduce(masks, axis=axis)
        end = np.where(hit.any(axis=1), hit.shape[1] - hit[:, ::-1].argmax(axis=1), 0)
        extents += [hit.argmax(axis=1), end]
    top, bottom, left, right = extents
    return np.stack([top, left, bottom, right], axis=-1)


def _add_noise(images: NDArray[np.uint8], recipes: Recipes) -> None:
    """Add Gaussian noise, then salt and pepper, to the canvases that drew them.

    Each pixel has 16 bits for either; Gaussian values are the quantiles of their shares.
    """
    n_pixels = images[0].size
    n_words = -(-n_pixels // 4)
    for sample in np.flatnonzero((recipes.noise_sigma > 0) | (recipes.salt_pepper > 0)):
        words = draw_pixel_words(recipes, int(sample), 2 * n_words).reshape(2, -1)
        gauss, specks = split_words(words, 16).reshape(2, -1)[:, :n_pixels]
        image = images[sample].reshape(-1)
        if recipes.noise_sigma[sample] > 0:
            noisy = image + recipes.noise_sigma[sample] * _normal_quantiles()[gauss]
            image[:] = _to_pixels(noisy.clip(0, 255))
        half = recipes.salt_pepper[sample] / 2 * 2**16
        image[specks < half] = 0
        image[specks >= 2**16 - half] = 255


@cache
def _normal_quantiles() -> NDArray[np.float64]:
    """Return the quantiles of the standard normal distribution at 2**16 even shares."""
    quantiles: NDArray[np.float64] = ndtri((np.arange(2**16) + 0.5) / 2**16)
    return quantiles


def _blur(images: NDArray[np.uint8], sigmas: NDArray[np.float64]) -> None:
    for sample in np.flatnonzero(sigmas > 0):
        images[sample] = _gaussian_blur(images[sample : sample + 1], sigmas[sample])[0]


def _gaussian_blur(images: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    """Blur a stack of images; beyond them is paper."""
    blurred = gaussian(
        images.astype(np.float64), sigma=(0, sigma, sigma), mode="constant", preserve_range=True
    )
    return _to_pixels(blurred)


def _to_pixels(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Round half up."""
    return np.floor(values + 0.5).astype(np.uint8)


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
