"""Texture of ink: what pencils, ballpoints and uneven pressure leave bare."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream, to_integers
from digit_sequence.transforms.canvas import Layers
from digit_sequence.transforms.ink.pen import find_dots
from digit_sequence.transforms.page.tiles import SIZE, make_grain
from digit_sequence.transforms.transform import Chance, Drawn, Ink, Section, draw_fields

STEPS = (4, 2, 1)
"""Texels of the tile from a pixel to the next: grain, skips and pressure."""
APART = 170
"""Texels between the places at which these begin."""
_SKIPPED = 0.85
"""Share of its ink that a skipped place lacks."""
Share = Annotated[float, Field(ge=0, le=0.8), Decimals(2)]
Skips = Annotated[float, Field(ge=0, le=0.3), Decimals(2)]


class InkTexture(Ink):
    """Lighten the ink unevenly: grain as of a pencil, skips as of a ballpoint, and pressure.

    Each follows a tile of smooth noise that lies under the whole line, from one light place to the
    next about 2, 5 and 10 pixels. Ink becomes lighter, but none is lost; dots and commas, on which
    pens are pressed, stay as they are.
    """

    name: ClassVar = "ink_texture"
    section: ClassVar[Section] = "glyph"
    example: ClassVar = {"grain": [0.0, 0.5], "skips": [0.0, 0.2], "pressure": [0.0, 0.6]}
    kinds: ClassVar = {
        "pencil": {"grain": [0.6, 0.6], "skips": [0, 0], "pressure": [0.3, 0.3]},
        "ballpoint": {"grain": [0, 0], "skips": [0.08, 0.08], "pressure": [0.2, 0.2]},
        "pressure alone": {"grain": [0, 0], "skips": [0, 0], "pressure": [0.6, 0.6]},
    }
    columns: ClassVar = (
        Column("ink_grain", "float64", "ink that the teeth of the paper lack, share"),
        Column("ink_skips", "float64", "ink that the pen skipped, share"),
        Column("ink_pressure", "float64", "ink that is lacking where a stroke is light, share"),
        Column("ink_texel", "int32", "of the tile of noise, at which the canvas begins"),
    )

    class Settings(Chance):
        """Ink that is uneven."""

        grain: Annotated[tuple[Share, Share], *AS_RANGE] = (0.0, 0.0)
        """How much ink the teeth of the paper lack, as with pencils: share."""
        skips: Annotated[tuple[Skips, Skips], *AS_RANGE] = (0.0, 0.0)
        """How much of a stroke the pen skips, as ballpoints do: share."""
        pressure: Annotated[tuple[Share, Share], *AS_RANGE] = (0.0, 0.0)
        """How much ink is lacking where a stroke is lightest: share."""

    def draw(self, stream: Stream) -> dict[str, NDArray[Any]]:
        """Draw a chance, the three shares, and where on the tile the canvas begins."""
        chance, *words, place = stream.per_sample(5)
        chosen = self.is_chosen(chance)
        names = ("ink_grain", "ink_skips", "ink_pressure")
        shares = draw_fields(np.array(words), self.settings)
        drawn = {
            name: np.where(chosen, share, 0.0) for name, share in zip(names, shares, strict=True)
        }
        return {**drawn, "ink_texel": np.where(chosen, to_integers(place, 0, SIZE * SIZE - 1), 0)}

    def apply(self, layers: Layers, drawn: Drawn, stream: Stream) -> Drawn:
        """Lighten it."""
        layers = layers.choose(np.flatnonzero(~find_dots(stream)))
        tables, texels = _tabulate(drawn), drawn["ink_texel"]
        tile = make_grain().astype(np.int64)
        for g, layer in enumerate(layers):
            (top, left, height, width), sample = layers.places[g].tolist(), layers.samples[g]
            first_row, first_column = divmod(int(texels[sample]), SIZE)
            y, x = np.ogrid[top : top + height, left : left + width]
            kept = np.ones((height, width), np.int64)
            for k, step in enumerate(STEPS):
                rows = first_row + k * APART + y * step
                columns = first_column + x * step
                kept *= tables[sample, k, tile[rows & SIZE - 1, columns & SIZE - 1]]
            lighter = np.maximum((layer * (kept >> 16) + 128) >> 8, 1)
            layer[:] = np.where(layer > 0, lighter, 0)
        return drawn

    def apply_compiled(self, layers: Layers, drawn: Drawn, stream: Stream) -> Drawn:
        """Lighten it by compiled loops."""
        from digit_sequence.transforms.ink.ink_texture_kernels import lighten

        layers = layers.choose(np.flatnonzero(~find_dots(stream)))
        arrays = (layers.pixels, layers.places, layers.starts, layers.strides, layers.samples)
        texels = np.asarray(drawn["ink_texel"], np.int64)
        tables = _tabulate(drawn)
        if (tables < 256).any():
            lighten(*arrays, make_grain().reshape(-1), texels, tables)
        return drawn


def _tabulate(drawn: Drawn) -> NDArray[np.int64]:
    """Return how much ink is kept at each level of the tile, in 1/256: (B, 3, 256)."""
    levels = np.arange(256)
    skips = drawn["ink_skips"]
    bounds = _find_quantiles()[np.round(skips * 100).astype(np.int64)]
    lacking = [
        drawn["ink_grain"][:, None] * ((levels - 104) / 64).clip(0, 1),
        (_SKIPPED * (skips > 0))[:, None] * ((bounds[:, None] - levels) / 24 + 0.5).clip(0, 1),
        drawn["ink_pressure"][:, None] * ((160 - levels) / 80).clip(0, 1),
    ]
    return np.floor(256.5 - 256 * np.stack(lacking, axis=1)).astype(np.int64)


@cache
def _find_quantiles() -> NDArray[np.int64]:
    """Return below which levels 0, 1, ... 100 % of the tile are."""
    ordered = np.sort(make_grain(), axis=None).astype(np.int64)
    return ordered[np.arange(101) * (len(ordered) - 1) // 100]
