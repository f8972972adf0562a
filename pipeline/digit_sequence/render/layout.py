"""Where each digit stands on the canvas, and how its pixels map to glyph pixels. Pure geometry.

Every glyph gets a cell; cells stand in a row, the row on the canvas. Where a transform asks for it
cells are as wide as their ink, whose outlines are traced. One affine map, from the canvas back to
the glyph, does all of crop, scale, shear, rotation, shrinking, tilt and curve, so that a pixel is
interpolated once. Line maps, where there are any, stand before it.

Angles become sines and tangents, whose last bit differs between processors; matrices are rounded
to multiples of 2**-24, far coarser than that bit and far finer than a grey level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.characters import find_signs
from digit_sequence.base.engines import Engine
from digit_sequence.base.randomness import to_uniform
from digit_sequence.base.rounding import round_factor
from digit_sequence.config.model import Config
from digit_sequence.render.outlines import trace_outlines
from digit_sequence.render.recipe import Recipes
from digit_sequence.render.rows import fit_rows
from digit_sequence.sources.bank import GlyphBank
from digit_sequence.transforms.canvas import STRETCH
from digit_sequence.transforms.geometry import Cells, Outlines, Points, Row, begin_cells, begin_line
from digit_sequence.transforms.transform import CellMap, Ink, LineMap, LineMove, Placement

SPACE_SHARES = 0.25, 0.55
"""Columns of a space, in heights of the cell behind it; the column `spacing` has them too."""
SMOOTHING_FREE = 1.25
"""Glyph pixels per canvas pixel up to which no smoothing is needed against aliasing."""
_SMOOTHING_STEP = 0.25
FAR = 1e9
"""A coordinate outside of every glyph."""


@dataclass(frozen=True)
class Layout:
    """The places of G glyphs on B canvases."""

    matrices: NDArray[np.float64]
    """(G, 2, 3) affine maps from (column, row, 1) on the row that was laid out to the glyph."""
    smoothing: NDArray[np.float64]
    """(G, 2) sigma in glyph rows and columns of the low-pass filter before a reduction."""
    cells: NDArray[np.int64]
    """(G, 2) column at which each cell begins on its canvas, and its width."""
    is_clipped: bool
    """Whether ink is cut where it stands out of its cell."""
    places: NDArray[np.int64]
    """(G, 4) top, left, height, width of the part of the canvas that a glyph's ink can reach."""
    widths: NDArray[np.int64]
    """(B,) columns of each image."""
    shrinkage: NDArray[np.float64]
    """(B,) to which share of its length the line was shrunk to fit the canvas; 1 for most."""

    @property
    def scaled(self) -> NDArray[np.bool_]:
        """(B,) whether the line was shrunk."""
        return self.shrinkage < 1


def lay_out(
    recipes: Recipes, bank: GlyphBank, config: Config, engine: Engine = "skimage"
) -> tuple[Layout, Recipes]:
    """Lay out a batch.

    Parameters
    ----------
    recipes : Recipes
    bank : GlyphBank
    config : Config
    engine : {"skimage", "numba"}
        What traces outlines.

    Returns
    -------
    Layout
    Recipes
        With what placements and moves have drawn as it was applied.
    """
    canvas, transforms = config.canvas, config.transforms
    cells, row = _make_cells(recipes, bank, config, engine)
    natural = row.widths
    for transform in transforms:
        if isinstance(transform, Placement):
            recipes = recipes.apply(transform.place(row, recipes.drawn))
    if row.spaces.any():
        row.gaps = row.gaps + row.spaces
        recipes = recipes.apply({"spacing": row.gaps})
    lefts, widths, image_widths, share = fit_rows(row, config, cells.is_rigid)
    cells.scale(widths / natural, share[recipes.samples] if cells.is_rigid else 1.0)
    # The centre of each frame on its canvas.
    centre = np.stack([lefts + widths / 2 + cells.slides, canvas.height / 2 + cells.drops]) - 0.5
    moves = [transform for transform in transforms if isinstance(transform, LineMove)]
    if moves:
        bounds = (canvas.narrowest, canvas.widest)
        line = begin_line(cells, centre, recipes.starts, canvas.height, image_widths, bounds)
        for transform in moves:
            recipes = recipes.apply(transform.move(line, recipes.drawn))
        cells.transform(*line.forward.reshape(4, -1))
        lefts = lefts + np.floor(line.columns - centre[0] + 0.5).astype(np.int64)
        centre = np.stack([line.columns, line.rows])
        image_widths = line.widths
    inverse = _invert(cells.forward)
    smoothing = _choose_smoothing(inverse)
    reach = _find_reach(cells, centre, smoothing)
    layout = Layout(
        matrices=_make_matrices(inverse, cells.centres, centre),
        smoothing=smoothing,
        cells=np.stack([lefts, widths], axis=-1),
        is_clipped=cells.is_clipped,
        places=_place_layers(reach, lefts, widths, cells.is_clipped, image_widths, recipes, config),
        widths=image_widths,
        shrinkage=share,
    )
    return layout, recipes


