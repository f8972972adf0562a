"""Bright specks in the ink box of a digit."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream
from digit_sequence.transforms.canvas import Layers
from digit_sequence.transforms.ink.specks import SpeckSettings, draw_places, find_specks
from digit_sequence.transforms.transform import Drawn, Ink, Section


class Salt(Ink):
    """Set single pixels of a digit's ink box to full ink."""

    name: ClassVar = "salt"
    section: ClassVar[Section] = "glyph"
    example: ClassVar = {"pixels": [0, 20]}
    Settings = SpeckSettings
    columns: ClassVar = (Column("salt", "int8", "bright specks", "digit"),)

    def apply(self, layers: Layers, drawn: Drawn, stream: Stream) -> Drawn:
        """Set them."""
        chosen = np.flatnonzero(drawn["salt"])
        if len(chosen):
            few, places = layers.choose(chosen), draw_places(stream)[chosen]
            layers.pixels[find_specks(few, drawn["salt"][chosen], places)] = 255
        return drawn

    def apply_compiled(self, layers: Layers, drawn: Drawn, stream: Stream) -> Drawn:
        """Set them by compiled loops."""
        from digit_sequence.transforms.ink.specks_kernels import set_specks

        if drawn["salt"].any():
            set_specks(layers, drawn["salt"], draw_places(stream), bright=True)
        return drawn
