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
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.engines import Engine
from digit_sequence.base.philox import Words, run_philox


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
    return _fill(make_key(seed, purpose), make_addresses(names, indices), counts, engine)


def _fill(key: Words, addresses: Words, counts: NDArray[np.int64], engine: Engine) -> Words:
    """Return the first words of the identities at some addresses (B, 3), one after another."""
    if engine == "numba":
        from digit_sequence.base.random_kernels import fill_words  # noqa: PLC0415 - is optional

        words = np.empty(int(counts.sum()), np.uint64)
        fill_words(key, addresses, counts, words)
        return words
    n_blocks = counts // 4
    owners = np.repeat(np.arange(len(counts)), n_blocks)
    first = np.cumsum(n_blocks) - n_blocks
    block = np.arange(len(owners)) - first[owners] + 1  # NumPy counts up before it makes a block
    return run_philox(key, np.column_stack([block.astype(np.uint64), addresses[owners]]))


@dataclass(frozen=True)
class Identities:
    """The samples of a batch, as random words are addressed to them: B samples, G digits."""

    seed: int
    names: Sequence[str]
    """The B names: split and number."""
    indices: NDArray[np.int64]
    """(B,) sample indices."""
    starts: NDArray[np.int64]
    """(B + 1,): the digits of sample b are ``starts[b]:starts[b + 1]``."""
    digits: NDArray[np.int64]
    """(G,) all digits; of signs their codes in `base.characters`."""
    spaced: NDArray[np.bool_]
    """(G,) whether a space stands before a digit."""
    engine: Engine = "skimage"

    @cached_property
    def addresses(self) -> Words:
        """(B, 3) counter words 1 to 3."""
        return make_addresses(self.names, self.indices)

    @cached_property
    def owners(self) -> NDArray[np.int64]:
        """(G,) the sample of each digit."""
        return np.repeat(np.arange(len(self.names)), np.diff(self.starts))

    @cached_property
    def slots(self) -> NDArray[np.int64]:
        """(G,) the position of each digit in its number."""
        return np.arange(len(self.owners)) - self.starts[self.owners]

    def choose(self, is_chosen: NDArray[np.bool_]) -> Identities:
        """Return some of these samples, in their order; `is_chosen` is (B,)."""
        lengths = np.diff(self.starts)[is_chosen]
        return Identities(
            seed=self.seed,
            names=[name for name, chosen in zip(self.names, is_chosen, strict=True) if chosen],
            indices=self.indices[is_chosen],
            starts=np.concatenate([[0], np.cumsum(lengths)]),
            digits=self.digits[is_chosen[self.owners]],
            spaced=self.spaced[is_chosen[self.owners]],
            engine=self.engine,
        )

    def stream(self, purpose: str) -> Stream:
        """Return the random words of one purpose."""
        return Stream(self, purpose)


@dataclass(frozen=True)
class Stream:
    """The random words of one purpose, for the samples of a batch.

    Words for samples, for their digits and for their pixels are independent of each other, so that
    how many of one kind are drawn changes none of another.
    """

    identities: Identities
    purpose: str

    @property
    def engine(self) -> Engine:
        """What makes the words."""
        return self.identities.engine

    def part(self, name: str) -> Stream:
        """Return words for a purpose within this one."""
        return Stream(self.identities, f"{self.purpose}/{name}")

    def per_sample(self, n_words: int) -> Words:
        """Return words for each sample, shape (n_words, B)."""
        return self.of_samples(np.arange(len(self.identities.names)), n_words)

    def of_samples(self, samples: NDArray[np.int64], n_words: int) -> Words:
        """Return those words for N samples of the batch alone, shape (n_words, N)."""
        identities = self.identities
        counts = np.full(len(samples), -(-n_words // 4) * 4)
        key = make_key(identities.seed, self.purpose)
        words = _fill(key, identities.addresses[samples], counts, identities.engine)
        return words.reshape(len(samples), counts.max(initial=4))[:, :n_words].T

    def per_digit(self, n_words: int) -> Words:
        """Return words for each digit, shape (n_words, G)."""
        identities = self.identities
        counts = -(-np.diff(identities.starts) * n_words // 4) * 4
        words = self.part("digits")._fill(counts)
        first = (np.cumsum(counts) - counts)[identities.owners] + identities.slots * n_words
        found: Words = words[first + np.arange(n_words)[:, None]]
        return found

    def of_pixels(self, sample: int, n_words: int) -> Words:
        """Return words for the pixels of one sample of the batch, shape (n_words,)."""
        identities = self.identities
        source = RandomWords(identities.seed, self.part("pixels").purpose)
        return source.draw(identities.names[sample], int(identities.indices[sample]), n_words)

    def shares_of_pixels(self, sample: int, n_pixels: int) -> NDArray[np.uint64]:
        """Return 16 random bits for each pixel of one sample of the batch, shape (n_pixels,)."""
        words = self.of_pixels(sample, -(-n_pixels // 4))
        return split_words(words, 16).reshape(-1)[:n_pixels]

    def pixel_key(self) -> Words:
        """Return the key of the words for pixels, for loops that make them by themselves."""
        return make_key(self.identities.seed, self.part("pixels").purpose)

    def _fill(self, counts: NDArray[np.int64]) -> Words:
        identities = self.identities
        key = make_key(identities.seed, self.purpose)
        return _fill(key, identities.addresses, counts, identities.engine)


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
