"""Every parameter that was drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from digit_sequence.config.sections import LOOK
from digit_sequence.report.batch import Batch
from digit_sequence.report.charts import plot_bars, plot_histogram
from digit_sequence.report.columns import list_columns
from digit_sequence.report.histogram import Histogram
from digit_sequence.report.panel import Element, Heading, Panel, Plot
from digit_sequence.report.scene import Scene
from digit_sequence.sources.hands import HAND, WRITERS
from digit_sequence.store.label_schema import COLUMNS, PIXEL_HASH
from digit_sequence.transforms.registry import TRANSFORMS
from digit_sequence.transforms.transform import (
    CellMap,
    Choice,
    Ink,
    LineMap,
    LineMove,
    Page,
    Placement,
    Transform,
)

_STAGES: dict[type[Transform], str] = {
    Choice: "Which glyph stands for a digit",
    CellMap: "How a digit fills its cell",
    Placement: "How digits stand in a row",
    LineMove: "Where the line lies",
    LineMap: "How the line is bent",
    Ink: "Ink",
    Page: "Paper, marks and camera",
    Transform: "Others",
}
"""Headings, in the order of drawing."""
_OTHERS = {column.name for column in (*COLUMNS, PIXEL_HASH)} | {WRITERS.name, HAND.name}
"""Label columns that are no drawn parameter, or name somebody; seeds are left out as well."""
MOST_WORDS = 16
"""Different texts of one column that are shown."""
_MOST_COUNTED = 1000
_MOST_LETTERS = 60
MOST_OTHERS = 50
"""Columns that this program does not declare, shown at most."""


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
            if name in _OTHERS or name.endswith("_seed"):
                continue
            kind = batch.find_type(name)
            if pa.types.is_integer(kind) or pa.types.is_floating(kind):
                neutral = declared[name].fill(1)[0] if name in declared else 0
                self._count_numbers(name, batch.values(name), neutral)
            elif pa.types.is_string(kind) or pa.types.is_boolean(kind):
                self._count_words(name, batch.count(name))

    def _count_numbers(self, name: str, values: NDArray[Any], neutral: Any) -> None:
        is_resting = values == neutral
        self._resting[name] += int(is_resting.sum())
        is_whole = values.dtype.kind != "f"
        self._numbers.setdefault(name, Histogram(is_whole)).add(values[~is_resting])

    def _count_words(self, name: str, counts: dict[Any, int]) -> None:
        words = self._words.setdefault(name, Counter())
        for value, count in counts.items():
            word = ("no", "yes")[value] if isinstance(value, bool) else str(value)[:_MOST_LETTERS]
            if not word:
                self._resting[name] += count
            else:
                words[word if word in words or len(words) < _MOST_COUNTED else "..."] += count

    def show(self, scene: Scene) -> Sequence[Element]:
        """Return a plot for each column, stage by stage."""
        elements: list[Element] = []
        for title, names in self._group_names().items():
            plots = [plot for name in names if (plot := self._plot(name))]
            elements += [Heading(title), *plots] if plots else []
        return elements

    def _group_names(self) -> dict[str, list[str]]:
        """Return the names of columns by stage; of unknown ones at the end."""
        groups: dict[str, list[str]] = {"Look": [LOOK.name]}
        for transform in TRANSFORMS.values():
            title = next(it for stage, it in _STAGES.items() if issubclass(transform, stage))
            columns = (*transform.columns, *transform.measured)
            groups.setdefault(title, []).extend(column.name for column in columns)
        known = {name for names in groups.values() for name in names}
        others = [name for name in (*self._numbers, *self._words) if name not in known]
        return groups | {"Others": others[:MOST_OTHERS]}

    def _plot(self, name: str) -> Plot | None:
        column = list_columns().get(name)
        meaning = column.meaning if column else name
        unit = "digits" if column and column.per == "digit" else "samples"
        resting = self._resting[name]
        histogram = self._numbers.get(name)
        if words := self._words.get(name):
            common = words.most_common(MOST_WORDS)
            counts = np.array([count for _, count in common], np.int64)
            plot = plot_bars(name, meaning, {"": counts}, [word for word, _ in common], unit)
            applied = words.total()
        elif histogram and histogram.total:
            plot = plot_histogram(name, meaning, {"": histogram}, unit)
            applied = histogram.total
        else:
            return None
        share = applied / (applied + resting)
        notes = [plot.note, f"applied to {share:.1%} of the {unit}" if resting else ""]
        if histogram and histogram.n_odd:
            notes.append(f"{histogram.n_odd:,} values are no numbers")
        return replace(plot, note="; ".join(filter(None, notes)))
