"""The pen, compiled: see `pen`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import types

from digit_sequence.base.compiled import kernel, reads


@kernel(
    types.uint8[::1],
    reads(types.int64, 2),
    reads(types.int64, 1),
    reads(types.int64, 1),
    reads(types.uint8, 2),
)
def look_up(buffer, places, starts, strides, tables):
    """Put the values of tables (G, 256) in place of the levels of layers."""
    for g in range(len(starts)):
        layer = buffer[starts[g] : starts[g] + places[g, 2] * strides[g]]
        table = tables[g]
        for k in range(np.uint64(len(layer))):
            layer[k] = table[layer[k]]
