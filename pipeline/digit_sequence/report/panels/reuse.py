"""How often glyphs, allographs, writers and numbers come again."""

from __future__ import annotations

from collections.abc import Sequence

from digit_sequence.base.names import SPLITS
from digit_sequence.report.charts import plot_histogram
from digit_sequence.report.histogram import Histogram
from digit_sequence.report.panel import Cell, Element, Fact, Panel, Table
from digit_sequence.report.scene import Scene

_USES = {
    "glyphs": "digits drawn from one glyph",
    "allographs": "digits drawn from one allograph",
    "writers": "digits of one writer",
    "numbers": "samples of one number",
}
_HEAD = ("what", "split", "different", "used once", "uses of each, median", "most")


class Reuse(Panel):
    """Shows how many different ones there are, and how often each is used."""

    name = "reuse"
    title = "Use of glyphs, writers and numbers"
    lead = (
        "How often the same glyph, writer or number comes again. A glyph is one handwritten digit "
        "of the source, the picture that a digit of a number is drawn from; an allograph is a "
        "glyph that was made for a shape that the source lacks. The more different ones, the more "
        "a network sees; a tail to the right is what it sees most."
    )

    def __init__(self) -> None:
        self._facts: list[Fact] = []

    def show(self, scene: Scene) -> Sequence[Element]:
        """Return a table, and a plot for each."""
        rows: list[list[Cell]] = []
        plots: list[Element] = []
        for name, words in scene.census.list_counts():
            if name not in _USES:
                continue
            what = "glyphs of the source" if name == "glyphs" else name
            self._facts.append(Fact(f"{words.n_different:,}", f"different {what}"))
            _, counts = words.table()
            uses: dict[str, Histogram] = {}
            for split in scene.census.splits:
                own = counts[:, SPLITS.index(split)]
                if not own.any():  # as allographs, of a few samples
                    continue
                histogram = uses[split] = Histogram(is_whole=True)
                histogram.add(own[own > 0])
                n_once = int((own == 1).sum())
                rows.append(
                    [
                        *(name, split),
                        *(round(it / words.share) for it in (histogram.total, n_once)),
                        *(round(histogram.quantile(share)) for share in (0.5, 1)),
                    ]
                )
            if any(histogram.high > 1 for histogram in uses.values()):
                plots.append(plot_histogram(f"Uses of {name}", _USES[name], uses, name))
        return [Table("Different ones", _HEAD, rows), *plots]

    def list_facts(self) -> Sequence[Fact]:
        """Return how many different ones there are."""
        return self._facts
