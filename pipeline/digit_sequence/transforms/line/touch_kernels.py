"""Where inks meet, compiled: the values of `touch`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

from numba import types

from digit_sequence.base.compiled import ONE, ZERO, inner, kernel, reads


@inner
def _find_contact(pixels, here, there, start, other, stride, other_stride, visible):
    """Return 2 if two layers have ink on one pixel, 1 if on neighbours, 0 if neither."""
    top, left, height, width = here
    other_top, other_left, other_height, other_width = there
    # Rows and columns of this layer that are on the other one, or beside it.
    first_row, last_row = (
        max(ZERO, other_top - 1 - top),
        min(height, other_top + other_height + 1 - top),
    )
    first, last = max(ZERO, other_left - 1 - left), min(width, other_left + other_width + 1 - left)
    contact = ZERO
    for y in range(first_row, last_row):
        for x in range(first, last):
            if pixels[start + y * stride + x] < visible:
                continue
            i, j = y + top - other_top, x + left - other_left
            for near_i in range(max(ZERO, i - 1), min(other_height, i + 2)):
                for near_j in range(max(ZERO, j - 1), min(other_width, j + 2)):
                    if pixels[other + near_i * other_stride + near_j] >= visible:
                        if near_i == i and near_j == j:
                            return ONE + ONE
                        contact = ONE
    return contact


@kernel(
    reads(types.uint8, 1),
    reads(types.int64, 2),
    reads(types.int64, 1),
    reads(types.int64, 1),
    reads(types.bool_, 1),
    types.int64,
    types.int8[::1],
)
def find_contacts(pixels, places, starts, strides, has_neighbour, visible, contact):
    """Set the contact of each layer with the one before it."""
    for g in range(1, len(places)):
        if has_neighbour[g]:
            contact[g] = _find_contact(
                *(pixels, places[g], places[g - 1], starts[g], starts[g - 1]),
                *(strides[g], strides[g - 1], visible),
            )