def _make_cells(
    recipes: Recipes, bank: GlyphBank, config: Config, engine: Engine
) -> tuple[Cells, Row]:
    """Fill cells with glyphs, and set them side by side."""
    ids, height, transforms = recipes.glyph_ids, config.canvas.height, config.transforms
    ink, bodies = bank.ink, bank.bodies
    own = None if bodies is ink else bodies[ids]
    cells = begin_cells(ink[ids], bank.find_frames(ids), height, recipes.samples, own)
    for transform in transforms:
        if isinstance(transform, CellMap):
            transform.shape(cells, recipes.drawn)
    outlines = None
    if any(transform.needs_outlines for transform in transforms):
        outlines = trace_outlines(bank.images, ids, cells, height, engine)
        _fit_to_ink(cells, outlines, height)
    widths = np.maximum(1, np.floor(cells.widths + 0.5)).astype(np.int64)
    row = Row(
        widths,
        np.zeros_like(widths),
        recipes.samples,
        recipes.starts,
        cells.height,
        _draw_spaces(recipes, cells.height),
        find_signs(recipes.digits),
    )
    if outlines:
        row.outlines = outlines.shift(widths / 2 + cells.slides)
    return cells, row


def _draw_spaces(recipes: Recipes, heights: NDArray[np.float64]) -> NDArray[np.int64]:
    """Draw the columns (G,) of the spaces of numbers, by the rows of the cells behind them."""
    identities = recipes.identities
    if not identities.spaced.any():
        return np.zeros(len(heights), np.int64)
    (words,) = identities.stream("space").per_digit(1)
    low, high = SPACE_SHARES
    columns = np.floor((low + (high - low) * to_uniform(words)) * heights + 0.5)
    return np.where(identities.spaced, columns, 0.0).astype(np.int64)


def _fit_to_ink(cells: Cells, outlines: Outlines, height: int) -> None:
    """Make cells as wide as their ink, of which nothing stands out then."""
    top, left, bottom, right = outlines.boxes(height)
    cells.outline = np.stack(
        [top - height / 2 - cells.drops, left, bottom - height / 2 - cells.drops, right]
    )
    cells.slides, cells.widths = -(left + right) / 2, right - left
    cells.is_clipped = False


