"""The pen: strokes as wide as it draws them, whatever width the glyph had."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Block, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream, to_decimals
from digit_sequence.sources.distances import LEVELS, REACH
from digit_sequence.transforms.canvas import Layers, to_pixels
from digit_sequence.transforms.geometry import Row
from digit_sequence.transforms.transform import Drawn, Ink, Placement, Section, draw_fields

HAIRLINE = 1.0
"""Pixels; a thinner stroke is drawn as wide: it would be neither read nor drawn without breaks."""
_MIDDLE = 0.25
"""Glyph pixels from the middle of a stroke to the pixels beside it, on average."""
Width = Annotated[float, Field(ge=0.02, le=0.3), Decimals(3)]
Softness = Annotated[float, Field(ge=0, le=4), Decimals(2)]
Rim = Annotated[float, Field(ge=0, le=0.6), Decimals(2)]
Jitter = Annotated[float, Field(ge=0, le=0.5), Decimals(3)]


class Pen(Placement, Ink):
    """Draw the strokes of a line with one pen, whatever width the glyphs had.

    Ink follows from the distance of each pixel to the middle of the stroke. A width is a share of
    the height of a full-size digit, as sizes and gaps are: so that a look is the same on any
    canvas. It is at least one pixel. Small loops are left open.
    """

    name: ClassVar = "pen"
    section: ClassVar[Section] = "glyph"
    example: ClassVar = {"width": [0.03, 0.25], "softness": [0, 3], "rim": [0, 0.6]}
    takes_distances: ClassVar = True
    columns: ClassVar = (
        Column("pen_width", "float64", "width of the pen, share of the digit height"),
        Column("pen_softness", "float64", "pixels by which edges of strokes are wider than one"),
        Column("pen_rim", "float64", "how much lighter than its rim a stroke is, share"),
        Column("stroke_width", "float64", "as the pen drew it, pixels; 0: the glyph's", "digit"),
    )

    class Settings(Block):
        """One pen for all digits of a line."""

        width: Annotated[tuple[Width, Width], *AS_RANGE] = (0.07, 0.16)
        """Of the stroke, as a share of the height of a full-size digit; at least one pixel."""
        softness: Annotated[tuple[Softness, Softness], *AS_RANGE] = (0.0, 0.0)
        """How far ink bleeds: pixels by which edges are wider than those of a sharp pen."""
        rim: Annotated[tuple[Rim, Rim], *AS_RANGE] = (0.0, 0.0)
        """How much ink the middle of a stroke lacks, as with felt pens: share."""
        jitter: Annotated[tuple[Jitter, Jitter], *AS_RANGE] = (0.0, 0.0)
        """By what share the width of a digit may differ from that of the pen, at most."""

    def check(self, height: int, width: int) -> None:  # noqa: ARG002
        """Refuse pens that draw nothing but hairlines."""
        least = HAIRLINE / height
        if self.settings.width[1] < least:
            raise ValueError(
                f"glyph.pen.width: expected to end at {np.ceil(least * 1000) / 1000:g} or above, "
                f"one of the {height} rows of the canvas, got {self.settings.width[1]:g}"
            )

    def draw(self, stream: Stream) -> dict[str, NDArray[Any]]:
        """Draw a width, a softness, a rim and a jitter for a line, and its part for each digit."""
        width, softness, rim, jitter = draw_fields(stream.per_sample(4), self.settings)
        owners = stream.identities.owners
        (words,) = stream.per_digit(1)
        factors = 1 + jitter[owners] * to_decimals(words, -1, 1, 4)
        return {
            "pen_width": width,
            "pen_softness": softness,
            "pen_rim": rim,
            "stroke_width": width[owners] * factors,
        }

    def place(self, row: Row, drawn: Drawn) -> Drawn:
        """Turn shares of the height into pixels."""
        return {"stroke_width": drawn["stroke_width"] * row.heights}

    def grow(self, drawn: Drawn) -> NDArray[np.int64]:
        """Return by how much a pen may widen the ink at any side."""
        widths = np.maximum(drawn["stroke_width"], HAIRLINE) + self.settings.softness[1]
        grown: NDArray[np.int64] = np.ceil(widths / 2).astype(np.int64) + 1
        return grown

    def apply(self, layers: Layers, drawn: Drawn, stream: Stream) -> Drawn:
        """Turn distances into ink."""
        applied = self._shrink(layers, drawn)
        tables = self._tabulate(layers, drawn, applied["stroke_width"], stream)
        for layer, table in zip(layers, tables, strict=True):
            layer[:] = table[layer]
        return applied

    def apply_compiled(self, layers: Layers, drawn: Drawn, stream: Stream) -> Drawn:
        """Do so by compiled loops."""
        from digit_sequence.transforms.ink.pen_kernels import look_up

        applied = self._shrink(layers, drawn)
        tables = self._tabulate(layers, drawn, applied["stroke_width"], stream)
        look_up(layers.pixels, layers.places, layers.starts, layers.strides, tables)
        return applied

    @staticmethod
    def _shrink(layers: Layers, drawn: Drawn) -> dict[str, NDArray[Any]]:
        """Return the widths of strokes in lines as they were shrunk, to 0.01 pixels."""
        assert layers.strokes
        widths = np.round(drawn["stroke_width"] * layers.strokes.shrinkage, 2)
        return {"stroke_width": np.maximum(widths, HAIRLINE)}

    @staticmethod
    def _tabulate(
        layers: Layers, drawn: Drawn, widths: NDArray[np.float64], stream: Stream
    ) -> NDArray[np.uint8]:
        """Return the ink of each level of a distance: (G, 256)."""
        assert layers.strokes
        owners = stream.identities.owners
        edges, rim = 1 + drawn["pen_softness"][owners, None], drawn["pen_rim"][owners, None]
        radii, scales = widths[:, None] / 2, layers.strokes.scales[:, None]
        # Distances are known so far, and no farther.
        radii = np.minimum(radii, (REACH - 0.25) * scales - edges / 2)
        distances = np.arange(255, -1, -1) / LEVELS
        # No pixel of the glyph lies in the very middle, where distances would be 0.
        distances = (distances - _MIDDLE * (1 - distances).clip(0)) * scales
        ink = (0.5 + (radii - distances) / edges).clip(0, 1)
        # A rim is as wide as a third of half the stroke, and fades within as much.
        ink *= 1 - rim * (2 - 3 * distances / radii).clip(0, 1)
        tables = to_pixels(ink * 255)
        tables[:, 0] = 0
        return tables
