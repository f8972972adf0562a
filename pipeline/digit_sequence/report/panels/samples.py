"""Samples of each split and look, with boxes and masks to switch on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from digit_sequence.report.batch import Batch
from digit_sequence.report.panel import Element, Gallery, Panel
from digit_sequence.report.scene import Scene
from digit_sequence.report.tiles import make_tile

PER_LOOK = 9
"""Samples of each split that are of one look."""
MOST_LOOKS = 12


class Samples(Panel):
    """The first samples of each split and look."""

    name = "samples"
    title = "Samples"
    lead = (
        "The first samples of each split and look. A person should read every number, each box "
        "should hold the ink of its digit, and each mask should lie on its strokes."
    )

    def __init__(self) -> None:
        self._ordinals: dict[tuple[str, str], list[int]] = {}

    def observe(self, batch: Batch) -> None:
        """Keep the ordinals of the first samples of each look."""
        ordinals = batch.values("ordinal")
        if not batch.has("look"):
            self._keep(batch.split, "", ordinals[:PER_LOOK].tolist())
            return
        looks, places = np.unique(batch.values("look").astype("U60"), return_inverse=True)
        for place, look in enumerate(looks.tolist()):
            chosen = ordinals[places == place]
            self._keep(batch.split, look, chosen[:PER_LOOK].tolist())

    def _keep(self, split: str, look: str, ordinals: list[int]) -> None:
        kept = self._ordinals
        if (split, look) not in kept and sum(it == split for it, _ in kept) >= MOST_LOOKS:
            return
        own = kept.setdefault((split, look), [])
        own += ordinals[: PER_LOOK - len(own)]

    def show(self, scene: Scene) -> Sequence[Element]:
        """Return a gallery for each split and look."""
        found = [
            (f"{split}, {look}" if look else split, scene.subject.load(split, ordinals, True))
            for (split, look), ordinals in self._ordinals.items()
        ]
        return [
            Gallery(title, [make_tile(picture) for picture in pictures])
            for title, pictures in found
            if pictures
        ]
