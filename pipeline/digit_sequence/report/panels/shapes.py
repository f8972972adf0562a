"""How long numbers are, how wide images, how large digits, how far apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from digit_sequence.report.batch import Batch
from digit_sequence.report.charts import plot_histogram
from digit_sequence.report.histogram import Histogram
from digit_sequence.report.panel import Element, Fact, Panel
from digit_sequence.report.scene import Scene

_FIGURES = {
    "length": ("Lengths of numbers", "characters of a number", "samples"),
    "image_width": ("Widths of images", "width of the image, pixels", "samples"),
    "line_width": ("Widths of lines", "ink of a line from left to right, pixels", "samples"),
    "digit_height": ("Heights of digits", "height of a digit's ink, pixels", "digits"),
    "digit_width": ("Widths of digits", "width of a digit's ink, pixels", "digits"),
    "gap": ("Gaps", "from the ink of a digit to the next, pixels; below 0: they overlap", "gaps"),
}
"""Title, meaning, what is counted."""


class Shapes(Panel):
    """Lengths and widths by split, from the boxes of all samples."""

    name = "shapes"
    title = "Lengths, widths and gaps"
    lead = (
        "Measured on the boxes of all samples, by split. Splits should look alike unless the "
        "config says otherwise, and lengths should be those that will be read."
    )

    def __init__(self) -> None:
        self._found: dict[str, dict[str, Histogram]] = {name: {} for name in _FIGURES}
        self._lengths, self._shrunk = Histogram(is_whole=True), Histogram(is_whole=True)

    def observe(self, batch: Batch) -> None:
        """Measure the boxes."""
        _, top, left, bottom, right = batch.boxes.T
        is_follower = batch.positions[1:] > 0
        starts = np.flatnonzero(batch.positions == 0)
        figures = {
            "length": batch.lengths,
            "image_width": batch.values("width"),
            "digit_height": bottom - top,
            "digit_width": right - left,
            "gap": (left[1:] - right[:-1])[is_follower],
        }
        if len(starts):
            figures["line_width"] = np.maximum.reduceat(right, starts) - np.minimum.reduceat(
                left, starts
            )
        for name, values in figures.items():
            self._found[name].setdefault(batch.split, Histogram(is_whole=True)).add(values)
        self._lengths.add(batch.lengths)
        self._shrunk.add(batch.lengths[batch.values("scaled").astype(bool)])

    def show(self, scene: Scene) -> Sequence[Element]:
        """Return a plot for each figure; of image widths only if they differ."""
        plots: list[Element] = []
        for name, (title, meaning, unit) in _FIGURES.items():
            found = {split: it for split, it in self._found[name].items() if it.total}
            is_even = len({edge for it in found.values() for edge in (it.low, it.high)}) == 1
            if found and not (name == "image_width" and is_even):
                plots.append(plot_histogram(title, meaning, found, unit))
        if self._shrunk.total:
            series = {"all": self._lengths, "shrunk": self._shrunk}
            plots.append(plot_histogram("Lines shrunk to fit", "characters of a number", series))
        return plots

    def list_facts(self) -> Sequence[Fact]:
        """Return the share of lines that were shrunk."""
        share = self._shrunk.total / max(1, self._lengths.total)
        return [Fact(f"{share:.1%}", "of lines shrunk to fit", "bad" if share > 0.05 else "good")]
