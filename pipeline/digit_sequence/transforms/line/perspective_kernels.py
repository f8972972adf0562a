"""Perspective, compiled: see `perspective`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

from numba import types

from digit_sequence.base.compiled import kernel, reads
from digit_sequence.transforms.geometry_kernels import POINTS

_VALUES = reads(types.float64, 1)


@kernel(*POINTS, _VALUES, _VALUES)
def tilt_points(rows, columns, height, widths, acrosses, downs):
    """Move points of images (height, width) by perspective."""
    start = 0
    middle_row = (height - 1) / 2
    for b in range(len(widths)):
        stop = start + height * widths[b]
        ys, xs = rows[start:stop], columns[start:stop]
        middle_column = (widths[b] - 1) / 2
        across, down = acrosses[b] / (widths[b] / 2), downs[b] / (height / 2)
        nearest = 1 + abs(acrosses[b]) + abs(downs[b])
        for k in range(len(ys)):
            y, x = ys[k] - middle_row, xs[k] - middle_column
            scale = nearest / (1 - (across * x + down * y))
            ys[k], xs[k] = middle_row + y * scale, middle_column + x * scale
        start = stop
