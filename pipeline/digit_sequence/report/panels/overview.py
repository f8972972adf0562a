"""How much there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from digit_sequence.base.text import count_things
from digit_sequence.report.batch import Batch
from digit_sequence.report.panel import Cell, Element, Fact, Note, Panel, Table
from digit_sequence.report.scene import Scene


class Overview(Panel):
    """Samples, digits and bytes of each split, and what is missing or damaged."""

    name = "overview"
    title = "What is there"
    lead = "Samples of each split. All that was planned should be there."

    def __init__(self) -> None:
        self._samples: Counter[str] = Counter()
        self._digits: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._facts: list[Fact] = []

    def observe(self, batch: Batch) -> None:
        """Count samples, digits and bytes."""
        self._samples[batch.split] += len(batch)
        self._digits[batch.split] += len(batch.digits)
        if batch.has("size"):
            self._bytes[batch.split] += int(batch.values("size").sum())

    def show(self, scene: Scene) -> Sequence[Element]:
        """Return a table of the splits, and what is wrong."""
        planned = scene.subject.planned
        height, width = scene.subject.image_shape
        total, n_planned = self._samples.total(), sum(planned.values())
        self._facts = [
            Fact(f"{total:,}", "samples" if total == n_planned else f"of {n_planned:,} samples"),
            Fact(f"{self._digits.total():,}", "digits"),
            Fact(f"{height} x {width}", "pixels, height by width"),
        ]
        if faults := scene.subject.faults:
            self._facts.append(Fact("not whole", count_things(len(faults), "fault"), "bad"))
        head = [
            "split",
            "samples",
            "planned",
            "digits",
            *(["kB of images alone"] if self._bytes else []),
        ]
        rows: list[list[Cell]] = [
            [
                split,
                self._samples[split],
                count,
                self._digits[split],
                *([self._bytes[split] // 1000] if self._bytes else []),
            ]
            for split, count in planned.items()
        ]
        return [*(Note(fault, "bad") for fault in faults), Table("Splits", head, rows)]

    def list_facts(self) -> Sequence[Fact]:
        """Return how much there is."""
        return self._facts
