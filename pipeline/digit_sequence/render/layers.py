"""Reading layers from glyphs, and merging them: the definition, in scikit-image and NumPy.

A layer's pixels are read from its glyph once: smoothed (only before a reduction), then bilinearly
through the composed map, as ``skimage.transform.warp`` does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from digit_sequence.config.model import Config
from digit_sequence.render.layout import (
    FAR,
    Layout,
    has_line_maps,
    locate_points,
    shift_matrices,
)
from digit_sequence.render.recipe import Recipes
from digit_sequence.transforms.canvas import Layers, place_layers, to_pixels
from digit_sequence.transforms.geometry import Points, begin_points


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
        owners, pixels, rows, columns = _locate_pixels(layers, layout, points)
        layers.pixels[:] = 0
        layers.pixels[pixels] = to_pixels(_interpolate(smoothed, owners, rows, columns))
    else:
        _warp(smoothed, shift_matrices(layout), layers)
    return layers


def _locate_pixels(
    layers: Layers, layout: Layout, points: Points
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the layer of each of their M pixels, where it is in the buffer and in its glyph.

    `points` are where the pixels of the images lie on the rows that were laid out.
    """
    top, left, height, width = layers.places.T
    owners = np.repeat(np.arange(len(layers)), height * width)
    order = np.arange(len(owners)) - np.repeat(
        np.cumsum(height * width) - height * width, height * width
    )
    row, column = np.divmod(order, width[owners])
    pixels = layers.starts[owners] + row * layers.strides[owners] + column
    samples = layers.samples[owners]
    at = points.starts[samples] + (top[owners] + row) * layout.widths[samples]
    at += left[owners] + column
    x, y = points.columns[at], points.rows[at]
    matrix = layout.matrices[owners]
    columns = matrix[:, 0, 0] * x + matrix[:, 0, 1] * y + matrix[:, 0, 2]
    rows = matrix[:, 1, 0] * x + matrix[:, 1, 1] * y + matrix[:, 1, 2]
    if layout.is_clipped:
        first, size = layout.cells[owners].T
        is_cut = (x < first - 0.5) | (x >= first + size - 0.5) | (y < -0.5)
        rows[is_cut | (y >= points.height - 0.5)] = FAR
    return owners, pixels, rows, columns


def merge_layers(layers: Layers, pages: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Put layers on black pages (B, H, W), the brighter pixel wins; return their boxes (G, 4)."""
    places = zip(layers.stack(), layers.samples.tolist(), layers.places.tolist(), strict=True)
    for layer, sample, (top, left, height, width) in places:
        target = pages[sample, top : top + height, left : left + width]
        np.maximum(target, layer[:height, :width], out=target)
    return layers.boxes()


def _smooth(glyphs: NDArray[np.uint8], smoothing: NDArray[np.float64]) -> NDArray[np.float64]:
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


def _warp(glyphs: NDArray[np.float64], matrices: NDArray[np.float64], layers: Layers) -> None:
    """Interpolate each glyph bilinearly into its layer, through an affine map."""
    from skimage.transform import warp

    rows, columns = glyphs.shape[1:]
    values = layers.stack().astype(np.float64)
    highest, widest = values.shape[1:]
    # `warp` is three times as fast when the output has the shape of the input.
    frame = np.zeros((max(rows, highest), max(columns, widest)))
    affine = np.eye(3)
    for glyph, matrix, target in zip(glyphs, matrices, values, strict=True):
        frame[:rows, :columns] = glyph
        affine[:2] = matrix
        warped = warp(frame, affine, order=1, mode="constant", clip=False, preserve_range=True)
        target[:] = warped[:highest, :widest]
    layers.put(to_pixels(values))


def _interpolate(
    glyphs: NDArray[np.float64],
    owners: NDArray[np.int64],
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Interpolate glyphs bilinearly at points (N,), with the arithmetic of `warp`."""
    padded = np.pad(glyphs, ((0, 0), (1, 2), (1, 2)))
    row = np.clip(rows, -1, glyphs.shape[1]) + 1
    column = np.clip(columns, -1, glyphs.shape[2]) + 1
    i, j = row.astype(np.int64), column.astype(np.int64)
    dr, dc = row - i, column - j
    upper = (1 - dc) * padded[owners, i, j] + dc * padded[owners, i, j + 1]
    lower = (1 - dc) * padded[owners, i + 1, j] + dc * padded[owners, i + 1, j + 1]
    values: NDArray[np.float64] = (1 - dr) * upper + dr * lower
    return values
