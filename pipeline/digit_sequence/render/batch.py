"""Rendering: recipes and glyphs become images and boxes, a whole batch at a time.

scikit-image defines every transform. In order, for each glyph: salt, pepper, smoothing (only
before a reduction), one affine interpolation, dilation or erosion; then the digits are composed,
brighter pixel wins; then, for each canvas: noise, salt and pepper, blur, invert.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.engines import Engine
from digit_sequence.base.errors import RenderError
from digit_sequence.base.randomness import split_words
from digit_sequence.config.model import MAX_SPECKS, Canvas, Config
from digit_sequence.render.layout import Layout, lay_out
from digit_sequence.render.recipe import Recipes, draw_pixel_words, pixel_addresses
from digit_sequence.sources.bank import GlyphBank

ERODED_PEAK = 64
"""An erosion that would leave a digit without any pixel this bright is not applied."""
BATCH_PIXELS: dict[Engine, int] = {"skimage": 2_000_000, "numba": 8_000_000}
"""Pixels of canvases, and of glyphs, to render at a time: bounds the memory, changes no image."""


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
    boxes, pepper, stroke = ENGINES[engine](Drawing(recipes, layout, bank.images, ink, images))
    _check_boxes(boxes, recipes)
    recipes = replace(recipes, pepper=pepper, stroke=stroke)
    return Rendered(images, boxes, layout.scaled, recipes)


def fit_batch(canvas: Canvas, glyph_pixels: int, engine: Engine) -> int:
    """Return how many samples to render at a time, at least one.

    Parameters
    ----------
    canvas : Canvas
    glyph_pixels : int
        Of all glyphs of a sample, at most.
    engine : {"skimage", "numba"}
    """
    return max(1, BATCH_PIXELS[engine] // max(canvas.height * canvas.width, glyph_pixels))


@dataclass(frozen=True)
class Drawing:
    """What an engine draws: the samples of a batch on black canvases."""

    recipes: Recipes
    layout: Layout
    glyphs: NDArray[np.uint8]
    """(N, h, w) all glyphs of the bank."""
    ink: NDArray[np.int16]
    """(G, 4) ink boxes of the glyphs that the recipes name."""
    images: NDArray[np.uint8]
    """(B, H, W) the canvases, drawn on in place."""


Drawn = tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]
"""Boxes (G, 4), and pepper (G,) and stroke (G,) as they were applied."""


def _draw_with_skimage(drawing: Drawing) -> Drawn:
    recipes, layout, images = drawing.recipes, drawing.layout, drawing.images
    glyphs = drawing.glyphs[recipes.glyph_ids]
    glyphs, pepper = _add_specks(glyphs, drawing.ink, recipes)
    smoothed = _smooth_glyphs(glyphs, layout.smoothing)
    cells = _warp_glyphs(smoothed, layout, images.shape[1])
    stroke = _change_strokes(cells, layout, recipes.stroke)
    _compose(cells, layout, recipes, images)
    boxes = _place_boxes(cells, layout, recipes, images.shape[2])
    _add_noise(images, recipes)
    _blur(images, recipes.blur_sigma)
    images[recipes.inverted] = 255 - images[recipes.inverted]
    return boxes, pepper, stroke


def _draw_with_numba(drawing: Drawing) -> Drawn:
    from digit_sequence.render import kernels

    recipes, layout, images = drawing.recipes, drawing.layout, drawing.images
    sigmas = np.concatenate([recipes.blur_sigma, *layout.smoothing.T])
    places = np.zeros(len(sigmas), np.int64)
    if sigmas.any():
        sigmas, places = np.unique(sigmas, return_inverse=True)
    filters, radii = _tabulate_filters(sigmas[: places.max() + 1])
    blur, *smooth = np.split(places, [recipes.n_samples, len(places) - len(layout.widths)])
    is_blurred = recipes.blur_sigma > 0
    blur = np.where(is_blurred, blur, -1)
    is_smoothed = layout.smoothing.any(axis=1)
    glyphs = np.empty(len(layout.widths), kernels.GLYPH)
    a_to_f = layout.matrices[:, :2].reshape(-1, 6).T
    for name, column in {
        **dict(zip("abcdef", a_to_f, strict=True)),
        **dict(zip(("top", "left", "bottom", "right"), drawing.ink.T, strict=True)),
        "id": recipes.glyph_ids,
        "salt": recipes.salt,
        "pepper": recipes.pepper,
        "stroke": recipes.stroke,
        "smooth_rows": np.where(is_smoothed, smooth[0], -1),
        "smooth_columns": smooth[1],
        "blur": blur[recipes.samples],
        "reach": _blur_reach(recipes.blur_sigma)[recipes.samples],
        "sample": recipes.samples,
        "column": layout.lefts,
        "width": layout.widths,
    }.items():
        glyphs[name] = column
    kernels.draw_digits(
        drawing.glyphs, glyphs, recipes.speck_positions, filters, radii, ERODED_PEAK, images
    )
    lines = np.empty(recipes.n_samples, kernels.LINE)
    lines["noise_sigma"], lines["salt_pepper"] = recipes.noise_sigma, recipes.salt_pepper
    lines["blur"], lines["inverted"] = blur, recipes.inverted
    is_changed = (
        is_blurred | recipes.inverted | (recipes.noise_sigma > 0) | (recipes.salt_pepper > 0)
    )
    if is_changed.any():
        key, addresses = pixel_addresses(recipes)
        kernels.finish_canvases(lines, key, addresses, _normal_quantiles(), filters, radii, images)
    boxes = np.stack([glyphs[edge] for edge in ("top", "left", "bottom", "right")], axis=-1)
    return boxes, glyphs["pepper"].astype(np.int64), glyphs["stroke"].astype(np.int64)


ENGINES: dict[Engine, Callable[[Drawing], Drawn]] = {
    "skimage": _draw_with_skimage,
    "numba": _draw_with_numba,
}


def _tabulate_filters(
    sigmas: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the weights (F, R) of Gaussian filters from the middle one on, and their radii."""
    rows = [_gaussian_weights(sigma) for sigma in sigmas.tolist()]
    radii = np.array([len(row) - 1 for row in rows])
    filters = np.zeros((len(rows), radii.max() + 1))
    for row, weights in zip(filters, rows, strict=True):
        row[: len(weights)] = weights
    return filters, radii


