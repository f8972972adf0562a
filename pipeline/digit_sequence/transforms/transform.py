"""What a transform declares, in one file: its block of the config, its label columns, what it does.

A transform stands in one of five stages, each a class below; a stage runs its transforms in the
order of the registry:

===========  =======================================================================  ==========
`CellMap`    how a glyph fills its cell: a map from the glyph to the cell             `shape`
`Placement`  how the cells of a number stand in a row                                 `place`
`LineMap`    where a point of the canvas lies on the row that was laid out            `locate`
`Ink`        what happens to the ink of each digit, on a layer of its own             `apply`
`Page`       what happens to the canvas with all its ink; it moves nothing            `apply`
===========  =======================================================================  ==========

All draws come from the transform's own stream, so switching one on leaves those of all others as
they are. `apply` and the maps are the definition, in NumPy and scikit-image. An `Ink` or a `Page`
may have compiled loops as well, `apply_compiled`, that give the same bytes; without them the
compiled engine calls the definition.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.blocks import Block, Probability, find_bounds
from digit_sequence.base.columns import Column
from digit_sequence.base.philox import Words
from digit_sequence.base.randomness import Stream, to_decimals, to_integers, to_uniform
from digit_sequence.transforms.canvas import Layers, Pages
from digit_sequence.transforms.geometry import Cells, Points, Row

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
    default: ClassVar[Any] = None
    """Settings of a config that does not name it; None: it is off."""
    columns: ClassVar[tuple[Column, ...]] = ()
    """Label columns: what it draws."""
    pixel_bytes: ClassVar[int] = 16
    """Memory that `apply` takes for each pixel of the canvases of a batch, at most."""

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    def check(self, height: int, width: int) -> None:  # noqa: B027 - most have nothing to refuse
        """Raise a ValueError, "KEY: expected ..., got ...", if a canvas is no place for it."""

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

    def is_chosen(self, words: Words) -> NDArray[np.bool_]:
        """Return where it is applied."""
        chosen: NDArray[np.bool_] = to_uniform(words) < self.settings.probability
        return chosen


def draw_fields(words: Words, settings: Block) -> list[NDArray[Any]]:
    """Turn rows of words (N, B) into values of the N ranges and shares that a block holds."""
    fields = [
        name
        for name, value in settings
        if name != "probability" and isinstance(value, tuple | float)
    ]
    return [_draw_field(row, settings, name) for row, name in zip(words, fields, strict=True)]


def draw_values(words: Words, settings: Block) -> NDArray[Any]:
    """Turn words into values of the one range that a block holds, both ends included."""
    (name,) = (name for name, value in settings if isinstance(value, tuple))
    return _draw_field(words, settings, name)


def _draw_field(words: Words, settings: Block, name: str) -> NDArray[Any]:
    value = getattr(settings, name)
    if isinstance(value, float):
        return to_uniform(words) < value
    kind = get_args(type(settings).model_fields[name].annotation)[0]
    if get_args(kind)[0] is int:
        return to_integers(words, *value)
    low, high = value
    return to_decimals(words, low, high, find_bounds(kind).decimals)


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


class LineMap(Transform):
    """Where a point of the canvas lies on the rows as they were laid out.

    Sines and the like, whose last bit differs between processors, are rounded by `round_factor`.
    """

    @abstractmethod
    def locate(self, points: Points, drawn: Drawn) -> None:
        """Move points of the canvas to where their ink comes from, in place."""

    @abstractmethod
    def reach(self, drawn: Drawn, height: int, width: int) -> NDArray[np.float64]:
        """Return how many pixels it moves any point of each canvas, at most: (B,)."""


def round_factor(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round factors to multiples of 2**-24, far finer than a grey level."""
    rounded: NDArray[np.float64] = np.round(values * 2.0**24) / 2.0**24
    return rounded


class Ink(Transform):
    """What happens to the ink of each digit."""

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
