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
            down, across = weigh(height, factor), weigh(width, factor)
            passed = _resample(pages.pixels[sample].astype(np.int64), *down)
            levels = _resample(passed.T, *across).T
            pages.pixels[sample] = (levels + UNIT * UNIT // 2) // (UNIT * UNIT)

    def apply_compiled(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Reduce and enlarge them by compiled loops."""
        from digit_sequence.transforms.page.low_resolution_kernels import resample_page

        _, height, width = pages.pixels.shape
        for sample, factor in _list_factors(drawn):
            down, across = weigh(height, factor), weigh(width, factor)
            resample_page(pages.pixels[sample], *down, *across)


def _list_factors(drawn: Drawn) -> list[tuple[int, float]]:
    factors = drawn["low_resolution"]
    return [(sample, float(factors[sample])) for sample in np.flatnonzero(factors).tolist()]


def _resample(
    lines: NDArray[np.int64], first: NDArray[np.int64], weights: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return lines (size, N) mixed of lines."""
    taken = lines[first[:, None] + np.arange(weights.shape[1])]
    mixed: NDArray[np.int64] = (taken * weights[:, :, None]).sum(axis=1)
    return mixed


@lru_cache(maxsize=2048)
def weigh(size: int, factor: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return what each pixel of a line takes of the line, down and back.

    Returns
    -------
    first : ndarray of int64, shape (size,)
        The first pixel that each takes some of.
    weights : ndarray of int64, shape (size, K)
        How much it takes of that one and those after it, `UNIT` in all.
    """
    count = max(1, int(size / factor + 0.5))
    step = size / count
    # Back: each lies between the centres of two large pixels.
    centres = ((np.arange(size) + 0.5) / step - 0.5).clip(0, count - 1)
    before = np.floor(centres)[:, None]
    share = centres[:, None] - before
    # Down: how much of each pixel lies in each of the two.
    n_taken = min(size, int(2 * step) + 3)
    first = np.minimum(np.floor(before[:, 0] * step), size - n_taken)
    pixels = first[:, None] + np.arange(n_taken)
    covered = [
        (np.minimum(edge + step, pixels + 1) - np.maximum(edge, pixels)).clip(0) / step
        for edge in (before * step, (before + 1) * step)
    ]
    weights = to_fixed(covered[0] * (1 - share) + covered[1] * share, UNIT)
    weights[np.arange(size), weights.argmax(axis=1)] += UNIT - weights.sum(axis=1)
    return first.astype(np.int64), weights
