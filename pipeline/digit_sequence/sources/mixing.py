"""Share the glyphs of a source, or of each part of a mix, out to the splits.

A part is shared out, and gets glyphs that it lacks, as if it were alone: its glyphs are cut out of
the bank and put back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.characters import CHARACTERS
from digit_sequence.base.errors import SourceError
from digit_sequence.base.names import SPLITS, SplitName
from digit_sequence.sources.bank import GlyphBank
from digit_sequence.sources.copies import find_copies
from digit_sequence.sources.excluded import find_used
from digit_sequence.sources.mix import Mix
from digit_sequence.sources.pools import GlyphPool, Mixed, partition_glyphs, pool_glyphs
from digit_sequence.sources.registry import open_source
from digit_sequence.sources.source import SourceBlock

Pools = Mapping[SplitName, GlyphPool]
AddGlyphs = Callable[[GlyphBank, Pools], tuple[GlyphBank, Pools]]
_PER_GLYPH = ("images", "digits", "parts", "ink", "writers", "origins")
"""Arrays of a bank that have a row for each glyph."""


def share_glyphs(bank: GlyphBank, settings: SourceBlock) -> dict[SplitName, GlyphPool]:
    """Share the glyphs of a bank out to the splits, those of each part of a mix by themselves.

    Raises
    ------
    SourceError
        As `partition_glyphs` does; or if two parts have one image, in different splits.
    """
    source = open_source(settings)
    if not isinstance(source, Mix):
        return partition_glyphs(bank, settings)
    assert bank.origins is not None
    is_used = find_used(source, len(bank.digits))
    found: dict[SplitName, dict[str, GlyphPool]] = {split: {} for split in SPLITS}
    for place, (name, part) in enumerate(source.parts.items()):
        start, stop = np.searchsorted(bank.origins, [place, place + 1]).tolist()
        try:
            shared = partition_glyphs(_take(bank, slice(start, stop)), part.settings)
        except SourceError as error:
            raise SourceError(f"source.parts.{name}: {error}") from error
        for split, pool in shared.items():
            by_digit = [pool.of_digit(digit) + np.int64(start) for digit in range(len(CHARACTERS))]
            used = [ids[is_used[ids]] for ids in by_digit]
            found[split][name] = pool_glyphs(used, bank.writers)
    pools = {split: _join(parts, source, bank.writers) for split, parts in found.items()}
    _check_copies(bank, pools)
    return pools


def add_per_part(
    add: AddGlyphs, bank: GlyphBank, pools: Pools, settings: SourceBlock
) -> tuple[GlyphBank, Pools]:
    """Have glyphs added that a source lacks, to each part of a mix by itself.

    Parameters
    ----------
    add : callable
        Takes a bank and its pools, and returns them with what it adds behind.
    bank, pools
        The bank shared out.
    settings : SourceBlock
        The block `source` of a config.
    """
    source = open_source(settings)
    if not isinstance(source, Mix):
        return add(bank, pools)
    assert bank.origins is not None
    n_glyphs = len(bank.digits)
    banks = [bank]
    found: dict[SplitName, dict[str, GlyphPool]] = {split: {} for split in pools}
    for place, name in enumerate(source.parts):
        ids = np.flatnonzero(bank.origins == place).astype(np.int32)
        places = np.zeros(len(bank.digits), np.int32)
        places[ids] = np.arange(len(ids))
        part = _take(bank, ids)
        own = {
            split: replace(_renumber(_find_part(pool, name), places), writers=part.writers)
            for split, pool in pools.items()
        }
        extended, added = add(part, own)
        n_added = len(extended.digits) - len(ids)
        numbers = np.concatenate([ids, np.arange(n_glyphs, n_glyphs + n_added, dtype=np.int32)])
        for split, pool in added.items():
            found[split][name] = _renumber(pool, numbers)
        origins = np.full(len(extended.digits), place, np.uint8)
        banks.append(_take(replace(extended, origins=origins), slice(len(ids), None)))
        n_glyphs += n_added
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(it, name) for it in banks]) for name in _list_arrays(bank)
    }
    joined = replace(bank, **arrays)
    return joined, {split: _join(parts, source, joined.writers) for split, parts in found.items()}


def _find_part(pool: GlyphPool, name: str) -> GlyphPool:
    assert pool.mixed is not None
    return pool.mixed.pools[name]


def _take(bank: GlyphBank, rows: slice | NDArray[np.int32]) -> GlyphBank:
    """Return some glyphs of a bank."""
    return replace(bank, **{name: array[rows] for name, array in _list_arrays(bank).items()})


def _list_arrays(bank: GlyphBank) -> dict[str, Any]:
    """Return the arrays of a bank that have a row for each glyph."""
    found = {name: getattr(bank, name) for name in _PER_GLYPH}
    return {name: array for name, array in found.items() if array is not None}


def _renumber(pool: GlyphPool, numbers: NDArray[np.int32]) -> GlyphPool:
    """Return a pool whose glyphs have other ids, by those they have."""
    shapes = {name: numbers[ids] for name, ids in pool.shapes.items()}
    return replace(pool, ids=numbers[pool.ids], shapes=shapes)


def _join(
    parts: Mapping[str, GlyphPool], source: Mix, writers: NDArray[np.int32] | None
) -> GlyphPool:
    """Return the pool of a split by those of the parts of a mix."""
    pools = {name: replace(pool, writers=writers) for name, pool in parts.items()}
    by_digit = [
        np.concatenate([pool.of_digit(digit) for pool in pools.values()])
        for digit in range(len(CHARACTERS))
    ]
    shapes: dict[str, list[NDArray[np.int32]]] = {}
    for pool in pools.values():
        for name, ids in pool.shapes.items():
            shapes.setdefault(name, []).append(ids)
    weights = np.array([source.settings.parts[name].weight for name in pools])
    return replace(
        pool_glyphs(by_digit, writers),
        shapes={name: np.concatenate(ids) for name, ids in shapes.items()},
        mixed=Mixed(pools, weights, source.settings.per),
    )


def _check_copies(bank: GlyphBank, pools: Pools) -> None:
    """Raise a SourceError if two parts of a mix have one image, in different splits."""
    assert bank.origins is not None
    first = find_copies(bank.images).tolist()
    found: dict[int, tuple[SplitName, int]] = {}
    for split, pool in pools.items():
        for glyph in pool.ids.tolist():
            where, other = found.setdefault(first[glyph], (split, glyph))
            if where != split and bank.origins[other] != bank.origins[glyph]:
                raise SourceError(
                    f"source.parts: expected parts of different digits, got the image of glyph "
                    f"{other}, in {where}, again as glyph {glyph}, in {split}; leave one of their "
                    "parts out, or exclude the glyphs that both have"
                )
