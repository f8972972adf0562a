"""The pen: strokes as wide as it draws them, whatever width the glyph had."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream, to_decimals
from digit_sequence.sources.outlines import EDGE, LEVELS, REACH
from digit_sequence.transforms.canvas import Layers, to_pixels
from digit_sequence.transforms.transform import Chance, Drawn, Ink, Section

MIN_WIDTH = 1.0
"""A thinner line is no longer read, nor drawn without breaks."""
Width = Annotated[float, Field(ge=MIN_WIDTH, le=12), Decimals(2)]
Softness = Annotated[float, Field(ge=0, le=4), Decimals(2)]
Jitter = Annotated[float, Field(ge=0, le=0.5), Decimals(2)]


class Pen(Ink):
    """Draw strokes as wide as a pen, from the distance of each pixel to the edge of the ink."""

    name: ClassVar = "pen"
    section: ClassVar[Section] = "glyph"
    columns: ClassVar = (
        Column("pen_width", "float64", "width of the pen, pixels; 0: strokes keep their own"),
        Column("pen_softness", "float64", "how much softer edges are than sharp ones, pixels"),
        Column("pen_stroke", "float64", "width of the stroke as it was aimed at, pixels", "digit"),
    )

    class Settings(Chance):
        """One pen for all digits of a line."""

        width: Annotated[tuple[Width, Width], *AS_RANGE] = (2.0, 4.7)
        """Width of the stroke, in pixels of the canvas."""
        jitter: Jitter = 0.0
        """By what share the width differs from digit to digit, at most."""
        softness: Annotated[tuple[Softness, Softness], *AS_RANGE] = (0.0, 0.0)
        """How far ink bleeds: edges are this much wider than those of a sharp pen, in pixels."""

    def draw(self, stream: Stream) -> dict[str, NDArray[Any]]:
        """Draw a chance, a width and a softness for each line, and a jitter for each digit."""
        settings = self.settings
        chance, width, softness = stream.per_sample(3)
        chosen = self.is_chosen(chance)
        widths = np.where(chosen, to_decimals(width, settings.width[0], settings.width[1], 2), 0.0)
        (jitter,) = stream.per_digit(1)
        factors = 1 + to_decimals(jitter, -settings.jitter, settings.jitter, 4)
        aimed = np.maximum(widths[stream.identities.owners] * factors, MIN_WIDTH)
        is_drawn = chosen[stream.identities.owners]
        return {
            "pen_width": widths,
            "pen_softness": np.where(
                chosen, to_decimals(softness, settings.softness[0], settings.softness[1], 2), 0.0
            ),
            "pen_stroke": np.where(is_drawn, np.round(aimed, 2), 0.0),
        }

    def grow(self, drawn: Drawn) -> NDArray[np.int64]:
        """Return by how much a pen may widen the ink at any side."""
        soft = self.settings.softness[1]
        grown: NDArray[np.int64] = np.ceil((drawn["pen_stroke"] + soft) / 2).astype(np.int64) + 1
        return grown

    def apply(self, layers: Layers, drawn: Drawn, stream: Stream) -> Drawn:
        """Turn distances into ink."""
        for layer, table in zip(layers, self._tabulate(layers, drawn, stream), strict=True):
            layer[:] = table[layer]
        return drawn

    def apply_compiled(self, layers: Layers, drawn: Drawn, stream: Stream) -> Drawn:
        """Do so by compiled loops."""
        from digit_sequence.transforms.ink.pen_kernels import look_up

        tables = self._tabulate(layers, drawn, stream)
        look_up(layers.pixels, layers.places, layers.starts, layers.strides, tables)
        return drawn

    @staticmethod
    def _tabulate(layers: Layers, drawn: Drawn, stream: Stream) -> NDArray[np.uint8]:
        """Return the ink of each level of a distance: (G, 256)."""
        assert layers.scales is not None
        assert layers.widths is not None
        aimed = np.where(drawn["pen_stroke"] > 0, drawn["pen_stroke"], layers.widths)
        edges = 1 + drawn["pen_softness"][stream.identities.owners]
        # Distances are known so far, and no farther.
        grown = np.minimum((aimed - layers.widths) / 2, REACH * layers.scales - edges / 2)
        distances = (np.arange(256) - EDGE) / LEVELS * layers.scales[:, None] + grown[:, None]
        tables = to_pixels((0.5 + distances / edges[:, None]).clip(0, 1) * 255)
        tables[:, : EDGE - LEVELS * REACH + 1] = 0
        return tables
