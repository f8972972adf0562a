"""Paper that is not flat: what is on it is drawn out and pushed together, smoothly."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.philox import WEYL, Words
from digit_sequence.transforms.geometry import Points
from digit_sequence.transforms.transform import Chance, Drawn, LineMap, Section

# A shift of more than a fifth of the way from knot to knot would fold ink.
Shift = Annotated[float, Field(ge=0, le=0.1), Decimals(3)]
Spacing = Annotated[float, Field(ge=0.5, le=4), Decimals(3)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]


class Elastic(LineMap):
    """Move points by a smooth field, between random shifts at the knots of a lattice."""

    name: ClassVar = "elastic"
    section: ClassVar[Section] = "line"
    example: ClassVar[Any] = {"shift": [0.02, 0.1], "spacing": [0.5, 1]}
    columns: ClassVar = (
        Column("elastic", "float64", "elastic shift at most, share of the canvas height"),
        Column("elastic_spacing", "float64", "from knot to knot, share of the canvas height"),
        Column("elastic_seed", "int64", "what the shifts at the knots are made of"),
    )

    class Settings(Chance):
        """Elastic distortion."""

        shift: Annotated[tuple[Shift, Shift], *AS_RANGE]
        """How far a point moves at most, down and across, as a share of the canvas height."""
        spacing: Annotated[tuple[Spacing, Spacing], *AS_RANGE] = (0.5, 1)
        """From knot to knot of the lattice, likewise."""
        seed: Annotated[tuple[Seed, Seed], *AS_RANGE] = (0, 2**31 - 1)
        """What the shifts at the knots are made of."""

    def locate(self, points: Points, drawn: Drawn) -> None:
        """Move points by the field at their place, and none beyond the edges of the canvas."""
        shift, spacing, seed = (
            drawn[name][points.samples] for name in ("elastic", "elastic_spacing", "elastic_seed")
        )
        factor = 1 / (np.where(shift > 0, spacing, 1.0) * points.height)
        y = points.rows.clip(0, points.height) * factor
        x = points.columns.clip(0, points.widths) * factor
        most = shift * points.height
        points.rows = points.rows + most * _interpolate(y, x, seed * 2) * _hold(
            points.rows, points.height, most
        )
        points.columns = points.columns + most * _interpolate(y, x, seed * 2 + 1) * _hold(
            points.columns, points.widths, most
        )

    def locate_compiled(self, points: Points, drawn: Drawn) -> None:
        """Move them by compiled loops."""
        from digit_sequence.transforms.line.elastic_kernels import stretch_points

        stretch_points(*points.unpack(), *(drawn[column.name] for column in self.columns))

    def reach(
        self,
        drawn: Drawn,
        height: int,
        widths: NDArray[np.int64],  # noqa: ARG002
    ) -> NDArray[np.float64]:
        """Return the shift."""
        moved: NDArray[np.float64] = drawn["elastic"] * height
        return moved


def _hold(places: NDArray[np.float64], size: Any, most: NDArray[np.float64]) -> Any:
    """Return by what shifts are multiplied: 0 at the edges, 1 from three shifts on."""
    inside = np.minimum(places + 0.5, size - 0.5 - places)
    return (inside * (1 / (3 * most + 0.001))).clip(0, 1)


def _interpolate(
    y: NDArray[np.float64], x: NDArray[np.float64], seeds: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return values from -1 to 1 between those of knots, with a slope of 0 at each."""
    row, column = np.floor(y), np.floor(x)
    down, across = (share * share * (3 - 2 * share) for share in (y - row, x - column))
    knots = [[_draw_knots(seeds, row + i, column + j) for j in (0, 1)] for i in (0, 1)]
    above, below = (left + (right - left) * across for left, right in knots)
    mixed: NDArray[np.float64] = above + (below - above) * down
    return mixed


def _draw_knots(
    seeds: NDArray[np.int64], rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return a value of each knot, -1 to 1: SplitMix64 (Steele et al., 2014) of where it is."""
    words: Words = seeds.astype(np.uint64)
    with np.errstate(over="ignore"):
        for place in (rows, columns):
            words = (words << np.uint64(16)) + place.astype(np.uint64)
            words = words * WEYL[0] + WEYL[1]
            words = (words ^ words >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
            words = (words ^ words >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
            words = words ^ words >> np.uint64(31)
    values: NDArray[np.float64] = (words >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1
    return values
