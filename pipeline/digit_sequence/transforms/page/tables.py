"""Pages whose grey levels are looked up, in a table of 256 for each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def look_up(pages: NDArray[np.uint8], tables: NDArray[np.uint8], chosen: NDArray[np.int64]) -> None:
    """Replace the levels of some pages (B, H, W) by those of their tables (N, 256), in place."""
    for page, table in zip(chosen.tolist(), tables, strict=True):
        pages[page] = table[pages[page]]
