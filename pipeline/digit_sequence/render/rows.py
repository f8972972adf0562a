"""Rows of cells on their canvas: those that are too wide are shrunk, all others aligned."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from digit_sequence.config.canvas import MIN_DIGIT_WIDTH
from digit_sequence.config.model import Config
from digit_sequence.transforms.geometry import Row


def fit_rows(
    row: Row, config: Config, is_rigid: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Shrink rows that are wider than the canvas, and align the others.

    Returns the columns and the widths (G,) of the cells, the columns of each image (B,), and the
    share (B,) to which rows were shrunk: 1 where they were not.
    """
    space = config.canvas.widest
    samples, first, last = row.samples, row.starts[:-1], row.starts[1:] - 1
    gaps = _narrow_gaps(row, space) if is_rigid else row.gaps
    steps = np.roll(row.widths, 1) + gaps
    steps[first] = 0
    total = np.cumsum(steps)
    lefts = total - total[first][samples]
    length = (lefts + row.widths)[last]
    scaled = length > space
    image_widths = length.clip(config.canvas.narrowest, space)
    match config.canvas.align:
        case "left":
            offset = np.zeros_like(length)
        case "center":
            offset = (image_widths - length) // 2
        case "right":
            offset = image_widths - length
    # A shrunk digit keeps MIN_DIGIT_WIDTH columns of its own; the rest of its width and the
    # spacing share the columns that are left, in proportion. Of a rigid row it keeps a single one.
    kept = np.minimum(row.widths, 1 if is_rigid else MIN_DIGIT_WIDTH)
    kept_before = np.cumsum(kept) - kept
    kept_before -= kept_before[first][samples]
    kept_in_row = (kept_before + kept)[last]
    room = np.maximum(space - kept_in_row, 0)[samples]
    elastic = np.maximum(length - kept_in_row, 1)[samples]
    begin = (lefts - kept_before) * room // elastic
    end = (lefts - kept_before + row.widths - kept) * room // elastic
    is_shrunk = scaled[samples]
    return (
        np.where(is_shrunk, kept_before + begin, lefts + offset[samples]),
        np.where(is_shrunk, kept + end - begin, row.widths),
        image_widths,
        np.where(scaled, space / length, 1.0),
    )


def _narrow_gaps(row: Row, space: int) -> NDArray[np.int64]:
    """Return gaps (G,) of rows that are to be shrunk as a whole.

    Where digits and gaps need more than `space` columns, gaps take no more than digits do: so that
    it is not gaps that make digits too small to read.
    """
    digits, gaps = (
        np.add.reduceat(columns, row.starts[:-1])[row.samples]
        for columns in (row.widths, row.gaps.clip(0))
    )
    most = np.maximum(space - digits, digits)
    is_wide = (gaps > most) & (row.gaps > 0)
    return np.where(is_wide, row.gaps * most // np.maximum(gaps, 1), row.gaps)
