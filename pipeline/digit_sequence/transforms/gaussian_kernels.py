"""Gaussian filters of flat pictures, compiled, as scipy computes them.

Pixel (y, x) of a flat picture is at ``origin + y * stride + x``; what lies around it is 0. So a
whole picture is one long loop, which the compiler turns into vector instructions.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np

from digit_sequence.base.compiled import ONE, clear, copy, inner


@inner
def correlate(source, target, start, stop, step, weights):
    """Filter a range of a flat picture as scipy's correlate1d does for symmetric weights.

    `weights` begins with the middle one; `step` leads from a pixel to the next on its line.
    """
    middle, result = source[start:stop], target[start:stop]
    for i in range(len(result)):
        result[i] = middle[i] * weights[0]
    for k in range(len(weights) - 1, 0, -1):
        before = source[start - k * step : stop - k * step]
        after = source[start + k * step : stop + k * step]
        weight = weights[k]
        for i in range(len(result)):
            result[i] += (before[i] + after[i]) * weight


@inner
def blur_flat(pixels, start, stride, height, width, row_weights, column_weights):
    """Filter a flat picture down its columns, then along its rows.

    The picture begins at `start`. Returns the flat result and its stride.
    """
    radius = len(column_weights) - 1
    wide = width + radius
    origin = (len(row_weights) - 1) * wide + radius
    size = 2 * origin + height * wide
    picture, passed = np.empty(size), np.empty(size)
    clear(picture)
    clear(passed)
    for y in range(height):
        copy(pixels[start + y * stride :], picture[origin + y * wide :][:width])
    for y in range(height):
        at = origin + y * wide
        correlate(picture, passed, at, at + wide, wide, row_weights)
    for y in range(height):
        at = origin + y * wide
        correlate(passed, picture, at, at + wide, ONE, column_weights)
    return picture[origin:], wide


@inner
def round_pixels(values, pixels):
    """Round grey levels half up."""
    for i in range(len(pixels)):
        pixels[i] = np.uint8(np.int32(values[i] + 0.5))
