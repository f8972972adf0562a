"""A camera with few pixels: down by area, and back between pixels in proportion."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream
from digit_sequence.transforms.canvas import Pages, to_fixed
from digit_sequence.transforms.transform import Chance, Drawn, Page, Section

MIN_ROWS = 8
"""Rows that a page keeps: with fewer a digit cannot be read."""
Weights = NDArray[np.int64]
UNIT = 2**12
Factor = Annotated[float, Field(ge=1, le=8), Decimals(2)]


class LowResolution(Page):
    """Take away fine detail."""

    name: ClassVar = "low_resolution"
    section: ClassVar[Section] = "line"
    example: ClassVar[Any] = {"factor": [1.2, 2.6]}
    columns: ClassVar = (
        Column("low_resolution", "float64", "pixels that became one, in each direction; 0: none"),
    )

    class Settings(Chance):
        """Less resolution."""

        factor: Annotated[tuple[Factor, Factor], *AS_RANGE]
        """Pixels that become one, in each direction."""

    def check(self, height: int, width: int) -> None:  # noqa: ARG002
        """Refuse to leave fewer rows than a digit needs."""
        high = self.settings.factor[1]
        if height < MIN_ROWS * high:
            raise ValueError(
                f"line.low_resolution.factor: expected at most {height / MIN_ROWS:g}, which leaves "
                f"{MIN_ROWS} rows of canvas.height, got {high:g}"
            )

    def apply(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Reduce and enlarge the pages that drew it."""
        _, height, width = pages.pixels.shape
        for sample, factor in _list_factors(drawn):
            page = pages.pixels[sample]
            rows, columns = weigh(height, factor), weigh(width, factor)
            levels = rows @ page.astype(np.int64) @ columns.T  # of integers: exact
            page[:] = (levels + UNIT * UNIT // 2) // (UNIT * UNIT)

    def apply_compiled(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Reduce and enlarge them by compiled loops."""
        from digit_sequence.transforms.page.low_resolution_kernels import resample_page

        _, height, width = pages.pixels.shape
        for sample, factor in _list_factors(drawn):
            rows, columns = weigh(height, factor), weigh(width, factor)
            ends = find_ends(height, factor), find_ends(width, factor)
            resample_page(pages.pixels[sample], rows, ends[0], columns, ends[1])


def _list_factors(drawn: Drawn) -> list[tuple[int, float]]:
    factors = drawn["low_resolution"]
    return [(sample, float(factors[sample])) for sample in np.flatnonzero(factors).tolist()]


@lru_cache(maxsize=256)
def weigh(size: int, factor: float) -> Weights:
    """Return what each pixel of a line takes of each: (size, size), `UNIT` in each row."""
    count = max(1, int(size / factor + 0.5))
    step = size / count
    # Down: how much of each pixel lies in each of the large ones.
    edges, pixels = np.arange(count)[:, None] * step, np.arange(size)
    covered = np.minimum(edges + step, pixels + 1) - np.maximum(edges, pixels)
    down = covered.clip(0) / step
    # Back: between the centres of two large ones.
    centres = ((pixels + 0.5) / step - 0.5).clip(0, count - 1)
    back = (1 - np.abs(centres[:, None] - np.arange(count))).clip(0)
    shares = sum(back[:, k, None] * down[k] for k in range(count))  # in order, without a library
    weights = to_fixed(shares, UNIT)
    weights[pixels, weights.argmax(axis=1)] += UNIT - weights.sum(axis=1)
    return weights


@lru_cache(maxsize=256)
def find_ends(size: int, factor: float) -> NDArray[np.int64]:
    """Return the first pixel that each pixel takes some of, and one past the last: (size, 2)."""
    taken = weigh(size, factor) != 0
    return np.stack([taken.argmax(axis=1), size - taken[:, ::-1].argmax(axis=1)], axis=-1)
