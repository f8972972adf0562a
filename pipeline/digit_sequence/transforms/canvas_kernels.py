"""Loops over layers that several kernels share, compiled."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

from digit_sequence.base.compiled import ONE, inner


@inner
def has_ink(picture, start, step, count):
    """Tell whether any of `count` pixels, `step` apart, is above 0."""
    for k in range(count):  # noqa: SIM110 - compiled
        if picture[start + k * step]:
            return True
    return False


@inner
def find_extent(picture, start, height, width, stride):
    """Return top, left, bottom, right of the ink of a flat picture; all 0 for none."""
    top, bottom, left, right = 0, height, 0, width
    while top < height and not has_ink(picture, start + top * stride, ONE, width):
        top += 1
    if top == height:
        return 0, 0, 0, 0
    while not has_ink(picture, start + (bottom - 1) * stride, ONE, width):
        bottom -= 1
    first = start + top * stride
    while not has_ink(picture, first + left, stride, bottom - top):
        left += 1
    while not has_ink(picture, first + right - 1, stride, bottom - top):
        right -= 1
    return top, left, bottom, right
