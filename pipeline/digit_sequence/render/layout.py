"""Where each digit stands on the canvas, and how its pixels map to glyph pixels. Pure geometry.

Every glyph gets one cell, as high as the canvas. One affine map, from the cell back to the glyph,
does all of crop, scale, shear, rotation and shrinking, so that a pixel is interpolated once.
Coordinates are (row, column) with pixel centres on integers; matrices alone are (column, row), as
scikit-image has them.

Angles become sines and tangents, whose last bit differs between processors; matrices are rounded
to multiples of 2**-24, far coarser than that bit and far finer than a grey level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digit_sequence.config.model import MIN_DIGIT_WIDTH, Config
from digit_sequence.render.recipe import Recipes

SMOOTHING_FREE = 1.25
"""Glyph pixels per canvas pixel up to which no smoothing is needed against aliasing."""
_SMOOTHING_STEP = 0.25


@dataclass(frozen=True)
class Layout:
    """Cells of G glyphs on B canvases."""

    matrices: NDArray[np.float64]
    """(G, 3, 3) affine maps from (column, row, 1) in the cell to the glyph."""
    smoothing: NDArray[np.float64]
    """(G, 2) sigma in glyph rows and columns of the low-pass filter before a reduction."""
    widths: NDArray[np.int64]
    """(G,) columns of each cell."""
    lefts: NDArray[np.int64]
    """(G,) canvas column at which each cell begins."""
    spacing: NDArray[np.int64]
    """(G,) columns between a cell and the one before it; as drawn, unless digits would overlap
    by more than half of the narrower one."""
    scaled: NDArray[np.bool_]
    """(B,) whether the line was shrunk to fit the canvas."""


def lay_out(
    recipes: Recipes, ink: NDArray[np.int16], glyph_shape: tuple[int, int], config: Config
) -> Layout:
    """Lay out a batch.

    Parameters
    ----------
    recipes : Recipes
    ink : ndarray of int16, shape (G, 4)
        Ink box of each glyph: top, left, bottom, right, half-open.
    glyph_shape : (int, int)
        Rows and columns of a glyph.
    config : Config
    """
    height, width = config.canvas.height, config.canvas.width
    forward, centre, natural_widths = _map_glyphs(recipes, ink, glyph_shape, config)
    lefts, spacing = _place_cells(recipes, natural_widths)
    lefts, widths, scaled = _fit_lines(recipes, lefts, natural_widths, config)
    forward[:, 0] *= (widths / natural_widths)[:, None]
    inverse = _invert(forward)
    cell_centre = np.stack([widths / 2, np.full(len(widths), height / 2)], axis=-1)
    offset = centre - 0.5 - np.einsum("gij,gj->gi", inverse, cell_centre - 0.5)
    matrices = np.zeros((len(widths), 3, 3))
    matrices[:, :2, :2], matrices[:, :2, 2], matrices[:, 2, 2] = inverse, offset, 1.0
    assert (lefts + widths <= width).all()
    return Layout(
        matrices=np.round(matrices * 2.0**24) / 2.0**24,
        smoothing=_choose_smoothing(inverse),
        widths=widths,
        lefts=lefts,
        spacing=spacing,
        scaled=scaled,
    )


def _map_glyphs(
    recipes: Recipes, ink: NDArray[np.int16], glyph_shape: tuple[int, int], config: Config
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Map each glyph to a cell of its own, before the line is fitted.

    Returns the maps (G, 2, 2) about the centres of both, the centres (G, 2) in the glyphs, and the
    widths (G,) of the cells; coordinates are (column, row).
    """
    height = config.canvas.height
    crop = config.glyph.crop
    top, left, bottom, right = ink.T.astype(np.float64)
    if crop is not None:
        rows, columns = bottom - top + 2 * crop.margin, right - left
        centre = np.stack([(left + right) / 2, (top + bottom) / 2], axis=-1)
    else:
        rows, columns = (np.full(len(ink), float(size)) for size in glyph_shape)
        centre = np.stack([columns / 2, rows / 2], axis=-1)
    scale_rows = height / rows
    scale_columns = scale_rows if config.glyph.aspect == "keep" else np.ones(len(ink))

    slope = np.tan(np.radians(recipes.shear_degrees))
    cosine = np.cos(np.radians(recipes.rotate_degrees))
    sine = np.sin(np.radians(recipes.rotate_degrees))
    # Scale, then shear (rows above the centre move right), then turn counter-clockwise; rows
    # count downwards.
    forward = np.empty((len(ink), 2, 2))
    forward[:, 0, 0] = cosine * scale_columns
    forward[:, 0, 1] = (sine - cosine * slope) * scale_rows
    forward[:, 1, 0] = -sine * scale_columns
    forward[:, 1, 1] = (cosine + sine * slope) * scale_rows

    nominal = scale_columns * columns
    if config.glyph.overflow == "clip":
        widths = nominal + np.abs(slope) * height
    else:
        corners = np.stack(
            [np.stack([x, y], axis=-1) for x in (left, right) for y in (top, bottom)], axis=1
        )
        reach = np.abs(np.einsum("gij,gkj->gki", forward, corners - centre[:, None])).max(axis=1)
        shrink = np.minimum(1.0, height / 2 / reach[:, 1])
        forward *= shrink[:, None, None]
        widths = shrink * np.maximum(nominal, 2 * reach[:, 0])
    return forward, centre, np.maximum(1, np.floor(widths + 0.5)).astype(np.int64)


