"""Holes in the ink of a digit."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream
from digit_sequence.transforms.canvas import Layers
from digit_sequence.transforms.ink.specks import SpeckSettings, draw_places, find_specks
from digit_sequence.transforms.transform import Drawn, Ink, Section


class Pepper(Ink):
    """Take the ink from single pixels of the ink box, unless that would erase the digit."""

    name: ClassVar = "pepper"
    section: ClassVar[Section] = "glyph"
    example: ClassVar = {"pixels": [0, 20]}
    Settings = SpeckSettings
    columns: ClassVar = (Column("pepper", "int8", "dark specks, as applied", "digit"),)

    def apply(self, layers: Layers, drawn: Drawn, stream: Stream) -> Drawn:
        """Take it, and say from which."""
        chosen = np.flatnonzero(drawn["pepper"])
        if not len(chosen):
            return drawn
        few = layers.choose(chosen)
        before = few.stack()
        layers.pixels[find_specks(few, drawn["pepper"][chosen], draw_places(stream)[chosen])] = 0
        erased = before.any(axis=(1, 2)) & ~few.stack().any(axis=(1, 2))
        few.choose(np.flatnonzero(erased)).put(before[erased])
        pepper = drawn["pepper"].copy()
        pepper[chosen[erased]] = 0
        return {"pepper": pepper}

    def apply_compiled(self, layers: Layers, drawn: Drawn, stream: Stream) -> Drawn:
        """Take it by compiled loops."""
        from digit_sequence.transforms.ink.specks_kernels import set_specks

        if not drawn["pepper"].any():
            return drawn
        return {"pepper": set_specks(layers, drawn["pepper"], draw_places(stream), bright=False)}
