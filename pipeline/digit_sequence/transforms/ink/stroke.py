"""Thicker or thinner strokes: grey dilation or erosion by a square."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Probability
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream, to_integers, to_uniform
from digit_sequence.transforms.canvas import Layers
from digit_sequence.transforms.transform import Chance, Drawn, Ink, Section

ERODED_PEAK = 64
"""An erosion that would leave a digit without any pixel this bright is not applied."""
MAX_PIXELS = 9
StrokePixels = Annotated[int, Field(ge=1, le=MAX_PIXELS)]


class Stroke(Ink):
    """Dilate or erode the ink of a digit."""

    name: ClassVar = "stroke"
    section: ClassVar[Section] = "glyph"
    example: ClassVar = {"pixels": [1, 4]}
    kinds: ClassVar = {"dilated": {"dilate": 1.0}, "eroded": {"dilate": 0.0}}
    columns: ClassVar = (
        Column("stroke", "int8", "side of the square; above 0 dilated, below 0 eroded", "digit"),
    )

    class Settings(Chance):
        """Grey dilation or erosion by a square."""

        dilate: Probability = 0.5
        """Share of dilations; the rest are erosions."""
        pixels: Annotated[tuple[StrokePixels, StrokePixels], *AS_RANGE] = (2, 2)
        """Side of the square, on the canvas."""

    def draw(self, stream: Stream) -> dict[str, NDArray[Any]]:
        """Draw a chance, dilation or erosion, and the side of the square."""
        chance, kind, size = stream.per_digit(3)
        side = np.where(self.is_chosen(chance), to_integers(size, *self.settings.pixels), 0)
        return {"stroke": np.where(to_uniform(kind) < self.settings.dilate, side, -side)}

    def grow(self, drawn: Drawn) -> NDArray[np.int64]:
        """Return by how much a dilation may widen the ink at any side."""
        grown: NDArray[np.int64] = np.maximum(drawn["stroke"], 0) // 2
        return grown

    def apply(self, layers: Layers, drawn: Drawn, stream: Stream) -> Drawn:  # noqa: ARG002
        """Dilate and erode; what is beyond a layer is paper."""
        from skimage.morphology import dilation, erosion

        stroke = drawn["stroke"].copy()
        for side in np.unique(stroke[stroke != 0]):
            chosen = np.flatnonzero(stroke == side)
            operation = dilation if side > 0 else erosion
            footprint = np.ones((1, abs(side), abs(side)), np.uint8)
            changed = operation(layers.choose(chosen).stack(), footprint, mode="constant", cval=0)
            if side < 0:
                legible = changed.max(axis=(1, 2)) >= ERODED_PEAK
                stroke[chosen[~legible]] = 0
                chosen, changed = chosen[legible], changed[legible]
            layers.choose(chosen).put(changed)
        return {"stroke": stroke}

    def apply_compiled(self, layers: Layers, drawn: Drawn, stream: Stream) -> Drawn:  # noqa: ARG002
        """Dilate and erode by compiled loops."""
        from digit_sequence.transforms.ink.stroke_kernels import change_strokes

        stroke = np.array(drawn["stroke"], np.int64)
        if stroke.any():
            change_strokes(
                layers.pixels, layers.places, layers.starts, layers.strides, ERODED_PEAK, stroke
            )
        return {"stroke": stroke}
