"""Every parameter that was drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.columns import Column
from digit_sequence.config.sections import LOOK
from digit_sequence.report.batch import Batch
from digit_sequence.report.charts import plot_bars, plot_histogram
from digit_sequence.report.histogram import Histogram
from digit_sequence.report.panel import Element, Panel, Plot
from digit_sequence.report.scene import Scene
from digit_sequence.store.labels import COLUMNS, PIXEL_HASH
from digit_sequence.transforms.registry import TRANSFORMS

_OTHERS = {column.name for column in (*COLUMNS, PIXEL_HASH)} | {"writers", "hand"}
"""Label columns that are no drawn parameter, or identify somebody."""
MOST_WORDS = 24
"""Different texts of one column that are shown."""
_MOST_COUNTED = 1000


class Parameters(Panel):
    """The distribution of each label column that a transform draws or measures."""

    name = "parameters"
    title = "Drawn parameters"
    lead = (
        "Every value that was drawn, of all splits, where it was applied; the share says where. "
        "Even bars fill the range of the config; a pile at an end was cut off there."
    )

    def __init__(self) -> None:
        self._numbers: dict[str, Histogram] = {}
        self._words: dict[str, Counter[Any]] = {}
        self._resting: Counter[str] = Counter()

    def observe(self, batch: Batch) -> None:
        """Count the values of all columns of transforms."""
        declared = list_columns()
        for name in batch.rows.column_names:
            if name in _OTHERS:
                continue
            values = batch.values(name)
            if values.dtype.kind in "iuf":
                neutral = declared[name].fill(1)[0] if name in declared else 0
                is_resting = values == neutral
                self._resting[name] += int(is_resting.sum())
                histogram = self._numbers.setdefault(name, Histogram(values.dtype.kind != "f"))
                histogram.add(values[~is_resting])
            else:
                self._count_words(name, values)

    def _count_words(self, name: str, values: NDArray[Any]) -> None:
        words = self._words.setdefault(name, Counter())
        found, counts = np.unique(values.astype(str), return_counts=True)
        for word, count in zip(found.tolist(), counts.tolist(), strict=True):
            words[word if word in words or len(words) < _MOST_COUNTED else "..."] += count

    def show(self, scene: Scene) -> Sequence[Element]:
        """Return a plot for each column, in the order of the transforms."""
        declared = list_columns()
        order = [*declared, *self._numbers, *self._words]
        return [
            self._plot(name, declared.get(name))
            for name in dict.fromkeys(order)
            if name in self._words or (name in self._numbers and self._numbers[name].total)
        ]

    def _plot(self, name: str, column: Column | None) -> Plot:
        meaning = column.meaning if column else name
        unit = "digits" if column and column.per == "digit" else "samples"
        if name in self._words:
            common = self._words[name].most_common(MOST_WORDS)
            counts = np.array([count for _, count in common], np.int64)
            return plot_bars(name, meaning, {"": counts}, [word for word, _ in common], unit)
        histogram, resting = self._numbers[name], self._resting[name]
        share = histogram.total / (histogram.total + resting)
        plot = plot_histogram(name, meaning, {"": histogram}, unit)
        note = "" if not resting else f"applied to {share:.1%} of the {unit}"
        return Plot(plot.title, plot.svg, plot.alt, plot.table, note)


def list_columns() -> dict[str, Column]:
    """Return the label columns that may be drawn, by name, in the order of the transforms."""
    columns = [column for it in TRANSFORMS.values() for column in (*it.columns, *it.measured)]
    return {column.name: column for column in (LOOK, *columns)}
