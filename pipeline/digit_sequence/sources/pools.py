"""Share the glyphs of a bank out to the splits, each glyph to one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.characters import CHARACTERS, show_characters
from digit_sequence.base.errors import SourceError
from digit_sequence.base.names import SPLITS, SplitName
from digit_sequence.base.philox import Words
from digit_sequence.base.randomness import Identities, RandomWords, to_uniform
from digit_sequence.sources.bank import GlyphBank
from digit_sequence.sources.copies import find_copies
from digit_sequence.sources.excluded import find_used
from digit_sequence.sources.hands import Hands, find_hands
from digit_sequence.sources.mix import ORIGIN, ORIGINS
from digit_sequence.sources.registry import open_source
from digit_sequence.sources.source import SHARES, SourceBlock


@dataclass(frozen=True)
class GlyphPool:
    """The glyphs that one split may use, grouped by digit; signs and letters count as such."""

    ids: NDArray[np.int32]
    """Shape (M,): glyph ids, ascending within a digit."""
    starts: NDArray[np.int64]
    """Shape (52,): the ids of digit d are ``ids[starts[d]:starts[d + 1]]``."""
    shapes: Mapping[str, NDArray[np.int32]] = field(default_factory=dict)
    """Ids of glyphs that the source lacks, by digit and name of the shape: ``7/crossed``."""
    writers: NDArray[np.int32] | None = None
    """Who wrote each glyph, by its id, those of other splits too; -1: nobody knows."""
    mixed: Mixed | None = None
    """The same glyphs by the parts of a mix."""

    def of_digit(self, digit: int) -> NDArray[np.int32]:
        """Return the ids of the source's glyphs of a digit."""
        return self.ids[self.starts[digit] : self.starts[digit + 1]]

    @property
    def all_ids(self) -> NDArray[np.int32]:
        """All ids, shape (M + extra,)."""
        return np.concatenate([self.ids, *self.shapes.values()])

    @cached_property
    def hands(self) -> Hands:
        """The source's glyphs of the split by who wrote them."""
        assert self.writers is not None
        return find_hands(self.ids, self.starts, self.writers)


@dataclass(frozen=True)
class Mixed:
    """The glyphs of one split by the P parts of a mix."""

    pools: Mapping[str, GlyphPool]
    """Those of each part, by its name; of a part that has nothing for the split an empty one."""
    weights: NDArray[np.float64]
    """(P,) how often each is drawn from."""
    per: Literal["sample", "glyph"]
    """What is drawn from one part."""

    @cached_property
    def has_digit(self) -> NDArray[np.bool_]:
        """(P, characters) whether a part has one, by its code."""
        return np.array([np.diff(pool.starts) > 0 for pool in self.pools.values()])

    def find_lacking(self, digits: Iterable[int]) -> dict[str, set[int]]:
        """Return which digits some parts lack, where a part needs all or none of them."""
        lacking = {
            name: {digit for digit in digits if not has_digit[digit]}
            for name, has_digit in zip(self.pools, self.has_digit, strict=True)
            if self.per == "sample" and has_digit.any()
        }
        return {name: found for name, found in lacking.items() if found}

    def draw_parts(self, identities: Identities) -> NDArray[np.int64]:
        """Draw which part each digit is of, by weight among those that can have it: (G,)."""
        stream = identities.stream(ORIGIN.name)
        if self.per == "glyph":
            (words,) = stream.per_digit(1)
            return _pick(words, (self.weights[:, None] * self.has_digit)[:, identities.digits])
        (words,) = stream.per_sample(1)
        weights = self.weights * self.has_digit.any(axis=1)
        return _pick(words, np.outer(weights, np.ones(len(words))))[identities.owners]

    def name_parts(
        self, parts: NDArray[np.int64], identities: Identities
    ) -> dict[str, NDArray[np.object_]]:
        """Return the label column that says of which part each sample, or each digit, is."""
        names = np.array([*self.pools], np.object_)
        if self.per == "glyph":
            return {ORIGINS.name: names[parts]}
        return {ORIGIN.name: names[parts[identities.starts[:-1]]]}


