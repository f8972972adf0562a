"""The pen: strokes as wide as it draws them, whatever width the glyph had."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream, to_decimals
from digit_sequence.sources.distances import EDGE, LEVELS, REACH
from digit_sequence.transforms.canvas import Layers, to_pixels
from digit_sequence.transforms.geometry import Row
from digit_sequence.transforms.transform import Chance, Drawn, Ink, Placement, Section

HAIRLINE = 1.0
"""Pixels; a thinner stroke is drawn as wide: it would be neither read nor drawn without breaks."""
Width = Annotated[float, Field(ge=0.02, le=0.3), Decimals(3)]
Softness = Annotated[float, Field(ge=0, le=4), Decimals(2)]
Rim = Annotated[float, Field(ge=0, le=0.6), Decimals(2)]
Jitter = Annotated[float, Field(ge=0, le=0.5), Decimals(2)]


class Pen(Placement, Ink):
    """Draw the strokes of a line with one pen, whatever width the glyphs had.

    Ink follows from the distance of each pixel to the edge of the stroke. A width is a share of the
    height of a full-size digit, as sizes and gaps are: so that a look is the same on any canvas. It
    is at least one pixel. Small loops are left open.
    """

    name: ClassVar = "pen"
    section: ClassVar[Section] = "glyph"
    example: ClassVar = {"width": [0.03, 0.25], "softness": [0, 3], "rim": [0, 0.6]}
    takes_distances: ClassVar = True
    columns: ClassVar = (
        Column("pen_width", "float64", "of the pen, share of the digit height; 0: as the glyphs'"),
        Column("pen_softness", "float64", "pixels by which edges of strokes are wider than one"),
        Column("pen_rim", "float64", "how much lighter than its rim a stroke is, share"),
        Column("stroke_width", "float64", "as the pen drew it, pixels; 0: as the glyph's", "digit"),
    )

    class Settings(Chance):
        """One pen for all digits of a line."""

        width: Annotated[tuple[Width, Width], *AS_RANGE] = (0.07, 0.16)
        """Of the stroke, as a share of the height of a full-size digit; at least one pixel."""
        jitter: Jitter = 0.0
        """By what share the width differs from digit to digit, at most."""
        softness: Annotated[tuple[Softness, Softness], *AS_RANGE] = (0.0, 0.0)
        """How far ink bleeds: pixels by which edges are wider than those of a sharp pen."""
        rim: Annotated[tuple[Rim, Rim], *AS_RANGE] = (0.0, 0.0)
        """How much ink the middle of a stroke lacks, as with felt pens: share."""

    def check(self, height: int, width: int) -> None:  # noqa: ARG002
        """Refuse pens that draw nothing but hairlines."""
        least = HAIRLINE / height
        if self.settings.width[1] < least:
            raise ValueError(
                f"glyph.pen.width: expected to end at {np.ceil(least * 1000) / 1000:g} at least, "
                f"one of the {height} rows of the canvas, got {self.settings.width[1]:g}"
            )

    def draw(self, stream: Stream) -> dict[str, NDArray[Any]]:
        """Draw a chance, a width, a softness and a rim for a line, and a jitter for each digit."""
        settings = self.settings
        chance, *words = stream.per_sample(4)
        fields = (("width", 3), ("softness", 2), ("rim", 2))
        is_chosen = self.is_chosen(chance)
        drawn = {
            f"pen_{name}": np.where(is_chosen, to_decimals(word, *getattr(settings, name), n), 0.0)
            for (name, n), word in zip(fields, words, strict=True)
        }
        (jitter,) = stream.per_digit(1)
        factors = 1 + to_decimals(jitter, -settings.jitter, settings.jitter, 4)
        return {**drawn, "stroke_width": drawn["pen_width"][stream.identities.owners] * factors}

    def place(self, row: Row, drawn: Drawn) -> Drawn:
        """Turn shares of the height into pixels."""
        return {"stroke_width": drawn["stroke_width"] * row.heights}

    def grow(self, drawn: Drawn) -> NDArray[np.int64]:
        """Return by how much a pen may widen the ink at any side."""
        widths = np.maximum(drawn["stroke_width"], HAIRLINE) + self.settings.softness[1]
        return np.ceil(widths / 2).astype(np.int64) + 1

    def apply(self, layers: Layers, drawn: Drawn, stream: Stream) -> Drawn:
        """Turn distances into ink."""
        widths = self._find_widths(layers, drawn)
        tables = self._tabulate(layers, widths, drawn, stream)
        for layer, table in zip(layers, tables, strict=True):
            layer[:] = table[layer]
        return {"stroke_width": widths}

    def apply_compiled(self, layers: Layers, drawn: Drawn, stream: Stream) -> Drawn:
        """Do so by compiled loops."""
        from digit_sequence.transforms.ink.pen_kernels import look_up

        widths = self._find_widths(layers, drawn)
        tables = self._tabulate(layers, widths, drawn, stream)
        look_up(layers.pixels, layers.places, layers.starts, layers.strides, tables)
        return {"stroke_width": widths}

    @staticmethod
    def _find_widths(layers: Layers, drawn: Drawn) -> NDArray[np.float64]:
        """Return the width that each stroke is to have, in pixels; 0: as it was."""
        assert layers.strokes
        wanted = drawn["stroke_width"]
        shrunk = np.round(wanted * layers.strokes.shrinkage, 2)
        return np.where(wanted > 0, np.maximum(shrunk, HAIRLINE), 0.0)

    @staticmethod
    def _tabulate(
        layers: Layers, widths: NDArray[np.float64], drawn: Drawn, stream: Stream
    ) -> NDArray[np.uint8]:
        """Return the ink of each level of a distance: (G, 256)."""
        assert layers.strokes
        scales, own = layers.strokes.scales, layers.strokes.widths
        soft, rim = (
            drawn[f"pen_{name}"][stream.identities.owners, None] for name in ("softness", "rim")
        )
        aimed = np.where(widths > 0, widths, np.maximum(own, HAIRLINE))[:, None]
        # Distances are known so far, and no farther.
        farthest = REACH * scales[:, None] - (1 + soft) / 2
        grown = np.minimum((aimed - own[:, None]) / 2, farthest)
        depths = (np.arange(256) - EDGE) / LEVELS * scales[:, None] + grown
        ink = (0.5 + depths / (1 + soft)).clip(0, 1)
        # A rim is as wide as a third of the stroke, and fades within as much.
        ink *= 1 - rim * (depths / aimed * 6 - 1).clip(0, 1)
        tables = to_pixels(ink * 255)
        tables[:, : EDGE - LEVELS * REACH + 1] = 0
        return tables