@lru_cache(maxsize=8192)
def _gaussian_weights(sigma: float) -> NDArray[np.float64]:
    """Return the weights of scipy's Gaussian filter: what it makes of a single bright pixel."""
    if sigma == 0:
        return np.ones(1)
    from scipy.ndimage import gaussian_filter1d

    radius = int(4 * sigma + 0.5)
    pixel = np.zeros(2 * radius + 1)
    pixel[radius] = 1
    weights: NDArray[np.float64] = gaussian_filter1d(pixel, sigma, mode="constant")
    return weights[radius:]


def _add_specks(
    glyphs: NDArray[np.uint8], ink: NDArray[np.int16], recipes: Recipes
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Set salt to 255, then pepper to 0, at drawn positions of the ink boxes.

    Returns the glyphs, changed in place, and how many pepper pixels each has got.
    """
    top, left, bottom, right = ink.T.astype(np.int64)[:, :, None]
    area = ((bottom - top) * (right - left)).astype(np.uint64)
    position = (recipes.speck_positions * area >> np.uint64(32)).astype(np.int64)
    row, column = top + position // (right - left), left + position % (right - left)
    order = np.arange(MAX_SPECKS)

    def put(counts: NDArray[np.int64], first: int, value: int) -> None:
        glyph, speck = np.nonzero(order < counts[:, None])
        place = (glyph, speck + first)
        glyphs[glyph, row[place], column[place]] = value

    put(recipes.salt, 0, 255)
    salted = glyphs.copy()
    put(recipes.pepper, MAX_SPECKS, 0)
    empty = ~glyphs.any(axis=(1, 2))
    glyphs[empty] = salted[empty]
    return glyphs, np.where(empty, 0, recipes.pepper)


def _smooth_glyphs(
    glyphs: NDArray[np.uint8], smoothing: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Low-pass the glyphs that are about to be reduced, against aliasing."""
    from skimage.filters import gaussian

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
    from skimage.transform import warp

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
    from skimage.morphology import dilation, erosion

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
    cells: NDArray[np.uint8], layout: Layout, recipes: Recipes, canvas_width: int
) -> NDArray[np.int32]:
    """Find the extent of each digit's ink on its canvas, as if it stood there alone."""
    boxes = _find_extents(cells > 0)
    sigmas = recipes.blur_sigma[recipes.samples]
    for sigma in np.unique(sigmas[sigmas > 0]):
        chosen = np.flatnonzero(sigmas == sigma)
        reach = int(_blur_reach(sigma))
        padded = np.pad(cells[chosen], ((0, 0), (0, 0), (reach, reach)))
        boxes[chosen] = _find_extents(_gaussian_blur(padded, sigma) > 0)
        boxes[chosen, 1::2] -= reach
    boxes[:, 1::2] += layout.lefts[:, None]
    boxes[:, 1::2] = boxes[:, 1::2].clip(0, canvas_width)
    return boxes.astype(np.int32)


def _blur_reach(sigma: Any) -> Any:
    """Return how many columns farther ink may reach when it is blurred."""
    return np.ceil(4 * sigma).astype(np.int64) + 1


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
    from scipy.special import ndtri

    quantiles: NDArray[np.float64] = ndtri((np.arange(2**16) + 0.5) / 2**16)
    return quantiles


def _blur(images: NDArray[np.uint8], sigmas: NDArray[np.float64]) -> None:
    for sample in np.flatnonzero(sigmas > 0):
        images[sample] = _gaussian_blur(images[sample : sample + 1], sigmas[sample])[0]


def _gaussian_blur(images: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    """Blur a stack of images; beyond them is paper."""
    from skimage.filters import gaussian

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
