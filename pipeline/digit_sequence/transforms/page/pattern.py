"""The fine print of cheques and other papers: waves, cross-hatch, arcs, weave."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream, to_integers
from digit_sequence.transforms.canvas import Pages, screen, to_fixed
from digit_sequence.transforms.page.tiles import (
    LINE_TEXELS,
    PatternKind,
    make_maps,
    make_pattern,
    read_tile,
)
from digit_sequence.transforms.transform import Chance, Drawn, Page, Section, draw_fields

KINDS: tuple[PatternKind, ...] = get_args(PatternKind)
Strength = Annotated[float, Field(ge=0, le=1), Decimals(3)]
Period = Annotated[float, Field(ge=2, le=16), Decimals(2)]
Degrees = Annotated[float, Field(ge=-90, le=90), Decimals(1)]
Phase = Annotated[float, Field(ge=0, le=1), Decimals(3)]
Weight = Annotated[int, Field(ge=0, le=100)]


class Pattern(Page):
    """Print a fine pattern below the ink."""

    name: ClassVar = "pattern"
    section: ClassVar[Section] = "line"
    example: ClassVar[Any] = {"strength": [0.2, 0.8], "period": [3.0, 6.0]}
    kinds: ClassVar = {kind: {it: int(it == kind) for it in KINDS} for kind in KINDS}
    columns: ClassVar = (
        Column("pattern", "float64", "ink of the printed pattern, share of full ink"),
        Column("pattern_period", "float64", "from line to line of the pattern, pixels"),
        Column("pattern_degrees", "float64", "how far the pattern is turned"),
        Column("pattern_row", "float64", "where the pattern begins, share of its height"),
        Column("pattern_column", "float64", "where the pattern begins, share of its width"),
        Column("pattern_kind", "string", f"{', '.join(KINDS)}, or empty for none"),
    )

    class Settings(Chance):
        """A fine pattern below the ink."""

        strength: Annotated[tuple[Strength, Strength], *AS_RANGE]
        """Ink of its lines, as a share of full ink."""
        period: Annotated[tuple[Period, Period], *AS_RANGE] = (2.5, 6)
        """From line to line, in pixels."""
        degrees: Annotated[tuple[Degrees, Degrees], *AS_RANGE] = (-20, 20)
        """How far it is turned."""
        row: Annotated[tuple[Phase, Phase], *AS_RANGE] = (0, 1)
        """Where it begins, as a share of the height of what repeats."""
        column: Annotated[tuple[Phase, Phase], *AS_RANGE] = (0, 1)
        """Where it begins, as a share of the width of what repeats."""
        waves: Weight = 1
        """How often it is wavy lines, by weight."""
        hatch: Weight = 1
        """How often it is crossing lines, by weight."""
        arcs: Weight = 1
        """How often it is crossing arcs, by weight."""
        weave: Weight = 1
        """How often it is a weave, by weight."""

    def check(self, height: int, width: int) -> None:  # noqa: ARG002
        """Refuse a pattern without a kind."""
        if not sum(self._weights()):
            raise ValueError(
                "line.pattern: expected a weight above 0 of one of "
                f"{', '.join(KINDS)}, got 0 of all"
            )

    def _weights(self) -> list[int]:
        return [getattr(self.settings, kind) for kind in KINDS]

    def draw(self, stream: Stream) -> dict[str, NDArray[Any]]:
        """Draw a chance, the ranges and a kind."""
        words = stream.per_sample(len(self.columns) + 1)
        is_chosen = self.is_chosen(words[0])
        drawn = {
            column.name: np.where(is_chosen, values, 0.0)
            for column, values in zip(
                self.columns, draw_fields(words[1:6], self.settings), strict=False
            )
        }
        bounds = np.cumsum(self._weights())
        kinds = np.searchsorted(bounds, to_integers(words[6], 0, int(bounds[-1]) - 1), side="right")
        return drawn | {"pattern_kind": np.where(is_chosen, np.array(KINDS)[kinds], "")}

    def apply(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Print it on the pages that drew it."""
        maps, strengths = _read_draws(drawn)
        for sample in np.flatnonzero(strengths):
            page = pages.pixels[sample]
            tile = make_pattern(str(drawn["pattern_kind"][sample]))
            cover = read_tile(tile, maps[sample], page.shape) * strengths[sample] >> 8
            page[:] = screen(page.astype(np.int64), cover)

    def apply_compiled(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Print it by compiled loops."""
        from digit_sequence.transforms.page.tiles_kernels import lay_tile

        maps, strengths = _read_draws(drawn)
        for kind in KINDS:
            own = np.where(drawn["pattern_kind"] == kind, strengths, 0)
            if own.any():
                lay_tile(pages.pixels, make_pattern(kind).reshape(-1), maps, own, True)


def _read_draws(drawn: Drawn) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return maps of the tile, and strengths of 1/256."""
    texels = LINE_TEXELS / np.maximum(drawn["pattern_period"], 1)
    rest = (drawn["pattern_row"], drawn["pattern_column"])
    return make_maps(drawn["pattern_degrees"], texels, *rest), to_fixed(drawn["pattern"], 256)
