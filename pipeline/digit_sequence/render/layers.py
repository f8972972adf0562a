"""Reading layers from glyphs, and merging them: the definition, in scikit-image and NumPy.

A layer's pixels are read from its glyph once: smoothed (only before a reduction), then bilinearly
through the composed map, as ``skimage.transform.warp`` does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from digit_sequence.config.model import Config
from digit_sequence.render.layout import FAR, Layout, has_line_maps, locate_points, shift_matrices
from digit_sequence.render.recipe import Recipes
from digit_sequence.transforms.canvas import Layers, place_layers, to_pixels
from digit_sequence.transforms.geometry import Points, begin_points

_Level = np.uint8 | np.float64
"""Of a grey level: a float where glyphs were smoothed."""


def read_layers(
    glyphs: NDArray[np.uint8], layout: Layout, recipes: Recipes, config: Config
) -> Layers:
    """Read the layers of a batch.

    Parameters
    ----------
    glyphs : ndarray of uint8, shape (N, h, w)
        All glyphs of the bank.
    layout : Layout
    recipes : Recipes
    config : Config
        Its canvas and line maps are used.
    """
    layers = place_layers(layout.places, recipes.samples, alike=True)
    smoothed = _smooth(glyphs[recipes.glyph_ids], layout.smoothing)
    if has_line_maps(config):
        points = begin_points(config.canvas.height, layout.widths)
        locate_points(points, recipes, config, "skimage")
        _warp_points(smoothed, layout, points, layers)
    else:
        _warp(smoothed, shift_matrices(layout), layers)
    return layers


def merge_layers(layers: Layers, pages: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Put layers on black pages (B, H, W), the brighter pixel wins; return their boxes (G, 4)."""
    places = zip(layers, layers.samples.tolist(), *layers.places.T.tolist(), strict=True)
    for layer, sample, top, left, height, width in places:
        target = pages[sample, top : top + height, left : left + width]
        np.maximum(target, layer, out=target)
    return layers.boxes()


def _smooth(glyphs: NDArray[np.uint8], smoothing: NDArray[np.float64]) -> NDArray[_Level]:
    """Low-pass the glyphs that are about to be reduced, against aliasing."""
    from skimage.filters import gaussian

    needed = smoothing.any(axis=1)
    if not needed.any():
        return glyphs
    smoothed = glyphs.astype(np.float64)
    for sigma in np.unique(smoothing[needed], axis=0):
        chosen = (smoothing == sigma).all(axis=1)
        smoothed[chosen] = gaussian(
            smoothed[chosen], sigma=(0, *sigma), mode="constant", preserve_range=True
        )
    return smoothed


def _warp(glyphs: NDArray[_Level], matrices: NDArray[np.float64], layers: Layers) -> None:
    """Interpolate each glyph bilinearly into its layer, through an affine map."""
    from skimage.transform import warp

    rows, columns = glyphs.shape[1:]
    highest, widest = layers.places[:, 2:].max(axis=0, initial=0).tolist()
    frame = np.zeros((max(rows, highest), max(columns, widest)))
    affine = np.eye(3)
    layers.pixels[:] = 0
    for glyph, matrix, layer in zip(glyphs, matrices, layers, strict=True):
        height, width = layer.shape
        frame[:rows, :columns] = glyph
        affine[:2] = matrix
        # `warp` is three times as fast when the output has the shape of the input.
        view = frame[: max(rows, height), : max(columns, width)]
        warped = warp(view, affine, order=1, mode="constant", clip=False, preserve_range=True)
        layer[:] = to_pixels(warped[:height, :width])


def _warp_points(glyphs: NDArray[_Level], layout: Layout, points: Points, layers: Layers) -> None:
    """Interpolate each glyph into its layer, through an affine map of points of its image."""
    xs, ys = (
        [image.reshape(points.height, -1) for image in np.split(places, points.starts[1:-1])]
        for places in (points.columns, points.rows)
    )
    layers.pixels[:] = 0
    samples, places = layers.samples.tolist(), layers.places.tolist()
    owners = zip(samples, places, layout.matrices, layout.cells.tolist(), strict=True)
    for glyph, layer, owner in zip(glyphs, layers, owners, strict=True):
        sample, (top, left, height, width), matrix, (first, n_columns) = owner
        part = np.s_[top : top + height, left : left + width]
        x, y = xs[sample][part], ys[sample][part]
        columns, rows = (a * x + b * y + c for a, b, c in matrix)
        if layout.is_clipped:
            is_cut = (x < first - 0.5) | (x >= first + n_columns - 0.5) | (y < -0.5)
            rows[is_cut | (y >= points.height - 0.5)] = FAR
        layer[:] = to_pixels(_interpolate(glyph, rows, columns))


def _interpolate(
    glyph: NDArray[_Level], rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Interpolate a glyph bilinearly at rows and columns, with the arithmetic of `warp`."""
    padded = np.pad(glyph, (1, 2))
    row = np.clip(rows, -1, glyph.shape[0]) + 1
    column = np.clip(columns, -1, glyph.shape[1]) + 1
    i, j = row.astype(np.int64), column.astype(np.int64)
    dr, dc = row - i, column - j
    upper = (1 - dc) * padded[i, j] + dc * padded[i, j + 1]
    lower = (1 - dc) * padded[i + 1, j] + dc * padded[i + 1, j + 1]
    values: NDArray[np.float64] = (1 - dr) * upper + dr * lower
    return values