def _place_cells(
    recipes: Recipes, widths: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the columns (G,) at which cells begin on a line that begins at 0, and the spacing."""
    first = recipes.starts[:-1]
    before = np.roll(widths, 1)
    spacing = np.maximum(recipes.spacing, -(np.minimum(before, widths) // 2))
    spacing[first] = 0
    steps = before + spacing
    steps[first] = 0
    total = np.cumsum(steps)
    return total - total[first][recipes.samples], spacing


def _fit_lines(
    recipes: Recipes, lefts: NDArray[np.int64], widths: NDArray[np.int64], config: Config
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Shrink lines that are wider than the canvas, and align the others.

    Returns the columns and the widths (G,) of the cells, and which lines (B,) were shrunk.
    """
    space = config.canvas.width
    samples, first, last = recipes.samples, recipes.starts[:-1], recipes.starts[1:] - 1
    length = (lefts + widths)[last]
    scaled = length > space
    match config.canvas.align:
        case "left":
            offset = np.zeros_like(length)
        case "center":
            offset = (space - length) // 2
        case "right":
            offset = space - length
    # A shrunk digit keeps MIN_DIGIT_WIDTH columns of its own; the rest of its width and the
    # spacing share the columns that are left, in proportion.
    kept = np.minimum(widths, MIN_DIGIT_WIDTH)
    kept_before = np.cumsum(kept) - kept
    kept_before -= kept_before[first][samples]
    kept_in_line = (kept_before + kept)[last]
    room = np.maximum(space - kept_in_line, 0)[samples]
    elastic = np.maximum(length - kept_in_line, 1)[samples]
    begin = (lefts - kept_before) * room // elastic
    end = (lefts - kept_before + widths - kept) * room // elastic
    is_shrunk = scaled[samples]
    return (
        np.where(is_shrunk, kept_before + begin, lefts + offset[samples]),
        np.where(is_shrunk, kept + end - begin, widths),
        scaled,
    )


def _invert(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Invert matrices of shape (G, 2, 2) by Cramer's rule, without a linear algebra library."""
    a, b, c, d = matrices[:, 0, 0], matrices[:, 0, 1], matrices[:, 1, 0], matrices[:, 1, 1]
    adjugate = np.stack([d, -b, -c, a], axis=-1).reshape(-1, 2, 2)
    return adjugate / (a * d - b * c)[:, None, None]


def _choose_smoothing(inverse: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sigma of the Gaussian low-pass filter, (G, 2): glyph rows, glyph columns.

    The rule is that of ``skimage.transform.resize``: (factor - 1) / 2, here in steps of 1/4, so
    that many glyphs share one filter.
    """
    factor = np.hypot(inverse[:, ::-1, 0], inverse[:, ::-1, 1])
    sigma = np.round((factor - 1) / 2 / _SMOOTHING_STEP) * _SMOOTHING_STEP
    return np.where(factor > SMOOTHING_FREE, sigma, 0.0)
