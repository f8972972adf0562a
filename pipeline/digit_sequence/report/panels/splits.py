"""What two splits have in common: nothing, of what a test must not have seen."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from digit_sequence.report.panel import Cell, Element, Fact, Note, Panel, Table
from digit_sequence.report.scene import Scene

_STRICT = ("glyphs", "allographs", "images")
"""What no dataset has in two splits; writers and numbers are kept apart where a config asks."""


class Splits(Panel):
    """Counts what occurs in two splits."""

    name = "splits"
    title = "Splits apart"
    lead = (
        "What two splits have in common, counted over all label rows. Glyphs, allographs and "
        "images must be 0, else a test measures memory; writers and numbers are 0 where the config "
        "keeps them apart."
    )

    def __init__(self) -> None:
        self._facts: list[Fact] = []

    def show(self, scene: Scene) -> Sequence[Element]:
        """Return a table of what pairs of splits share."""
        pairs = list(combinations(scene.census.splits, 2))
        if not pairs:
            return [Note("There is one split alone.")]
        rows: list[list[Cell]] = []
        leaks, notes = [], []
        for name, words in scene.census.list_counts():
            shared = [words.count_shared(pair) for pair in pairs]
            rows.append([name, *shared])
            if name in _STRICT and any(shared):
                leaks.append(name)
            if words.share < 1:
                notes.append(Note(f"{name.capitalize()}: {words.share:.1%} of them were compared."))
        self._facts = [
            Fact("not apart", f"splits: {' and '.join(leaks)} in two", "bad")
            if leaks
            else Fact("apart", "splits: no glyph, no image in two", "good")
        ]
        verdict = (
            Note(f"There are {' and '.join(leaks)} that are in two splits.", "bad")
            if leaks
            else Note("No glyph and no image is in two splits.", "good")
        )
        return [verdict, *notes, Table("In two splits", ["what", *map(" and ".join, pairs)], rows)]

    def list_facts(self) -> Sequence[Fact]:
        """Return whether the splits are apart."""
        return self._facts
