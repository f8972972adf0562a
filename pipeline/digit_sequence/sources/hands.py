"""Numbers of one hand: which glyphs one writer has for the digits of a number.

A hand is drawn among the writers of a split who wrote the most of the number's digits: as a rule
all of them. A digit that this writer did not write is another's. A digit that stands several times
is as many glyphs of the writer, as long as there are so many.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.characters import CHARACTERS, DIGITS
from digit_sequence.base.columns import Column
from digit_sequence.base.philox import Words
from digit_sequence.base.randomness import Identities, to_integers, to_uniform

HAND = Column("hand", "int32", "writer of the number; -1: each digit is of anybody", neutral=-1)
LACKED = Column("hand_lacked", "int16", "digits that this writer did not write, which are others'")
WRITERS = Column("writers", "int32", "who wrote the glyph; -1: nobody knows, or a pen", "digit", -1)
NOBODY = -1
_N = len(CHARACTERS)


@dataclass(frozen=True)
class Hands:
    """The glyphs of a split by writer, W of them, and by character, C: see `CHARACTERS`."""

    writers: NDArray[np.int32]
    """(W,) ascending."""
    ids: NDArray[np.int32]
    """(M,) glyph ids, by writer, then by digit."""
    starts: NDArray[np.int64]
    """(W, C) where the glyphs of a digit start in `ids`."""
    counts: NDArray[np.int64]
    """(W, C) how many they are."""


def find_hands(
    ids: NDArray[np.int32], starts: NDArray[np.int64], writers: NDArray[np.int32]
) -> Hands:
    """Group the glyphs of a pool by writer; those of nobody are left out.

    Parameters
    ----------
    ids, starts
        As of a `GlyphPool`.
    writers : ndarray of int32, shape (N,)
        By glyph id.
    """
    digits = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    is_known = writers[ids] >= 0
    ids, digits = ids[is_known], digits[is_known]
    found, owners = np.unique(writers[ids], return_inverse=True)
    cells = owners * _N + digits
    counts = np.bincount(cells, minlength=_N * len(found)).astype(np.int64)
    return Hands(
        writers=found,
        ids=ids[np.argsort(cells, kind="stable")],
        starts=(np.cumsum(counts) - counts).reshape(-1, _N),
        counts=counts.reshape(-1, _N),
    )


def choose_hands(
    glyph_ids: NDArray[np.int32], hands: Hands, share: float, identities: Identities
) -> tuple[NDArray[np.int32], dict[str, NDArray[np.int64]]]:
    """Write a share of the numbers in one hand each.

    Parameters
    ----------
    glyph_ids : ndarray of int32, shape (G,)
        As drawn from all writers.
    hands : Hands
        Of the split.
    share : float
        Of the samples, 0 to 1.
    identities : Identities
        B samples, G digits.

    Returns
    -------
    glyph_ids : ndarray of int32, shape (G,)
    drawn : dict
        The columns `HAND` and `LACKED`, (B,).
    """
    stream = identities.stream(HAND.name)
    chance, which = stream.per_sample(2)
    n_samples, owners, digits = len(chance), identities.owners, identities.digits
    if not len(hands.writers):  # of a split whose writers nobody knows
        nobody = np.full(n_samples, NOBODY)
        return glyph_ids, {HAND.name: nobody, LACKED.name: np.zeros_like(nobody)}
    hand = _draw_hands(hands, identities, which)
    hand[to_uniform(chance) >= share] = NOBODY
    # Of signs alone, say, which a pen draws: nobody wrote them.
    n_own = np.bincount(owners, hands.counts[hand[owners], digits] > 0, minlength=n_samples)
    hand[n_own == 0] = NOBODY
    writer = hand[owners]
    n_glyphs = np.where(writer < 0, 0, hands.counts[writer, digits])
    own = np.flatnonzero(n_glyphs)
    first, rank = _count_repeats(identities, own)
    (words,) = stream.part("glyph").per_digit(1)
    turn = (to_integers(words[first], 0, n_glyphs[own] - 1) + rank) % n_glyphs[own]
    is_penned = (digits >= len(DIGITS)) & (hands.counts.sum(axis=0)[digits] == 0)  # a sign
    is_lacked = (writer >= 0) & (n_glyphs == 0) & ~is_penned
    glyph_ids = glyph_ids.copy()
    glyph_ids[own] = hands.ids[hands.starts[writer[own], digits[own]] + turn]
    return glyph_ids, {
        HAND.name: np.where(hand < 0, NOBODY, hands.writers[hand]),
        LACKED.name: np.bincount(owners[is_lacked], minlength=n_samples),
    }


def _draw_hands(hands: Hands, identities: Identities, words: Words) -> NDArray[np.int64]:
    """Draw the writer of each number (B,), of those who wrote the most of its digits."""
    has_digit = np.zeros((len(words), _N), np.bool_)
    has_digit[identities.owners, identities.digits] = True
    sets, kinds = np.unique(has_digit @ (1 << np.arange(_N)), return_inverse=True)
    drawn = np.empty(len(words), np.int64)
    for kind, bits in enumerate(sets.tolist()):
        wanted = [digit for digit in range(_N) if bits >> digit & 1]
        n_written = (hands.counts[:, wanted] > 0).sum(axis=1)
        able = np.flatnonzero(n_written == n_written.max())
        own = kinds == kind
        drawn[own] = able[to_integers(words[own], 0, len(able) - 1)]
    return drawn


def _count_repeats(
    identities: Identities, chosen: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each of some digits stands first in its number, and how often before."""
    cells = identities.owners[chosen] * _N + identities.digits[chosen]
    order = np.argsort(cells, kind="stable")
    ordered = cells[order]
    is_first = np.r_[True, ordered[1:] != ordered[:-1]] if len(order) else ordered == 0
    begins = np.flatnonzero(is_first)[np.cumsum(is_first) - 1]
    first, rank = np.empty_like(chosen), np.empty_like(chosen)
    first[order] = chosen[order[begins]]
    rank[order] = np.arange(len(order)) - begins
    return first, rank
