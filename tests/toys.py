"""A toy transform of each stage, as another package would bring them."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream, split_words
from digit_sequence.transforms.canvas import Layers, Pages
from digit_sequence.transforms.geometry import Cells, Points, Row
from digit_sequence.transforms.transform import (
    CellMap,
    Chance,
    Drawn,
    Ink,
    LineMap,
    Page,
    Placement,
    Section,
)

Share = Annotated[float, Field(ge=0.5, le=1), Decimals(2)]
Factor = Annotated[float, Field(ge=1, le=1.5), Decimals(2)]
Pixels = Annotated[int, Field(ge=0, le=6)]
Rows = Annotated[float, Field(ge=0, le=6), Decimals(2)]


class Squeeze(CellMap):
    """Narrow a digit and its cell."""

    name: ClassVar = "squeeze"
    section: ClassVar[Section] = "glyph"
    columns: ClassVar = (Column("squeeze", "float64", "share of the width; 0: all", "digit"),)

    class Settings(Chance):
        """Narrow digits."""

        share: Annotated[tuple[Share, Share], *AS_RANGE]
        """Share of the width that is left."""

    def shape(self, cells: Cells, drawn: Drawn) -> None:
        """Narrow them."""
        share = np.where(drawn["squeeze"] > 0, drawn["squeeze"], 1.0)
        cells.transform(share, 0.0, 0.0, 1.0)
        cells.widths = cells.widths * share


class Tracking(Placement):
    """Widen the gaps between digits."""

    name: ClassVar = "tracking"
    section: ClassVar[Section] = "line"
    columns: ClassVar = (Column("tracking", "int16", "columns added before a digit", "digit"),)

    class Settings(Chance):
        """Widen gaps."""

        columns: Annotated[tuple[Pixels, Pixels], *AS_RANGE]
        """How many columns are added."""

    def place(self, row: Row, drawn: Drawn) -> Drawn:
        """Widen all but what stands before a number."""
        added = drawn["tracking"].copy()
        added[row.starts[:-1]] = 0
        row.gaps = row.gaps + added
        return {"tracking": added}


class Wave(LineMap):
    """Move columns up and down by a sine along the line."""

    name: ClassVar = "wave"
    section: ClassVar[Section] = "line"
    columns: ClassVar = (Column("wave_rows", "float64", "amplitude, rows"),)

    class Settings(Chance):
        """A wavy line."""

        rows: Annotated[tuple[Rows, Rows], *AS_RANGE]
        """Amplitude."""

    def locate(self, points: Points, drawn: Drawn) -> None:
        """Move points up and down."""
        rows = drawn["wave_rows"][points.samples]
        points.rows = points.rows - rows * np.sin(points.columns / 9)

    def reach(self, drawn: Drawn, height: int, widths: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the amplitude."""
        del height, widths
        amplitude: NDArray[np.float64] = drawn["wave_rows"]
        return amplitude


class Stretch(LineMap):
    """Stretch a line from the middle of the canvas to its sides."""

    name: ClassVar = "stretch"
    section: ClassVar[Section] = "line"
    columns: ClassVar = (Column("stretch", "float64", "factor; 0: none"),)

    class Settings(Chance):
        """A longer line."""

        factor: Annotated[tuple[Factor, Factor], *AS_RANGE]
        """How much longer."""

    def _factors(self, drawn: Drawn) -> NDArray[np.float64]:
        return np.maximum(drawn["stretch"], 1.0)

    def locate(self, points: Points, drawn: Drawn) -> None:
        """Move points towards the middle."""
        middle = (points.widths - 1) / 2
        factor = self._factors(drawn)[points.samples]
        points.columns = middle + (points.columns - middle) / factor

    def reach(self, drawn: Drawn, height: int, widths: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how far a point at the side of the canvas moves."""
        del height
        return (self._factors(drawn) - 1) * widths / 2


class Fade(Ink):
    """Make the ink of a digit weaker."""

    name: ClassVar = "fade"
    section: ClassVar[Section] = "glyph"
    columns: ClassVar = (Column("fade", "float64", "share of the ink that is left", "digit"),)

    class Settings(Chance):
        """Weaker ink."""

        share: Annotated[tuple[Share, Share], *AS_RANGE]
        """Share of the ink that is left."""

    def apply(self, layers: Layers, drawn: Drawn, stream: Stream) -> Drawn:
        """Fade layers."""
        del stream
        for layer, share in zip(layers, drawn["fade"].tolist(), strict=True):
            if share > 0:
                layer[:] = np.ceil(layer * share)
        return drawn


class Dusk(Page):
    """Darken pixels, each by some grey levels of its own."""

    name: ClassVar = "dusk"
    section: ClassVar[Section] = "line"
    columns: ClassVar = (Column("dusk", "int16", "grey levels, at most"),)

    class Settings(Chance):
        """Darker pixels."""

        levels: Annotated[tuple[Pixels, Pixels], *AS_RANGE]
        """Grey levels, at most."""

    def apply(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:
        """Darken pages."""
        n_pixels = pages.pixels[0].size
        for sample in np.flatnonzero(drawn["dusk"]).tolist():
            shares = split_words(stream.of_pixels(sample, -(-n_pixels // 8)), 8).reshape(-1)
            levels = shares[:n_pixels] * np.uint64(drawn["dusk"][sample]) // np.uint64(256)
            page = pages.pixels[sample].reshape(-1)
            page[:] = np.maximum(page, levels) - levels


class OneEngine(Dusk):
    """A page transform whose compiled loops are other than its definition."""

    name: ClassVar = "one_engine"
    columns: ClassVar = (Column("one_engine", "int16", "grey levels, at most"),)

    def apply(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:
        """Darken pages by grey levels."""
        del stream
        pages.pixels[:] = np.maximum(pages.pixels, 9) - (drawn["one_engine"] > 0)[:, None, None]

    def apply_compiled(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:
        """Leave them as they are."""


TOYS: tuple[Any, ...] = (Squeeze, Tracking, Wave, Stretch, Fade, Dusk)
"""One of each stage, and a second map of the line."""
