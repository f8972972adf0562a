"""Straight printed lines, painted into the ink of pages."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from digit_sequence.transforms.canvas import screen, to_fixed

Lines = NDArray[np.int64]
"""(N, 8): sample; 1 for a line down the page, 0 across it; first pixel along it, one past the last;
its middle there where its page begins, in 1/256 pixels; its slope, 2**-16; its thickness, 1/256
pixels; its coverage, 0 to 255."""


def make_lines(
    samples: Any, upright: Any, ends: tuple[Any, Any], middle: Any, slope: Any, width: Any, ink: Any
) -> Lines:
    """Return lines: middle, slope and width in pixels, ink as a share; all broadcast."""
    scaled = (to_fixed(middle, 256), to_fixed(slope, 2**16), to_fixed(width, 256))
    rows = np.broadcast_arrays(samples, upright, *ends, *scaled, to_fixed(ink, 255))
    return np.stack([row.reshape(-1).astype(np.int64) for row in rows], axis=-1)


def paint_lines(pages: NDArray[np.uint8], lines: Lines) -> None:
    """Paint lines over what pages (B, H, W) hold, one after another."""
    for sample, upright, first, stop, middle, slope, width, ink in lines.tolist():
        page = pages[sample].T if upright else pages[sample]
        along = np.arange(max(first, 0), min(stop, page.shape[1]))
        centre = middle + (slope * along >> 8)
        away = np.abs(256 * np.arange(page.shape[0])[:, None] - centre)
        cover = (width // 2 + 128 - away).clip(0, min(width, 256))
        part = page[:, along[:1].sum() : along[:1].sum() + len(along)]
        part[:] = screen(part.astype(np.int64), cover * ink >> 8)
