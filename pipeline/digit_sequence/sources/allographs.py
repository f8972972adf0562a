"""Glyphs that a source lacks: drawn by a pen, or made of the source's own by adding strokes.

They stand behind the glyphs of the source, in memory alone: the same for the same source, shares
and shapes. A glyph that is made of another belongs to its split; drawn ones are shared out to the
splits as the glyphs of their digit are, and nobody wrote them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.names import SplitName
from digit_sequence.base.philox import Words
from digit_sequence.base.randomness import draw_words, to_uniform
from digit_sequence.base.rounding import round_factor
from digit_sequence.pen.additions import N_WORDS, add_to_glyphs
from digit_sequence.pen.curves import to_normal, vary_strokes
from digit_sequence.pen.nib import draw_ink
from digit_sequence.pen.shapes import ADDITIONS, Shape
from digit_sequence.sources.bank import GlyphBank, find_ink
from digit_sequence.sources.hands import NOBODY
from digit_sequence.sources.pools import GlyphPool, share_out

N_DRAWN = 100
"""Variants of a shape that a pen draws; fewer of glyphs above `_MANY_PIXELS`."""
N_ADDED = 500
"""Glyphs of a source that a shape is made of by adding strokes, at most; fewer likewise."""
_MANY_PIXELS = 64 * 64
_JITTER = 0.030, 0.042
_LOG_ASPECT = 0.16
_SLANT = 0.12
_NIB = 0.065, 0.165  # width as a share of the height
_HEIGHT = 0.85, 1.05  # as a share of the median of the source

Pools = Mapping[SplitName, GlyphPool]


def add_allographs(
    bank: GlyphBank, pools: Pools, shapes: Mapping[str, Shape]
) -> tuple[GlyphBank, dict[SplitName, GlyphPool]]:
    """Add the glyphs of shapes to a bank and to the pools of the splits.

    Parameters
    ----------
    bank : GlyphBank
    pools : mapping of SplitName to GlyphPool
        The bank shared out.
    shapes : mapping
        Of digits, by digit and name: ``7/crossed``.

    Returns
    -------
    GlyphBank
        The glyphs of the source, then the others; its digest is still that of the source.
    dict of SplitName to GlyphPool
        With ids of the others, by digit and name.
    """
    images, digits = [np.asarray(bank.images)], [bank.digits]
    writers: list[NDArray[np.int32]] = []
    found: dict[SplitName, dict[str, NDArray[np.int32]]] = {split: {} for split in pools}
    n_glyphs = len(bank.images)
    part = min(1.0, max(0.2, _MANY_PIXELS / bank.images[0].size))
    for name, shape in shapes.items():
        digit = int(name[0])
        own = {split: pool.of_digit(digit) for split, pool in pools.items()}
        counts = np.array([len(ids) for ids in own.values()])
        if not counts.any():
            continue
        if shape.strokes:
            top, _, bottom, _ = bank.ink[bank.digits == digit].T
            place = float(np.median(bottom - top)), float(np.median(top + bottom)) / 2 - 0.5
            count = int(N_DRAWN * part)
            # Parts of a mix share no curve.
            first = 0 if bank.origins is None else N_DRAWN * int(bank.origins[0])
            made = _draw_glyphs(name, shape, bank.images.shape[1:], *place, count, first)
            shares = share_out(len(made), counts)
            writers.append(np.full(len(made), NOBODY, np.int32))
        else:
            origins = [_choose_evenly(ids, part * N_ADDED / counts.sum()) for ids in own.values()]
            made = _add_strokes(name, shape, bank, np.concatenate(origins))
            shares = np.array([len(ids) for ids in origins])
            if bank.writers is not None:
                writers.append(bank.writers[np.concatenate(origins)])
        ends = n_glyphs + np.cumsum(shares)
        for split, begin, end in zip(pools, ends - shares, ends, strict=True):
            found[split][name] = np.arange(begin, end, dtype=np.int32)
        images.append(made)
        digits.append(np.full(len(made), digit, np.uint8))
        n_glyphs += len(made)
    extra = np.concatenate(images[1:]) if images[1:] else images[0][:0]
    extended = replace(
        bank,
        images=np.concatenate(images),
        digits=np.concatenate(digits),
        parts=np.concatenate([bank.parts, np.zeros(len(extra), np.uint8)]),
        ink=np.concatenate([bank.ink, find_ink(extra)]),
        writers=None if bank.writers is None else np.concatenate([bank.writers, *writers]),
    )
    for array in (extended.images, extended.digits, extended.parts, extended.ink):
        array.flags.writeable = False
    return extended, {
        split: replace(pool, shapes=found[split], writers=extended.writers)
        for split, pool in pools.items()
    }


def _choose_evenly(ids: NDArray[np.int32], share: float) -> NDArray[np.int32]:
    """Return a share of ids, evenly among them; all of few."""
    count = min(len(ids), max(int(len(ids) * share), 20))
    return ids[np.arange(count) * len(ids) // max(count, 1)]


def _draw_words(name: str, indices: NDArray[np.int64], n_words: int) -> Words:
    """Return random words (N, n_words) of glyphs of a shape, for no seed of a config."""
    counts = np.full(len(indices), -(-n_words // 4) * 4)
    names = [name] * len(indices)
    return draw_words(0, "allographs", names, indices, counts).reshape(len(indices), -1)


def _add_strokes(
    name: str, shape: Shape, bank: GlyphBank, origins: NDArray[np.int32]
) -> NDArray[np.uint8]:
    """Return glyphs of a bank with the additions of a shape."""
    words = _draw_words(name, origins.astype(np.int64), N_WORDS * len(ADDITIONS))
    return add_to_glyphs(bank.images[origins], bank.ink[origins], shape.additions, words)


@lru_cache(maxsize=32)
def _draw_glyphs(
    name: str,
    shape: Shape,
    size: tuple[int, int],
    usual: float,
    middle_row: float,
    count: int,
    first: int,
) -> NDArray[np.uint8]:
    """Draw variants of a shape, of the source's usual height and about its middle row."""
    rows, columns = size
    n_points = sum(len(stroke.points) for stroke in shape.strokes)
    words = _draw_words(name, np.arange(first, first + count), 5 + 2 * n_points)
    height, nib, jitter = (
        low + (high - low) * to_uniform(words[:, i])
        for i, (low, high) in enumerate((_HEIGHT, _NIB, _JITTER))
    )
    height = np.minimum(height * usual, rows - 1.0)
    radii = np.maximum(height * nib / 2, 0.35)
    curves = vary_strokes(
        shape.strokes,
        words[:, 5:],
        jitter,
        round_factor(np.exp(_LOG_ASPECT * to_normal(words[:, 3]))),
        _SLANT * to_normal(words[:, 4]),
    )
    joined = np.concatenate(curves, axis=1)
    low, high = joined.min(axis=1), joined.max(axis=1)
    extent = np.maximum(high - low, 1e-3)
    room = np.stack([height, np.full(count, columns - 1.0)], axis=-1) - 2 * radii[:, None]
    scale = np.maximum(room, 1.0) / extent
    scale = scale.min(axis=1)[:, None, None]
    middle = ((low + high) / 2)[:, None]
    centre = np.array([middle_row, (columns - 1) / 2])
    reach = (scale[:, 0] * extent / 2 + radii[:, None]).min(axis=0)
    centre = np.clip(centre, reach - 0.5, np.array([rows, columns]) - 0.5 - reach)
    return draw_ink([(curve - middle) * scale + centre for curve in curves], radii, (rows, columns))
