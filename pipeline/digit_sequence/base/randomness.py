"""Random words addressed by identity, so that any draw can be made alone, in any order.

The generator is Philox4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
SC 2011) as NumPy implements it. NumPy guarantees the integer stream of a bit generator, but not
the methods of ``Generator``; raw words become values by the formulas below and by nothing else.

=============  =====================================================================
key, 2 words   BLAKE2b of (seed, purpose)
counter 0      block of four words within one identity
counter 1      index of the identity (sample index, number index, ...)
counter 2, 3   BLAKE2b of the identity's name (split and number, ...)
=============  =====================================================================
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.engines import Engine

Words = NDArray[np.uint64]


@lru_cache(maxsize=4096)
def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _digest_words(*texts: str) -> Words:
    """Return two words for each text, shape (N, 2)."""
    return np.frombuffer(b"".join(map(_digest, texts)), "<u8").astype(np.uint64).reshape(-1, 2)


class RandomWords:
    """A source of random 64-bit words for one purpose.

    Parameters
    ----------
    seed : int
        The config's seed.
    purpose : str
        What the words are for. Words of different purposes are independent.

    Examples
    --------
    >>> words = RandomWords(seed=7, purpose="doctest")
    >>> bool((words.draw("train/007", 3, 8)[:4] == words.draw("train/007", 3, 4)).all())
    True
    """

    def __init__(self, seed: int, purpose: str) -> None:
        key = make_key(seed, purpose)
        self._generator = np.random.Philox(key=key, counter=np.zeros(4, np.uint64))
        # Setting the state of one generator takes 2.5 us; making a new one takes 12 us.
        self._state = self._generator.state

    def draw(self, name: str, index: int, n_words: int, first_block: int = 0) -> Words:
        """Return the first words of one identity.

        Parameters
        ----------
        name : str
            Name of the identity.
        index : int
            Index of the identity under that name, 0 to 2**64 - 1.
        n_words : int
            How many words, from the first on.
        first_block : int
            Skip this many blocks of four words.

        Returns
        -------
        ndarray of uint64, shape (n_words,)
        """
        self._state["state"]["counter"][:] = (first_block, index, *_digest_words(name)[0])
        self._state["buffer_pos"] = 4  # nothing left over from the identity before
        self._generator.state = self._state
        words: Words = self._generator.random_raw(n_words)
        return words


def make_key(seed: int, purpose: str) -> Words:
    """Return the key of a seed and a purpose, two words."""
    key: Words = _digest_words(f"{seed}/{purpose}")[0]
    return key


def make_addresses(names: Sequence[str], indices: NDArray[np.int64]) -> Words:
    """Return counter words 1 to 3 of each identity, shape (B, 3)."""
    return np.column_stack([indices.astype(np.uint64), _digest_words(*names)])


def draw_words(
    seed: int,
    purpose: str,
    names: Sequence[str],
    indices: NDArray[np.int64],
    counts: NDArray[np.int64],
    engine: Engine = "skimage",
) -> Words:
    """Return the first words of many identities, one after another.

    Parameters
    ----------
    seed, purpose
        As of `RandomWords`.
    names : sequence of str
        The B names.
    indices : ndarray of int64, shape (B,)
    counts : ndarray of int64, shape (B,)
        Words of each, multiples of 4.
    engine : {"skimage", "numba"}

    Returns
    -------
    ndarray of uint64, shape (sum of counts,)
    """
    words = np.empty(int(counts.sum()), np.uint64)
    if engine == "numba":
        from digit_sequence.base.random_kernels import fill_words  # noqa: PLC0415 - numba is optional

        addresses = make_addresses(names, indices)
        fill_words(make_key(seed, purpose), addresses, counts, words)
        return words
    source = RandomWords(seed, purpose)
    stops = np.cumsum(counts)
    for name, index, count, stop in zip(names, indices, counts, stops, strict=True):
        words[stop - count : stop] = source.draw(name, int(index), int(count))
    return words


def to_uniform(words: Words) -> NDArray[np.float64]:
    """Turn words into floats in [0, 1), multiples of 2**-53."""
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def to_integers(
    words: Words, low: int | NDArray[np.int64], high: int | NDArray[np.int64]
) -> NDArray[np.int64]:
    """Turn words into integers from `low` to `high`, both included.

    Multiplies the upper 32 bits by the count (Lemire, "Fast random integer generation in an
    interval", 2019, without rejection): the bias is below count / 2**32.
    """
    count = (np.asarray(high, np.int64) - np.asarray(low, np.int64) + 1).astype(np.uint64)
    scaled = (words >> np.uint64(32)) * count >> np.uint64(32)
    return scaled.astype(np.int64) + low


def to_decimals(words: Words, low: float, high: float, decimals: int) -> NDArray[np.float64]:
    """Turn words into decimal fractions from `low` to `high`, both included.

    Values have `decimals` digits after the point, so they are short in JSON, small in Parquet and
    the same number in both.
    """
    unit = 10**decimals
    values: NDArray[np.float64] = to_integers(words, round(low * unit), round(high * unit)) / unit
    return values


def split_words(words: Words, bits: int) -> NDArray[np.uint64]:
    """Split each word into integers of `bits` bits, lowest first, on a new last axis."""
    shifts = np.arange(0, 64, bits, dtype=np.uint64)
    return (words[..., None] >> shifts) & np.uint64(2**bits - 1)
