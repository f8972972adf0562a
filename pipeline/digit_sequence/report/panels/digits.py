"""Which digits and signs there are, where they stand, and what follows on what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.characters import CHARACTERS, DIGITS
from digit_sequence.report.batch import Batch
from digit_sequence.report.charts import plot_bars, plot_heat
from digit_sequence.report.panel import Element, Panel
from digit_sequence.report.scene import Scene

POSITIONS = 10
"""Shown; what stands farther right is counted with the last."""
_N = len(CHARACTERS)


class Digits(Panel):
    """Counts of digits, and of the signs that occur, by position and by neighbour."""

    name = "digits"
    title = "Digits"
    lead = (
        "Which digits there are: equal bars are balanced. Rows of one colour mean that a digit "
        "stands in all positions alike; an empty cell is what a network never sees."
    )

    def __init__(self) -> None:
        self._digits: dict[str, NDArray[np.int64]] = {}
        self._positions = np.zeros((POSITIONS, _N), np.int64)
        self._pairs = np.zeros((_N, _N), np.int64)

    def observe(self, batch: Batch) -> None:
        """Count the digits."""
        digits = batch.digits.clip(0, _N - 1)
        own = self._digits.setdefault(batch.split, np.zeros(_N, np.int64))
        own += np.bincount(digits, minlength=_N)
        cells = batch.positions.clip(0, POSITIONS - 1) * _N + digits
        self._positions += np.bincount(cells, minlength=_N * POSITIONS).reshape(-1, _N)
        is_follower = batch.positions[1:] > 0
        pairs = (digits[:-1] * _N + digits[1:])[is_follower]
        self._pairs += np.bincount(pairs, minlength=_N * _N).reshape(_N, _N)

    def show(self, scene: Scene) -> Sequence[Element]:
        """Return the three plots."""
        used = np.flatnonzero(self._positions.any(axis=1))
        if not len(used):
            return []
        last = int(used[-1]) + 1
        positions = [str(place + 1) for place in range(last)]
        if last == POSITIONS:
            positions[-1] += "+"
        codes = [
            code
            for code in range(_N)
            if code < len(DIGITS) or any(counts[code] for counts in self._digits.values())
        ]
        names = [CHARACTERS[code] for code in codes]
        digits = {split: counts[codes] for split, counts in self._digits.items()}
        plots: list[Element] = [
            plot_bars("Digits", "digit", digits, names, "digits"),
            plot_heat(
                "Digit by position",
                self._positions[:last, codes],
                ("position", positions),
                ("digit", names),
                is_of_row=True,
            ),
        ]
        if self._pairs.any():
            pairs = self._pairs[np.ix_(codes, codes)]
            plots.append(
                plot_heat("Pairs of neighbours", pairs, ("digit", names), ("next digit", names))
            )
        return plots
