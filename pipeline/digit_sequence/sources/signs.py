"""Signs that a source has no glyphs of, such as a comma: drawn by a pen as wide as its strokes.

They stand behind all other glyphs, in memory alone: the same for the same source, shares, shapes
and alphabet. They are shared out to the splits as digits are, and nobody wrote them. A sign lies in
its picture as beside a digit of the usual height: a comma at the foot, a hyphen half way up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.characters import CHARACTERS, DIGITS, SIGNS, find_signs
from digit_sequence.base.names import SplitName
from digit_sequence.base.randomness import draw_words, to_uniform
from digit_sequence.base.rounding import round_factor
from digit_sequence.pen.curves import to_normal, vary_strokes
from digit_sequence.pen.nib import draw_ink, measure_strokes
from digit_sequence.pen.shapes import Shape, load_signs
from digit_sequence.sources.bank import GlyphBank, find_ink
from digit_sequence.sources.hands import NOBODY
from digit_sequence.sources.pools import GlyphPool, pool_glyphs, share_out

N_DRAWN = 300
"""Glyphs of a sign, of all its shapes together; fewer above `_MANY_PIXELS`."""
_MANY_PIXELS = 64 * 64
_JITTER = 0.012, 0.035  # standard deviation of a point, in heights of a digit
_LOG_SIZE, _LOG_ASPECT = 0.1, 0.16
_SHIFT = 0.02  # up or down, in heights of a digit
_SLANT = 0.12
_NIB = 0.9, 1.25  # widths of strokes of the source's digits


def add_signs(
    bank: GlyphBank, pools: Mapping[SplitName, GlyphPool], alphabet: str
) -> tuple[GlyphBank, Mapping[SplitName, GlyphPool]]:
    """Add glyphs of the signs of an alphabet that a bank has none of.

    Parameters
    ----------
    bank : GlyphBank
    pools : mapping of SplitName to GlyphPool
        The bank shared out.
    alphabet : str

    Returns
    -------
    GlyphBank
        The glyphs of the bank, then the others; its digest stays.
    mapping of SplitName to GlyphPool
    """
    known = set(np.unique(bank.digits).tolist())
    codes = [CHARACTERS.index(it) for it in alphabet if it in SIGNS]
    lacking = [code for code in codes if code not in known]
    counts = np.array([pool.starts[len(DIGITS)] for pool in pools.values()])
    if not counts.any():  # of letters alone
        counts = np.array([len(pool.ids) for pool in pools.values()])
    if not lacking or not counts.any():
        return bank, pools
    part = min(1.0, max(0.2, _MANY_PIXELS / bank.images[0].size))
    images, digits = [], []
    found: dict[SplitName, list[list[NDArray[np.int32]]]] = {
        split: [[pool.of_digit(code)] for code in range(len(CHARACTERS))]
        for split, pool in pools.items()
    }
    n_glyphs = len(bank.images)
    for code in lacking:
        shapes = {name: it for name, it in load_signs().items() if name[0] == CHARACTERS[code]}
        for name, shape in shapes.items():
            made = _draw_glyphs(name, shape, bank, int(N_DRAWN * part) // len(shapes))
            images.append(made)
            digits.append(np.full(len(made), code, np.uint8))
            shares = share_out(len(made), counts)
            ends = n_glyphs + np.cumsum(shares)
            for split, begin, end in zip(pools, ends - shares, ends, strict=True):
                found[split][code].append(np.arange(begin, end, dtype=np.int32))
            n_glyphs += len(made)
    extra = np.concatenate(images)
    nobody = np.full(len(extra), NOBODY, np.int32)
    writers = None if bank.writers is None else np.concatenate([bank.writers, nobody])
    extended = replace(
        bank,
        images=np.concatenate([bank.images, extra]),
        digits=np.concatenate([bank.digits, *digits]),
        parts=np.concatenate([bank.parts, np.zeros(len(extra), np.uint8)]),
        ink=np.concatenate([bank.ink, find_ink(extra)]),
        writers=writers,
    )
    for array in (extended.images, extended.digits, extended.parts, extended.ink):
        array.flags.writeable = False
    return extended, {
        split: replace(
            pool_glyphs([np.concatenate(ids) for ids in found[split]], writers), shapes=pool.shapes
        )
        for split, pool in pools.items()
    }


def _draw_glyphs(name: str, shape: Shape, bank: GlyphBank, count: int) -> NDArray[np.uint8]:
    """Draw variants of a shape of a sign with the stroke widths of some digits of a bank."""
    rows, columns = bank.images.shape[1:]
    n_points = sum(len(stroke.points) for stroke in shape.strokes)
    n_words = -(-(6 + 2 * n_points) // 4) * 4
    counts = np.full(count, n_words)
    # Parts of a mix share no curve.
    first = 0 if bank.origins is None else N_DRAWN * int(bank.origins[0])
    numbers = np.arange(first, first + count)
    words = draw_words(0, "signs", [name] * count, numbers, counts).reshape(count, -1)
    is_digit = bank.digits < len(DIGITS)
    own = np.flatnonzero(is_digit if is_digit.any() else ~find_signs(bank.digits))
    models = own[np.arange(count) * len(own) // count]
    jitter, nib = (
        low + (high - low) * to_uniform(words[:, i])
        for i, (low, high) in enumerate((_JITTER, _NIB))
    )
    radii = np.maximum(measure_strokes(bank.images[models]) * nib / 2, 0.5)
    aspect, size = (
        round_factor(np.exp(deviation * to_normal(words[:, 2 + i])))
        for i, deviation in enumerate((_LOG_ASPECT, _LOG_SIZE))
    )
    slant, shift = _SLANT * to_normal(words[:, 4]), _SHIFT * to_normal(words[:, 5])
    curves = vary_strokes(shape.strokes, words[:, 6:], jitter, aspect, slant)
    joined = np.concatenate(curves, axis=1)
    low, high = joined.min(axis=1), joined.max(axis=1)
    middle = (low + high) / 2
    # Down from the top of a digit, in its heights; then in pixels of the picture, inside it.
    top, bottom = bank.line_rows
    usual = bottom - top - 2 * radii
    room = np.array([rows, columns]) - 1 - 2 * radii[:, None]
    extent = np.maximum(high - low, 1e-3)
    scale = np.minimum(size * usual, (np.maximum(room, 1.0) / extent).min(axis=1))[:, None]
    reach = scale * extent / 2 + radii[:, None]
    row = top - 0.5 + radii + (middle[:, 0] + shift) * usual
    centre = np.stack([row, np.full(count, (columns - 1) / 2)], axis=-1)
    centre = centre.clip(reach - 0.5, np.array([rows, columns]) - 0.5 - reach)
    placed = [(curve - middle[:, None]) * scale[:, None] + centre[:, None] for curve in curves]
    return draw_ink(placed, radii, (rows, columns))