def _make_matrices(
    inverse: NDArray[np.float64], centres: NDArray[np.float64], targets: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return maps (G, 2, 3) to glyphs that take `targets` on the canvas to the frames' centres."""
    matrices = np.empty((len(targets[0]), 2, 3))
    for i in (0, 1):
        a, b = inverse[i]
        matrices[:, i, 0], matrices[:, i, 1] = a, b
        matrices[:, i, 2] = centres[i] - 0.5 - (a * targets[0] + b * targets[1])
    return round_factor(matrices)


def _invert(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Invert matrices of shape (2, 2, G) by Cramer's rule, without a linear algebra library."""
    (a, b), (c, d) = matrices
    adjugate = np.stack([d, -b, -c, a]).reshape(2, 2, -1)
    inverse: NDArray[np.float64] = adjugate / (a * d - b * c)
    return inverse


def _choose_smoothing(inverse: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sigma of the Gaussian low-pass filter, (G, 2): glyph rows, glyph columns.

    The rule is that of ``skimage.transform.resize``: (factor - 1) / 2, here in steps of 1/4, so
    that many glyphs share one filter.
    """
    factor = np.hypot(inverse[::-1, 0], inverse[::-1, 1])
    sigma = np.round((factor - 1) / 2 / _SMOOTHING_STEP) * _SMOOTHING_STEP
    return np.where(factor > SMOOTHING_FREE, sigma, 0.0).T


def _find_reach(
    cells: Cells, centre: NDArray[np.float64], smoothing: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return between which columns and rows all ink lies: (low or high, column or row, G)."""
    # Interpolation and smoothing carry the ink of a pixel so far.
    margin = 1 + np.ceil(4 * smoothing.T)
    top, left = cells.ink[0] - margin[0], cells.ink[1] - margin[1]
    bottom, right = cells.ink[2] - 1 + margin[0], cells.ink[3] - 1 + margin[1]
    x = (left + right) / 2 - (cells.centres[0] - 0.5)
    y = (top + bottom) / 2 - (cells.centres[1] - 0.5)
    (a, b), (c, d) = cells.forward
    middle = centre + np.stack([a * x + b * y, c * x + d * y])
    x, y = (right - left) / 2, (bottom - top) / 2
    extent = np.stack([np.abs(a) * x + np.abs(b) * y, np.abs(c) * x + np.abs(d) * y])
    return np.stack([middle - extent, middle + extent])


def _place_layers(
    extent: NDArray[np.float64],
    lefts: NDArray[np.int64],
    widths: NDArray[np.int64],
    is_clipped: bool,
    image_widths: NDArray[np.int64],
    recipes: Recipes,
    config: Config,
) -> NDArray[np.int64]:
    """Return the places (G, 4) of layers: as large as their ink, on the canvas."""
    transforms, height = config.transforms, config.canvas.height
    low, high = np.floor(extent[0] - 0.001), np.ceil(extent[1] + 0.001) + 1
    for transform in transforms:
        if isinstance(transform, Ink):
            grown = transform.grow(recipes.drawn)
            low, high = low - grown, high + grown
    if is_clipped:
        low[0] = low[0].clip(lefts, lefts + widths - 1)
        high[0] = high[0].clip(low[0] + 1, lefts + widths)
    for transform in transforms:
        if isinstance(transform, LineMap):
            reach = transform.reach(recipes.drawn, height, image_widths)
            moved = np.ceil(reach)[recipes.samples]
            low, high = low - moved, high + moved
    places = np.empty((len(lefts), 4), np.int64)
    for axis, size in ((0, image_widths[recipes.samples]), (1, height)):
        first = low[axis].clip(0, size - 1)
        places[:, 1 - axis] = first
        places[:, 3 - axis] = high[axis].clip(first + 1, size) - first
    return places


def find_scales(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return pixels of the canvas for each one of a glyph, by maps (G, 2, 3) to glyphs.

    That is the root of the area; or what is left of the widest stretch after `STRETCH`, if more.
    """
    (a, b), (c, d) = matrices[:, :, :2].transpose(1, 2, 0)
    area = np.abs(a * d - b * c)
    total = a * a + b * b + c * c + d * d
    most = np.sqrt((total + np.sqrt(np.maximum(total * total - 4 * area * area, 0.0))) / 2)
    scales: NDArray[np.float64] = np.maximum(1 / np.sqrt(area), most / area / STRETCH)
    return scales


def shift_matrices(layout: Layout) -> NDArray[np.float64]:
    """Return maps (G, 2, 3) from (column, row, 1) in each layer to its glyph.

    Coefficients are multiples of 2**-24 and places are integers, so all of this is exact.
    """
    matrices = layout.matrices.copy()
    top, left = layout.places[:, :2].T
    matrices[..., 2] += matrices[..., 0] * left[:, None] + matrices[..., 1] * top[:, None]
    return matrices


def locate_points(points: Points, recipes: Recipes, config: Config, engine: Engine) -> None:
    """Move points of the images through all line maps, to the rows that were laid out."""
    for transform in reversed(config.transforms):
        if isinstance(transform, LineMap):
            locate = transform.locate if engine == "skimage" else transform.locate_compiled
            locate(points, recipes.drawn)


def has_line_maps(config: Config) -> bool:
    """Return whether any line map is on."""
    return any(isinstance(transform, LineMap) for transform in config.transforms)


def choose_map_engine(config: Config, engine: Engine) -> Engine:
    """Return what locates points: compiled loops only where all line maps have them."""
    has_loops = all(
        type(transform).locate_compiled is not LineMap.locate_compiled
        for transform in config.transforms
        if isinstance(transform, LineMap)
    )
    return engine if has_loops else "skimage"
