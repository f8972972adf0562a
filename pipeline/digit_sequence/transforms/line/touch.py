"""Digits that touch, or are written into each other."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE
from digit_sequence.base.columns import Column
from digit_sequence.transforms.canvas import Layers
from digit_sequence.transforms.geometry import Row
from digit_sequence.transforms.transform import Chance, Drawn, Placement, Section

DEPTH = 0.25
"""Share of the columns of the narrower digit by which two overlap, at most, but for one column."""
VISIBLE = 64
"""Ink of two digits meets where both have this of 255, or more."""
Pixels = Annotated[int, Field(ge=1, le=64)]


class Touch(Placement):
    """Slide two digits along the line until their inks meet; all pairs are measured.

    Digits that share no row never meet, nor do those that would overlap by more than half of the
    narrower one. Ink transforms change digits later. So the label says what is on the image, of
    pairs that were slid and of all others, which may touch by chance.
    """

    name: ClassVar = "touch"
    section: ClassVar[Section] = "line"
    example: ClassVar = {"pixels": [1, 6]}
    columns: ClassVar = (
        Column("touch", "int16", "columns by which it was slid into the one before", "digit"),
    )
    measured: ClassVar = (
        Column("contact", "int8", "with the digit before: 1 inks touch, 2 they overlap", "digit"),
        Column(
            "gap_columns", "int32", "from the ink box of the digit before; or -overlap", "digit"
        ),
    )
    needs_outlines: ClassVar = True

    class Settings(Chance):
        """Pairs of digits that are slid along the line until their inks meet."""

        pixels: Annotated[tuple[Pixels, Pixels], *AS_RANGE]
        """Columns by which the inks overlap, a quarter of those of the narrower digit at most."""

    def place(self, row: Row, drawn: Drawn) -> Drawn:
        """Set the gap of chosen pairs to what makes the nearest rows of their inks overlap.

        A row is compared with that of the other digit and the two beside it. Pairs that would meet
        only where one hides the other stay apart, as do pairs with a separator or a space between
        them, and signs from digits: a dot in a digit is not seen.
        """
        assert row.outlines
        touch = np.array(drawn["touch"], np.int64)
        touch[row.starts[:-1]] = 0
        touch[(row.spaces > 0) | row.is_sign | np.roll(row.is_sign, 1)] = 0
        if "separator_room" in drawn:
            touch[drawn["separator_room"] > 0] = 0
        (here,) = np.nonzero(touch)
        before = here - 1
        end = np.pad(row.outlines.last[before], ((0, 0), (1, 1)), constant_values=-np.inf)
        end = np.maximum(np.maximum(end[:, :-2], end[:, 1:-1]), end[:, 2:])
        distance = row.widths[before] + (row.outlines.first[here] - end).min(axis=1)
        narrower = np.minimum(row.widths[before], row.widths[here])
        deepest = np.maximum(1, DEPTH * narrower).astype(np.int64)
        touch[here] = np.minimum(touch[here], deepest)
        gaps = -np.floor(distance + touch[here] + 0.5)
        is_slid = (distance < np.inf) & (gaps >= row.least_gaps[here])
        touch[here[~is_slid]] = 0
        here = here[is_slid]
        row.gaps[here] = gaps[is_slid]
        applied = {"touch": touch, "spacing": row.gaps}
        if "gap" in drawn:
            gap = np.array(drawn["gap"])
            gap[here] = np.round(row.gaps[here] / row.heights[here], 3)
            applied["gap"] = gap
        return applied

    def measure(self, layers: Layers, boxes: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Look for ink of each digit on and around that of the one before it."""
        from skimage.morphology import dilation

        contact = np.zeros(len(layers), np.int8)
        pixels = list(layers)
        for g in np.flatnonzero(_has_neighbour(layers)).tolist():
            places = layers.places[g - 1 : g + 1]
            corner = places[:, :2].min(axis=0) - 1
            shape = (places[:, :2] + places[:, 2:]).max(axis=0) + 1 - corner
            before, here = np.zeros((2, *shape), np.uint8)
            for canvas, layer, place in zip(
                (before, here), pixels[g - 1 : g + 1], places, strict=True
            ):
                top, left = place[:2] - corner
                canvas[top : top + place[2], left : left + place[3]] = layer >= VISIBLE
            around = dilation(before, np.ones((3, 3), np.uint8))
            contact[g] = (before & here).max() + (around & here).max()
        return {"contact": contact, "gap_columns": _measure_gaps(layers, boxes)}

    def measure_compiled(self, layers: Layers, boxes: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Look for ink by compiled loops."""
        from digit_sequence.transforms.line.touch_kernels import find_contacts

        contact = np.zeros(len(layers), np.int8)
        find_contacts(
            layers.pixels,
            layers.places,
            layers.starts,
            layers.strides,
            _has_neighbour(layers),
            VISIBLE,
            contact,
        )
        return {"contact": contact, "gap_columns": _measure_gaps(layers, boxes)}


def _has_neighbour(layers: Layers) -> NDArray[np.bool_]:
    """Return which digits have one before them."""
    has_neighbour: NDArray[np.bool_] = layers.samples == np.roll(layers.samples, 1)
    has_neighbour[:1] = False
    return has_neighbour


def _measure_gaps(layers: Layers, boxes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the columns between the ink boxes of each digit and the one before it; 0 for none."""
    return np.where(_has_neighbour(layers), boxes[:, 1] - np.roll(boxes[:, 3], 1), 0)
