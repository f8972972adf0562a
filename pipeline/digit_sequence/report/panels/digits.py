"""Which digits there are, where they stand, and what follows on what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from digit_sequence.report.batch import Batch
from digit_sequence.report.charts import plot_bars, plot_heat
from digit_sequence.report.panel import Element, Panel
from digit_sequence.report.scene import Scene

POSITIONS = 10
"""Shown; what stands farther right is counted with the last."""
_NAMES = [str(digit) for digit in range(10)]


class Digits(Panel):
    """Counts of digits, by position and by neighbour."""

    name = "digits"
    title = "Digits"
    lead = (
        "Which digits there are: equal bars are balanced. Rows of one colour mean that a digit "
        "stands in all positions alike; an empty cell is what a network never sees."
    )

    def __init__(self) -> None:
        self._digits: dict[str, NDArray[np.int64]] = {}
        self._positions = np.zeros((POSITIONS, 10), np.int64)
        self._pairs = np.zeros((10, 10), np.int64)

    def observe(self, batch: Batch) -> None:
        """Count the digits."""
        digits = batch.digits.clip(0, 9)
        own = self._digits.setdefault(batch.split, np.zeros(10, np.int64))
        own += np.bincount(digits, minlength=10)
        cells = batch.positions.clip(0, POSITIONS - 1) * 10 + digits
        self._positions += np.bincount(cells, minlength=10 * POSITIONS).reshape(-1, 10)
        is_follower = batch.positions[1:] > 0
        pairs = (digits[:-1] * 10 + digits[1:])[is_follower]
        self._pairs += np.bincount(pairs, minlength=100).reshape(10, 10)

    def show(self, scene: Scene) -> Sequence[Element]:
        """Return the three plots."""
        used = np.flatnonzero(self._positions.any(axis=1))
        if not len(used):
            return []
        last = int(used[-1]) + 1
        positions = [str(place + 1) for place in range(last)]
        if last == POSITIONS:
            positions[-1] += "+"
        plots: list[Element] = [
            plot_bars("Digits", "digit", self._digits, _NAMES, "digits"),
            plot_heat(
                "Digit by position",
                self._positions[:last],
                ("position", positions),
                ("digit", _NAMES),
                is_of_row=True,
            ),
        ]
        if self._pairs.any():
            plots.append(
                plot_heat(
                    "Pairs of neighbours", self._pairs, ("digit", _NAMES), ("next digit", _NAMES)
                )
            )
        return plots
