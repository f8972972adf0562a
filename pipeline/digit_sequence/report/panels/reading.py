"""What a small network cannot read, and the worst of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from digit_sequence.report.panel import Cell, Element, Fact, Gallery, Note, Panel, Table, Tile
from digit_sequence.report.scene import Scene
from digit_sequence.report.subject import Picture
from digit_sequence.report.tiles import make_tile

if TYPE_CHECKING:
    from digit_sequence.learn.report import Reading

WORST = 24
"""Mistakes that are shown."""


class Readings(Panel):
    """Has the reference network read some images."""

    name = "reading"
    title = "What the network cannot read"
    lead = (
        "Some images as the network of --weights reads them. Mistakes that a person would make too "
        "are images beyond reading: fewer of those is better. Mistakes that nobody would make are "
        "what the network was not taught."
    )

    def __init__(self) -> None:
        self._facts: list[Fact] = []

    def show(self, scene: Scene) -> Sequence[Element]:
        """Return shares by split, look and length, and the surest mistakes."""
        if scene.weights is None:
            return []
        from digit_sequence.learn.reader import Reader
        from digit_sequence.learn.report import Reading, find_mistakes, measure, measure_bounds

        reader = Reader(scene.weights)
        pictures = scene.pictures
        readings = [reader.read(picture.image) for picture in pictures]
        reading = Reading(
            [picture.number for picture in pictures],
            [it.number for it in readings],
            [it.confidence for it in readings],
        )
        wrong = find_mistakes(reading)
        unread = len(wrong) / len(pictures)
        low, high = measure_bounds(reading)["exact_match"]
        self._facts = [Fact(f"{unread:.2%}", "read wrong by the network")]
        summary = (
            f"Of {len(pictures):,} images, evenly spread, {unread:.2%} were read wrong "
            f"({1 - high:.2%} to {1 - low:.2%} with 95 % confidence); "
            f"{measure(reading)['character_error_rate']:.2%} of the digits."
        )
        tiles = [_make_tile(pictures[place], reading, place) for place in wrong[:WORST]]
        return [
            Note(summary),
            Table("Read wrong", ["of", "images", "wrong", "share"], _count(pictures, set(wrong))),
            *([Gallery("The mistakes it is surest of", tiles)] if tiles else []),
        ]

    def list_facts(self) -> Sequence[Fact]:
        """Return the share that was read wrong."""
        return self._facts


def _make_tile(picture: Picture, reading: Reading, place: int) -> Tile:
    found = reading.predictions[place] or "nothing"
    return make_tile(picture, f"read as {found} ({reading.confidences[place]:.0%})")


def _count(pictures: Sequence[Picture], wrong: set[int]) -> list[list[Cell]]:
    """Return rows of how many images there are of a kind, and how many were read wrong."""
    totals: Counter[str] = Counter()
    mistakes: Counter[str] = Counter()
    for place, picture in enumerate(pictures):
        kinds = [picture.split, f"{len(picture.number)} characters"]
        for kind in [*kinds, *([f"look {picture.look}"] if picture.look else [])]:
            totals[kind] += 1
            mistakes[kind] += place in wrong
    return [
        [kind, count, mistakes[kind], f"{mistakes[kind] / count:.2%}"]
        for kind, count in sorted(totals.items())
    ]
