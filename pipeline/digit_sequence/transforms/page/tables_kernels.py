"""Pages whose grey levels are looked up, compiled: see `tables`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

from numba import types

from digit_sequence.base.compiled import kernel, reads


@kernel(types.uint8[:, :, ::1], reads(types.uint8, 2), reads(types.int64, 1))
def look_up(pages, tables, chosen):
    """Replace the levels of some pages by those of their tables."""
    for n in range(len(chosen)):
        pixels, table = pages[chosen[n]].ravel(), tables[n]
        for i in range(len(pixels)):
            pixels[i] = table[pixels[i]]
