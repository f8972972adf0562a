"""What a transform declares, in one file: its block of the config, its label columns, what it does.

A transform stands in one of seven stages, each a class below; a stage runs its transforms in the
order of the registry. One that inherits from two stages takes part in both: it makes room in a row,
say, and paints there.

===========  =======================================================================  ==========
`Choice`     which glyph stands for a digit, also glyphs that the source lacks        `choose`
`CellMap`    how a glyph fills its cell: a map from the glyph to the cell             `shape`
`Placement`  how the cells of a number stand in a row                                 `place`
`LineMove`   where the cells of the row lie on the canvas: each moves as a whole      `move`
`LineMap`    where a point of the canvas lies on the row that was laid out            `locate`
`Ink`        what happens to the ink of each digit, on a layer of its own             `apply`
`Page`       what happens to the canvas with all its ink; it moves nothing            `apply`
===========  =======================================================================  ==========

All draws come from the transform's own stream, so switching one on leaves those of all others as
they are. `apply` and the maps are the definition, in NumPy and scikit-image. A `LineMap`, an
`Ink` or a `Page` may have compiled loops as well, `locate_compiled` or `apply_compiled`, that give
the same bytes; without them the compiled engine calls the definition.

A transform may also measure, on the finished layers, what became of its draws: `measure`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.blocks import Block, Probability, find_bounds
from digit_sequence.base.columns import Column
from digit_sequence.base.names import SplitName
from digit_sequence.base.philox import Words
from digit_sequence.base.randomness import Stream, to_decimals, to_integers, to_uniform
from digit_sequence.sources.bank import GlyphBank
from digit_sequence.sources.pools import GlyphPool
from digit_sequence.transforms.canvas import Layers, Pages
from digit_sequence.transforms.geometry import Cells, Line, Points, Row

Section = Literal["glyph", "line"]
Drawn = Mapping[str, NDArray[Any]]
"""Values by label column: (B,) or (G,)."""


class Chance(Block):
    """What some digits, or some samples, get."""

    probability: Probability = 1.0
    """How often, 0 to 1."""


class Transform(ABC):
    """One named change with its draws.

    Parameters
    ----------
    settings : Settings
        Its block of a config, or its value where it has no block.
    """

    name: ClassVar[str]
    """Its key in the config, and the purpose of its random words."""
    section: ClassVar[Section]
    """The block of the config that its key is in."""
    Settings: ClassVar[Any]
    """Its block, a `Block`; or the type of its value."""
    example: ClassVar[Any] = None
    """Settings that show it, as a config has them: over all of its useful range, always applied.
    None: it needs files of the user's."""
    kinds: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Settings, by title, that show what the ranges of the example do not: laid over them."""
    number: ClassVar[str] = "48075"
    """A number that shows it."""
    default: ClassVar[Any] = None
    """Settings of a config that does not name it; None: it is off."""
    columns: ClassVar[tuple[Column, ...]] = ()
    """Label columns: what it draws."""
    measured: ClassVar[tuple[Column, ...]] = ()
    """Label columns: what it measures on the finished layers."""
    least_columns: ClassVar[int] = 0
    """Columns of the canvas that each digit of the longest number needs where it is on, if more
    than all do."""
    needs_outlines: ClassVar[bool] = False
    """Whether cells are to be as wide as their ink, whose outlines it may look at."""
    pixel_bytes: ClassVar[int] = 16
    """Memory that `apply` takes for each pixel of the canvases of a batch, at most."""

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    def check(self, height: int, width: int) -> None:  # noqa: B027 - most have nothing to refuse
        """Raise a ValueError, "KEY: expected ..., got ...", if a canvas is no place for it."""

    def find_least_share(self) -> float:
        """Return the share of its rows that the ink of a digit keeps, at least."""
        return 1.0

    def draw(self, stream: Stream) -> dict[str, NDArray[Any]]:
        """Return its draws by column: by default a chance, then a value of each column.

        The values lie in the ranges that the settings hold, in order; of a share a column says
        whether it was drawn. All are 0 where the transform is not applied.
        """
        if not self.columns:
            return {}
        n_words = 1 + len(self.columns)
        is_of_digits = self.columns[0].per == "digit"
        words = stream.per_digit(n_words) if is_of_digits else stream.per_sample(n_words)
        is_chosen = self.is_chosen(words[0])
        return {
            column.name: np.where(is_chosen, values, values.dtype.type(0))
            for column, values in zip(
                self.columns, draw_fields(words[1:], self.settings), strict=True
            )
        }

    def measure(self, layers: Layers, boxes: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Return what it measures by column: of layers and the boxes (G, 4) of their ink."""
        del layers, boxes
        return {}

    def measure_compiled(self, layers: Layers, boxes: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Do the same, by compiled loops where it has them."""
        return self.measure(layers, boxes)

    def is_chosen(self, words: Words) -> NDArray[np.bool_]:
        """Return where it is applied."""
        chosen: NDArray[np.bool_] = to_uniform(words) < self.settings.probability
        return chosen


def draw_fields(words: Words, settings: Block) -> list[NDArray[Any]]:
    """Turn rows of words (N, B) into values of the N ranges and shares that a block holds."""
    fields = list_drawn_fields(settings)
    return [_draw_field(row, settings, name) for row, name in zip(words, fields, strict=True)]


def list_drawn_fields(settings: Block) -> list[str]:
    """Return the ranges and shares that a block holds, whose values are drawn, in order."""
    return [
        name
        for name, value in settings
        if name != "probability" and isinstance(value, tuple | float)
    ]


def _draw_field(words: Words, settings: Block, name: str) -> NDArray[Any]:
    value = getattr(settings, name)
    if isinstance(value, float):
        return to_uniform(words) < value
    kind = get_args(type(settings).model_fields[name].annotation)[0]
    if get_args(kind)[0] is int:
        return to_integers(words, *value)
    low, high = value
    return to_decimals(words, low, high, find_bounds(kind).decimals)


class Choice(Transform):
    """Which glyph stands for a digit."""

    @property
    def glyph_settings(self) -> Any:
        """Settings that the added glyphs follow from: all looks of a config have the same."""
        return self.settings

    @abstractmethod
    def add_glyphs(
        self, bank: GlyphBank, pools: Mapping[SplitName, GlyphPool]
    ) -> tuple[GlyphBank, dict[SplitName, GlyphPool]]:
        """Return the glyphs with those that it adds, and the pools with their ids.

        They are the same for the same glyphs, pools and settings, and in one split each.
        """

    @abstractmethod
    def choose(
        self, glyph_ids: NDArray[np.int32], pool: GlyphPool, drawn: Drawn, stream: Stream
    ) -> tuple[NDArray[np.int32], Drawn]:
        """Return the glyph of each digit (G,), and the draws as they were applied."""


class CellMap(Transform):
    """How a glyph fills its cell."""

    @abstractmethod
    def shape(self, cells: Cells, drawn: Drawn) -> None:
        """Change the cells in place."""


class Placement(Transform):
    """How the cells of a number stand in a row."""

    @abstractmethod
    def place(self, row: Row, drawn: Drawn) -> Drawn:
        """Change the rows in place; return the draws as they were applied."""


class LineMove(Transform):
    """Where the cells of the row lie on the canvas.

    Sines and the like, whose last bit differs between processors, are rounded by `round_factor`.
    """

    @abstractmethod
    def move(self, line: Line, drawn: Drawn) -> Drawn:
        """Change the lines in place; return the draws as they were applied."""


class LineMap(Transform):
    """Where a point of the canvas lies on the rows as they were laid out.

    Sines and the like, whose last bit differs between processors, are rounded by `round_factor`.
    """

    @abstractmethod
    def locate(self, points: Points, drawn: Drawn) -> None:
        """Move points of the canvas to where their ink comes from, each by itself, in place."""

    def locate_compiled(self, points: Points, drawn: Drawn) -> None:
        """Do the same, by compiled loops where it has them."""
        self.locate(points, drawn)

    @abstractmethod
    def reach(self, drawn: Drawn, height: int, widths: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how many pixels it moves any point of each image (height, its width), (B,)."""


class Ink(Transform):
    """What happens to the ink of each digit."""

    takes_distances: ClassVar[bool] = False
    """Whether layers are to hold distances from the middle of the stroke, which it makes ink of."""

    def grow(self, drawn: Drawn) -> NDArray[np.int64] | int:
        """Return how many pixels farther the ink of each digit may reach: (G,), or one for all."""
        del drawn
        return 0

    @abstractmethod
    def apply(self, layers: Layers, drawn: Drawn, stream: Stream) -> Drawn:
        """Change layers in place; return the draws as they were applied."""

    def apply_compiled(self, layers: Layers, drawn: Drawn, stream: Stream) -> Drawn:
        """Do the same, by compiled loops where it has them."""
        return self.apply(layers, drawn, stream)


class Page(Transform):
    """What happens to the canvas with all its ink."""

    @abstractmethod
    def apply(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:
        """Change pages in place."""

    def apply_compiled(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:
        """Do the same, by compiled loops where it has them."""
        self.apply(pages, drawn, stream)