def _pick(words: Words, weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """Turn words (N,) into one of P things each, by weights (P, N)."""
    steps = np.cumsum(weights, axis=0)
    picked: NDArray[np.int64] = (to_uniform(words) * steps[-1] >= steps[:-1]).sum(axis=0)
    return picked


def partition_glyphs(bank: GlyphBank, settings: SourceBlock) -> dict[SplitName, GlyphPool]:
    """Share the glyphs of a bank out to the splits, each glyph to one.

    The order in which a digit's glyphs are shared out is random but fixed: it does not depend on
    the seed of a config, so that the test glyphs of one dataset are in no other dataset's train.
    Glyphs of one image stay together.

    Parameters
    ----------
    bank : GlyphBank
        The glyphs.
    settings : SourceBlock
        The block `source` of a config. Its fractions say how many glyphs of each digit are held out
        for val and for test; of mnist test has t10k and none else. What it excludes is in no pool.

    Returns
    -------
    dict of SplitName to GlyphPool
        Always of train, val and test; a pool is empty if its fraction is 0.

    Raises
    ------
    SourceError
        If writers are to be shared out, and that cannot be.
    """
    words = RandomWords(seed=0, purpose="partition")
    source = open_source(settings)
    held_out = source.shares
    fractions = [held_out.get(share, 0.0) for share in SHARES]
    is_used = find_used(source, len(bank.digits))  # for the end: no other glyph changes its split
    if settings.split_by == "writer":
        return _partition_writers(bank, words, fractions, is_used)
    place = np.zeros(len(bank.digits), np.int64)  # of the split of each glyph, in `SPLITS`
    for digit in range(len(CHARACTERS)):
        free, reserved = (
            np.flatnonzero((bank.digits == digit) & (bank.parts == part)) for part in (0, 1)
        )
        order = np.argsort(words.draw("digit", digit, len(free)), kind="stable")
        n_val, n_test = count_held_out(len(free), *fractions)
        val, test, _ = np.split(free[order], [n_val, n_val + n_test])
        place[val] = SPLITS.index("val")
        place[test] = place[reserved] = SPLITS.index("test")
    place = _join_copies(place, bank)
    return {
        split: pool_glyphs(
            [
                np.flatnonzero((place == n) & (bank.digits == digit) & is_used)
                for digit in range(len(CHARACTERS))
            ],
            bank.writers,
        )
        for n, split in enumerate(SPLITS)
    }


def _join_copies(place: NDArray[np.int64], bank: GlyphBank) -> NDArray[np.int64]:
    """Return places of glyphs (N,) where those of one image are where the first of them is.

    But if one is for test alone, they all are.
    """
    first = find_copies(bank.images)
    is_reserved = np.zeros(len(place), np.bool_)
    is_reserved[first[bank.parts == 1]] = True
    joined: NDArray[np.int64] = np.where(is_reserved[first], SPLITS.index("test"), place[first])
    return joined


def _partition_writers(
    bank: GlyphBank, words: RandomWords, fractions: list[float], is_used: NDArray[np.bool_]
) -> dict[SplitName, GlyphPool]:
    """Share the writers out in a random but fixed order, each with all glyphs."""
    if bank.writers is None or bank.writers.min() < 0:
        raise SourceError(
            "source.split_by: expected a source that says who wrote each glyph, got some of "
            "nobody; set source.writers, or split by glyph"
        )
    free, reserved = (np.unique(bank.writers[bank.parts == part]) for part in (0, 1))
    if len(both := np.intersect1d(free, reserved)):
        raise SourceError(
            "source.split_by: expected glyphs for test of writers who wrote no others, got both of "
            f"writer {both[0]}, one of {len(both):,}; split by glyph"
        )
    order = np.argsort(words.draw("writer", 0, len(free)), kind="stable")
    n_val, n_test = count_held_out(len(free), *fractions)
    val, test, train = np.split(free[order], [n_val, n_val + n_test])
    writers = {"train": train, "val": val, "test": np.concatenate([reserved, test])}
    present = np.unique(bank.digits)
    pools: dict[SplitName, GlyphPool] = {}
    for split in SPLITS:
        is_own = np.isin(bank.writers, writers[split]) & is_used
        by_digit = [
            np.flatnonzero(is_own & (bank.digits == digit)) for digit in range(len(CHARACTERS))
        ]
        if len(writers[split]) and (lacking := [d for d in present if not len(by_digit[d])]):
            raise SourceError(
                f"source.split_by: expected writers of every digit in {split}, got none of "
                f"{show_characters(''.join(CHARACTERS[it] for it in lacking))} among its "
                f"{len(writers[split]):,}; "
                "change the source's fractions, or split by glyph"
            )
        pools[split] = pool_glyphs(by_digit, bank.writers)
    _check_copies(bank, pools)
    return pools


def _check_copies(bank: GlyphBank, pools: Mapping[SplitName, GlyphPool]) -> None:
    """Raise a SourceError if writers of different splits have one image."""
    place = np.full(len(bank.digits), -1)
    for n, pool in enumerate(pools.values()):
        place[pool.ids] = n
    first = find_copies(bank.images)
    wrong = np.flatnonzero((place >= 0) & (place[first] >= 0) & (place != place[first]))
    if len(wrong):
        raise SourceError(
            f"source.split_by: expected no image of two writers in different splits, got that of "
            f"glyph {first[wrong[0]]} again as glyph {wrong[0]}, one of {len(wrong):,}; exclude "
            "one of them: source.exclude"
        )


def count_held_out(n_glyphs: int, val_fraction: float, test_fraction: float) -> tuple[int, int]:
    """Return how many of one digit's glyphs go to val and to test.

    Parameters
    ----------
    n_glyphs : int
        Glyphs of that digit.
    val_fraction, test_fraction : float
        Shares, 0 to 1, below 1 together.

    Returns
    -------
    n_val, n_test : int
        The nearest counts, halves up; but at least one glyph is left to train and, where a digit
        has three or more, at least one goes to each share above 0.

    Examples
    --------
    >>> count_held_out(500, 0.1, 0.25)
    (50, 125)
    >>> count_held_out(3, 0.01, 0.9)
    (1, 1)
    """
    least = 1 if n_glyphs >= 3 else 0
    counts = [
        max(least, int(n_glyphs * fraction + 0.5)) if fraction > 0 else 0
        for fraction in (val_fraction, test_fraction)
    ]
    while sum(counts) > max(n_glyphs - 1, 0):
        counts[int(counts[1] >= counts[0])] -= 1
    return counts[0], counts[1]


def check_disjoint(pools: Mapping[SplitName, GlyphPool]) -> None:
    """Raise a SourceError if a glyph is in two pools, or twice in one.

    Parameters
    ----------
    pools : mapping of SplitName to GlyphPool
        As of `partition_glyphs`.
    """
    ids, counts = np.unique(
        np.concatenate([pool.all_ids for pool in pools.values()]), return_counts=True
    )
    repeated = ids[counts > 1]
    if len(repeated):
        splits = [split for split, pool in pools.items() if repeated[0] in pool.all_ids]
        raise SourceError(
            f"glyph {repeated[0]}: expected in one split, got it in {' and in '.join(splits)}; "
            f"{len(repeated):,} glyphs are in more than one place"
        )


def check_writers(pools: Mapping[SplitName, GlyphPool]) -> None:
    """Raise a SourceError if a writer has glyphs in two pools; who is not known is passed over.

    Parameters
    ----------
    pools : mapping of SplitName to GlyphPool
        As of `partition_glyphs`, with what was added since.
    """
    found: dict[int, SplitName] = {}
    for split, pool in pools.items():
        assert pool.writers is not None
        for writer in np.unique(pool.writers[pool.all_ids]).tolist():
            if writer >= 0 and found.setdefault(writer, split) != split:
                raise SourceError(
                    f"writer {writer}: expected in one split, got glyphs in {found[writer]} and in "
                    f"{split}"
                )


def share_out(n_made: int, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many of some glyphs each split gets: as it has of the source's, at least one."""
    shares: NDArray[np.int64] = np.maximum(n_made * counts // counts.sum(), counts > 0)
    shares[counts.argmax()] += n_made - shares.sum()
    return shares


def pool_glyphs(
    by_digit: Sequence[NDArray[np.integer[Any]]], writers: NDArray[np.int32] | None
) -> GlyphPool:
    """Return the pool of the glyphs of each digit, in the order of their codes."""
    sizes = [len(ids) for ids in by_digit]
    ids = np.concatenate([np.sort(ids) for ids in by_digit]).astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    for array in (ids, starts):
        array.flags.writeable = False
    return GlyphPool(ids, starts, writers=writers)
