"""The pen: strokes as wide as it draws them, whatever width the glyph had."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Block, Decimals
from digit_sequence.base.characters import DOTS, encode_text, find_signs
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream, to_decimals
from digit_sequence.sources.distances import LEVELS, REACH
from digit_sequence.transforms.canvas import STRETCH, Layers, to_pixels
from digit_sequence.transforms.geometry import Row
from digit_sequence.transforms.transform import Drawn, Ink, Placement, Section, draw_fields

HAIRLINE = 1.0
"""Pixels; a thinner stroke is drawn as wide: it would be neither read nor drawn without breaks."""
DOT = 2.0
"""Pixels; a thinner dot or comma is drawn as wide: paper has specks of one pixel."""
DOT_WIDTH = 0.11
"""Of dots and commas, at least, as a share of the digit height: measured on cheques."""
_PRESSED = 1.2
"""How much wider than strokes they are."""
FAR = 1e9
"""Farther from a stroke than any pen reaches."""
Width = Annotated[float, Field(ge=0.02, le=0.3), Decimals(3)]
Softness = Annotated[float, Field(ge=0, le=4), Decimals(2)]
Rim = Annotated[float, Field(ge=0, le=0.6), Decimals(2)]
Jitter = Annotated[float, Field(ge=0, le=0.5), Decimals(3)]


class Pen(Placement, Ink):
    """Draw the strokes of a line with one pen, whatever width the glyphs had.

    Ink follows from the distance of each pixel to the middle of the stroke. A width is a share of
    the height of a full-size digit, as sizes and gaps are: so that a look is the same on any
    canvas. It is at least one pixel. Small loops are left open. Dots and commas are pressed: wider
    than strokes by a fifth, and than 0.11 of the height and two pixels.
    """

    name: ClassVar = "pen"
    section: ClassVar[Section] = "glyph"
    example: ClassVar = {"width": [0.03, 0.25], "softness": [0.0, 3.0], "rim": [0.0, 0.6]}
    kinds: ClassVar = {
        "ballpoint": {"width": [0.06, 0.06], "softness": [0, 0], "rim": [0, 0]},
        "felt pen": {"width": [0.16, 0.16], "softness": [0.5, 0.5], "rim": [0.35, 0.35]},
        "ink that bleeds": {"width": [0.12, 0.12], "softness": [2.5, 2.5], "rim": [0, 0]},
    }
    takes_distances: ClassVar = True
    columns: ClassVar = (
        Column("pen_width", "float64", "width of the pen, share of the digit height"),
        Column("pen_softness", "float64", "pixels by which edges of strokes are wider than one"),
        Column("pen_rim", "float64", "how much lighter than its rim a stroke is, share"),
        Column("stroke_width", "float64", "as the pen drew it, pixels; 0: the glyph's", "digit"),
    )

    class Settings(Block):
        """One pen for all digits of a line."""

        width: Annotated[tuple[Width, Width], *AS_RANGE] = (0.05, 0.13)
        """Of the stroke, as a share of the height of a full-size digit; a pixel at least."""
        softness: Annotated[tuple[Softness, Softness], *AS_RANGE] = (0.0, 0.0)
        """How far ink bleeds: pixels by which edges are wider than those of a sharp pen. None is
        wider than the stroke."""
        rim: Annotated[tuple[Rim, Rim], *AS_RANGE] = (0.0, 0.0)
        """How much ink the middle of a stroke lacks, as with felt pens: share; less in strokes that
        are thinner than three pixels."""
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
        widths = width[owners] * (1 + jitter[owners] * to_decimals(words, -1, 1, 4))
        pressed = np.maximum(widths * _PRESSED, DOT_WIDTH)
        return {
            "pen_width": width,
            "pen_softness": softness,
            "pen_rim": rim,
            "stroke_width": np.where(find_dots(stream), pressed, widths),
        }

    def place(self, row: Row, drawn: Drawn) -> Drawn:
        """Turn shares of the height into pixels."""
        return {"stroke_width": drawn["stroke_width"] * row.heights}

    def grow(self, drawn: Drawn) -> NDArray[np.int64]:
        """Return by how much a pen may widen the ink at any side."""
        widths = np.maximum(drawn["stroke_width"], HAIRLINE) + self.settings.softness[1]
        grown: NDArray[np.int64] = np.ceil((widths + 1) / 2 * STRETCH).astype(np.int64) + 1
        return grown

    def apply(self, layers: Layers, drawn: Drawn, stream: Stream) -> Drawn:
        """Turn distances into ink."""
        widths, nibs = _choose_nibs(layers, drawn, stream)
        radii, edges, rims, scales = nibs.T[:, :, None]
        distances = _list_distances() * scales
        ink = (0.5 + (radii - distances) / edges).clip(0, 1)
        # A rim is as wide as a third of half the stroke, and fades within as much.
        ink *= 1 - rims * (2 - 3 * distances / radii).clip(0, 1)
        tables = to_pixels(ink * 255)
        for layer, table in zip(layers, tables, strict=True):
            layer[:] = table[layer]
        return {"stroke_width": widths}

    def apply_compiled(self, layers: Layers, drawn: Drawn, stream: Stream) -> Drawn:
        """Do so by compiled loops."""
        from digit_sequence.transforms.ink.pen_kernels import draw_strokes

        widths, nibs = _choose_nibs(layers, drawn, stream)
        arrays = (layers.pixels, layers.places, layers.starts, layers.strides)
        draw_strokes(*arrays, _list_distances(), nibs)
        return {"stroke_width": widths}


def find_dots(stream: Stream) -> NDArray[np.bool_]:
    """Return which of the digits are dots and commas: (G,)."""
    return np.isin(stream.identities.digits, list(encode_text(DOTS)))


@cache
def _list_distances() -> NDArray[np.float64]:
    """Return how far the middle of the stroke is at each level, in glyph pixels: (256,).

    Of pixels beside the middle it is 0.25 on average, and of none between them less; these are to
    be as dark as the middle.
    """
    distances = np.arange(255, -1, -1) / LEVELS
    known = distances < REACH
    return np.where(known, distances - 0.25 * (1 - distances).clip(0), FAR)


def _choose_nibs(
    layers: Layers, drawn: Drawn, stream: Stream
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the width of each stroke, in a line as it was shrunk, and its nib.

    That is (G, 4): half of the width and the width of the edges in pixels, the share that the
    middle lacks, pixels of the canvas for each one of the glyph.
    """
    assert layers.strokes
    owners, scales = stream.identities.owners, layers.strokes.scales
    widths = np.round(drawn["stroke_width"] * layers.strokes.shrinkage, 2)
    widths = np.maximum(widths, np.where(find_dots(stream), DOT, HAIRLINE))
    edges, rims = 1 + drawn["pen_softness"][owners], drawn["pen_rim"][owners]
    # So that the middle of a thin stroke is as dark as that of others.
    edges = np.minimum(edges, widths)
    rims = rims * (widths / 2 - HAIRLINE / 2).clip(0, 1)
    # Distances are known so far, and no farther.
    radii = np.minimum(widths / 2, (REACH - 0.25) * scales - edges / 2)
    signs = np.flatnonzero(find_signs(stream.identities.digits))
    if len(signs):  # of a dot there may be no more than a point, between pixels
        nearest = _list_distances()[layers.choose(signs).stack().max(axis=(1, 2))] * scales[signs]
        radii[signs] = np.maximum(radii[signs], np.where(nearest < FAR, nearest, 0))
    return widths, np.stack([np.maximum(radii, HAIRLINE / 2), edges, rims, scales], axis=-1)
