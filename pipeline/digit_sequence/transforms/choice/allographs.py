"""Ways to write a digit that the source lacks, such as a crossed 7."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, ValidationInfo

from digit_sequence.base.blocks import Block, Probability, match_text
from digit_sequence.base.columns import Column
from digit_sequence.base.home import expand_home
from digit_sequence.base.names import SplitName
from digit_sequence.base.randomness import Stream, to_integers, to_uniform
from digit_sequence.base.yaml import parse_yaml
from digit_sequence.pen.shapes import Shape, dump_shapes, load_shapes, parse_shapes
from digit_sequence.sources.allographs import add_allographs
from digit_sequence.sources.bank import GlyphBank
from digit_sequence.sources.hands import HAND
from digit_sequence.sources.pools import GlyphPool
from digit_sequence.transforms.transform import Choice, Drawn, Section

MAX_SHAPES_BYTES = 1_000_000
SHARES = {
    "0": 0.25,
    "1": 0.6,
    "2": 0.3,
    "3": 0.15,
    "4": 0.4,
    "5": 0.4,
    "6": 0.0,
    "7": 0.75,
    "8": 0.15,
    "9": 0.3,
}
"""Of a digit's samples: about as in amounts on cheques."""
Digit = Annotated[str, *match_text("[0-9]", "a digit, 0 to 9")]


def _to_shares(value: object) -> object:
    """Take 0 for "0" as a key: YAML reads it as a number; fill in the defaults."""
    if not isinstance(value, dict):
        return value
    return SHARES | {str(key) if type(key) is int else key: share for key, share in value.items()}


def _load_shapes(value: object, given: ValidationInfo) -> object:
    """Put the content of a file in the place of its path, so that a dataset carries its shapes."""
    if value is None:
        return None
    if not isinstance(value, str):
        parse_shapes(value)
        return dump_shapes(value) if isinstance(value, Mapping) else value
    folder: Path = given.context or Path()
    path = Path(folder, expand_home(value, folder))
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_SHAPES_BYTES + 1)
        if len(raw) > MAX_SHAPES_BYTES:
            raise ValueError(f"{path}: expected at most {MAX_SHAPES_BYTES:,} bytes")
        tree = parse_yaml(raw.decode(), str(path))
    except OSError as error:
        raise ValueError(
            f"{path}: expected a file of shapes, cannot be read: {error.strerror}"
        ) from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected UTF-8 text, got byte {error.start}") from error
    try:
        parse_shapes(tree)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return dump_shapes(tree)


class Allographs(Choice):
    """Write digits in ways that the source lacks: crossed 7, 1 with upstroke, open 4, 2 with loop.

    They are drawn by a pen through a few points, or are glyphs of the source with a stroke added;
    `pen/shapes.yaml` has the shapes. A glyph made of another is in the split of that one.
    """

    name: ClassVar = "allographs"
    section: ClassVar[Section] = "glyph"
    example: ClassVar = {"share": {str(digit): 1.0 for digit in range(10)}}
    columns: ClassVar = (
        Column("allograph", "string", "shape of the digit; empty: the source's own", "digit"),
    )

    class Settings(Block):
        """Ways to write a digit that the source lacks."""

        share: Annotated[dict[Digit, Probability], BeforeValidator(_to_shares)] = SHARES
        """How often a digit is written in such a way, 0 to 1; digits left out as by default."""
        shapes: Annotated[str | dict[str, Any] | None, BeforeValidator(_load_shapes)] = None
        """A YAML file of more shapes, as `pen/shapes.yaml` explains; one with a name that is there
        takes its place. A dataset carries its content."""

    @property
    def glyph_settings(self) -> Any:
        """Shapes that are not the program's own."""
        return self.settings.shapes

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """Shapes by digit and name, those of a digit one after another."""
        own = {name: shape for name, shape in load_shapes().items() if "/" in name}
        others = parse_shapes(self.settings.shapes) if self.settings.shapes else {}
        return dict(sorted((own | others).items(), key=lambda pair: pair[0][0]))

    @cached_property
    def names(self) -> NDArray[np.str_]:
        """Names of all shapes; then an empty one."""
        return np.array([*(shape.name for shape in self.shapes.values()), ""])

    def draw(self, stream: Stream) -> dict[str, NDArray[Any]]:
        """Draw a chance, and a shape by weight."""
        return {"allograph": self.names[self._pick(stream)]}

    def _pick(self, stream: Stream) -> NDArray[np.int64]:
        """Return which of `names` each digit gets."""
        chance, kind = stream.per_digit(2)
        is_chosen = to_uniform(chance)
        picked = np.full(len(kind), len(self.names) - 1)
        digits = np.array([int(name[0]) for name in self.shapes])
        weights = np.array([shape.weight for shape in self.shapes.values()])
        for digit in np.unique(digits):
            first, *_ = np.flatnonzero(digits == digit)
            bounds = np.cumsum(weights[digits == digit])
            share = self.settings.share[str(digit)]
            own = np.flatnonzero((stream.identities.digits == digit) & (is_chosen < share))
            place = (to_uniform(kind[own])[:, None] * bounds[-1] >= bounds[:-1]).sum(axis=1)
            picked[own] = first + place
        return picked

    def add_glyphs(
        self, bank: GlyphBank, pools: Mapping[SplitName, GlyphPool]
    ) -> tuple[GlyphBank, dict[SplitName, GlyphPool]]:
        """Add the glyphs of all shapes."""
        return add_allographs(bank, pools, self.shapes)

    def choose(
        self, glyph_ids: NDArray[np.int32], pool: GlyphPool, drawn: Drawn, stream: Stream
    ) -> tuple[NDArray[np.int32], Drawn]:
        """Take a glyph of the shape; the source's own where the split has none of that.

        In a number of one hand it is one made of this writer's glyphs, or drawn by the pen.
        """
        picked = self._pick(stream)
        none = np.empty(0, np.int32)
        found = [*(pool.shapes.get(name, none) for name in self.shapes), none]
        sizes = np.array([len(ids) for ids in found])
        ids, starts = np.concatenate(found), np.cumsum(sizes) - sizes
        first, count = starts[picked], sizes[picked]
        if HAND.name in drawn:
            assert pool.writers is not None
            hands = drawn[HAND.name][stream.identities.owners]
            by_writer = [part[np.argsort(pool.writers[part], kind="stable")] for part in found]
            for index, shape in enumerate(self.shapes.values()):
                own = np.flatnonzero((picked == index) & (hands >= 0))
                if not shape.strokes and len(own):
                    writers = pool.writers[by_writer[index]]
                    low = np.searchsorted(writers, hands[own])
                    first[own] = len(ids) + starts[index] + low
                    count[own] = np.searchsorted(writers, hands[own], "right") - low
            ids = np.concatenate([ids, *by_writer])
        picked[count == 0] = len(self.shapes)
        chosen = np.flatnonzero(count)
        (words,) = stream.part("glyph").per_digit(1)
        place = first[chosen] + to_integers(words[chosen], 0, count[chosen] - 1)
        glyph_ids = glyph_ids.copy()
        glyph_ids[chosen] = ids[place]
        return glyph_ids, {"allograph": self.names[picked]}
