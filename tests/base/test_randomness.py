"""Random words are numpy's Philox, addressed by identity; values follow from words by formula."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import chisquare

from digit_sequence.base.randomness import (
    Identities,
    RandomWords,
    Stream,
    draw_words,
    split_words,
    to_decimals,
    to_integers,
    to_uniform,
)

TOP = 2**64 - 1
words64 = st.lists(st.integers(0, TOP), min_size=1, max_size=30).map(
    lambda words: np.array(words, np.uint64)
)


def digest_pair(text: str) -> list[int]:
    """Return the two words, little-endian, of the 16-byte BLAKE2b of a text."""
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return np.frombuffer(digest, "<u8").tolist()


def draw_anew(seed: int, purpose: str, name: str, index: int, n_words: int) -> NDArray[np.uint64]:
    """Draw with a numpy Philox of its own, as the module's table says."""
    counter = np.array([0, index, *digest_pair(name)], np.uint64)
    key = np.array(digest_pair(f"{seed}/{purpose}"), np.uint64)
    return np.random.Philox(key=key, counter=counter).random_raw(n_words)


def test_words_are_pinned() -> None:
    """The stream is the one of the first release: these words may never change."""
    words = RandomWords(2026, "recipe").draw("train/007", 3, 6)
    assert [f"{word:016x}" for word in words] == [
        "515361921c5a64e5",
        "29ca20e2970684bb",
        "a1f834d3aa8550f1",
        "2b544de139816314",
        "51b5e9eec466a2fb",
        "0556248f2c50e16f",
    ]


@given(
    st.integers(0, 2**63 - 1),
    st.text(max_size=9),
    st.text(max_size=20),
    st.integers(0, TOP),
    st.integers(0, 70),
)
def test_words_equal_a_generator_made_anew(
    seed: int, purpose: str, name: str, index: int, n_words: int
) -> None:
    """A draw equals numpy's Philox with the same key and counter."""
    drawn = RandomWords(seed, purpose).draw(name, index, n_words)
    assert drawn.dtype == np.uint64
    assert drawn.tolist() == draw_anew(seed, purpose, name, index, n_words).tolist()


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5), st.integers(0, 11)), min_size=1)
)
def test_draws_do_not_depend_on_earlier_draws(draws: list[tuple[str, int, int]]) -> None:
    """One source gives each identity the same words, in any order and after any other draw."""
    source = RandomWords(1, "order")
    for name, index, n_words in draws:
        expected = draw_anew(1, "order", name, index, n_words)
        assert source.draw(name, index, n_words).tolist() == expected.tolist()


@given(st.integers(0, 40), st.integers(0, 20))
def test_first_block_skips_blocks_of_four_words(first_block: int, n_words: int) -> None:
    """Blocks can be skipped, so that a long draw can be made in parts."""
    source = RandomWords(5, "blocks")
    whole = source.draw("name", 9, 4 * first_block + n_words)
    assert (
        source.draw("name", 9, n_words, first_block).tolist() == whole[4 * first_block :].tolist()
    )


def test_identities_do_not_share_words() -> None:
    """Words of other seeds, purposes, names and indices are others."""
    draws = [
        RandomWords(seed, purpose).draw(name, index, 8)
        for seed in (0, 1)
        for purpose in ("a", "b")
        for name in ("x", "y")
        for index in (0, 1)
    ]
    assert len(np.unique(draws)) == 16 * 8


def test_uniform_ends() -> None:
    """The least word gives 0, the greatest 1 - 2**-53, and the middle one half."""
    values = to_uniform(np.array([0, 2**63, TOP], np.uint64))
    assert values.tolist() == [0.0, 0.5, 1 - 2**-53]


@given(words64)
def test_uniform_is_the_upper_53_bits(words: NDArray[np.uint64]) -> None:
    """A share is exactly the upper 53 bits over 2**53."""
    assert to_uniform(words).tolist() == [(int(word) >> 11) / 2**53 for word in words]


@given(words64, st.integers(-1000, 1000), st.integers(0, 2000))
def test_integers_equal_exact_arithmetic(words: NDArray[np.uint64], low: int, span: int) -> None:
    """An integer is low + floor(upper 32 bits * count / 2**32), in Python's own integers."""
    expected = [low + (int(word) >> 32) * (span + 1) // 2**32 for word in words]
    drawn = to_integers(words, low, low + span)
    assert drawn.dtype == np.int64
    assert drawn.tolist() == expected


def test_integers_cover_both_ends() -> None:
    """The least word gives `low` and the greatest `high`, also with bounds per word."""
    ends = np.array([0, TOP], np.uint64)
    assert to_integers(ends, -3, 5).tolist() == [-3, 5]
    assert to_integers(ends, 7, 7).tolist() == [7, 7]
    assert to_integers(ends, 0, np.array([4, 9])).tolist() == [0, 9]


def test_integers_are_unbiased() -> None:
    """A million draws of 7 values pass a chi-square test."""
    drawn = to_integers(RandomWords(3, "bias").draw("integers", 0, 1_000_000), 10, 16)
    counts = np.bincount(drawn - 10)
    assert len(counts) == 7
    assert chisquare(counts).pvalue > 1e-4


def test_uniform_is_even() -> None:
    """A million shares fill 100 bins evenly, by a chi-square test."""
    drawn = to_uniform(RandomWords(4, "bias").draw("uniform", 0, 1_000_000))
    counts = np.bincount((drawn * 100).astype(int))
    assert len(counts) == 100
    assert chisquare(counts).pvalue > 1e-4


def test_decimals_cover_both_ends_on_a_grid() -> None:
    """Both ends can be drawn, and 0.1 is the very number 0.1."""
    words = np.array([0, 2**63, TOP], np.uint64)
    assert to_decimals(words, -0.1, 0.1, 1).tolist() == [-0.1, 0.0, 0.1]


@given(words64, st.integers(-4500, 4500), st.integers(0, 9000))
def test_decimals_are_short(words: NDArray[np.uint64], low: int, span: int) -> None:
    """Values are those that two decimals write, within the bounds."""
    drawn = to_decimals(words, low / 100, (low + span) / 100, 2)
    assert all(value == float(f"{value:.2f}") for value in drawn)
    assert drawn.min() >= low / 100
    assert drawn.max() <= (low + span) / 100


def test_split_words_lowest_first() -> None:
    """A word is cut from its lowest bits up."""
    word = np.array([0x0123_4567_89AB_CDEF], np.uint64)
    assert split_words(word, 16).tolist() == [[0xCDEF, 0x89AB, 0x4567, 0x0123]]
    assert split_words(word, 32).tolist() == [[0x89AB_CDEF, 0x0123_4567]]


@pytest.mark.parametrize("bits", [8, 16, 32])
@given(words64)
def test_split_words_join_again(bits: int, words: NDArray[np.uint64]) -> None:
    """The parts of a word, put together again, are the word."""
    parts = split_words(words.reshape(-1, 1), bits)
    assert parts.shape == (len(words), 1, 64 // bits)
    joined = [sum(part << bits * i for i, part in enumerate(row[0])) for row in parts.tolist()]
    assert joined == words.tolist()


# -- streams of a batch ----------------------------------------------------------------------------

ENGINES = ["skimage", *(["numba"] if find_spec("numba") else [])]
batches = st.lists(
    st.tuples(st.text("0123456789", min_size=1, max_size=9), st.integers(0, 2**63 - 1)),
    min_size=1,
    max_size=6,
)


def identify(samples: list[tuple[str, int]], engine: str = "skimage", seed: int = 5) -> Identities:
    """Return the identities of some (number, sample index): as many digits as the number has."""
    lengths = [len(number) for number, _ in samples]
    return Identities(
        seed=seed,
        names=[f"train/{number}" for number, _ in samples],
        indices=np.array([index for _, index in samples], np.int64),
        starts=np.concatenate([[0], np.cumsum(lengths)]),
        digits=np.array([int(digit) for number, _ in samples for digit in number]),
        spaced=np.zeros(sum(lengths), np.bool_),
        engine=engine,
    )


@pytest.mark.parametrize("engine", ENGINES)
@given(
    st.integers(0, 2**63 - 1),
    st.text(max_size=9),
    st.lists(st.tuples(st.text(max_size=9), st.integers(0, 2**63 - 1), st.integers(0, 40))),
)
def test_words_of_many_are_numpys(
    engine: str, seed: int, purpose: str, identities: list[tuple[str, int, int]]
) -> None:
    """Vectorised and compiled Philox give the words of NumPy's, for any key and counter."""
    names = [name for name, _, _ in identities]
    indices = np.array([index for _, index, _ in identities], np.int64)
    counts = np.array([4 * blocks for _, _, blocks in identities], np.int64)
    words = draw_words(seed, purpose, names, indices, counts, engine)
    source = RandomWords(seed, purpose)
    expected = [
        word
        for name, index, blocks in identities
        for word in source.draw(name, index, 4 * blocks).tolist()
    ]
    assert words.dtype == np.uint64
    assert words.tolist() == expected


def list_words(stream: Stream, sample: int, counts: tuple[int, int, int]) -> list[Any]:
    """Return the words of a sample, of its digits and of its pixels."""
    n_sample, n_digit, n_pixels = counts
    digits = slice(*stream.identities.starts[sample : sample + 2])
    return [
        stream.per_sample(n_sample)[:, sample].tolist(),
        stream.per_digit(n_digit)[:, digits].tolist(),
        stream.of_pixels(sample, n_pixels).tolist(),
    ]


some = st.integers(1, 30)


@pytest.mark.parametrize("engine", ENGINES)
@given(batches, st.data())
def test_chosen_samples_are_a_batch(
    engine: str, samples: list[tuple[str, int]], data: st.DataObject
) -> None:
    """Some of the samples of a batch are what a batch of these alone is."""
    flags = data.draw(st.lists(st.booleans(), min_size=len(samples), max_size=len(samples)))
    assume(any(flags))
    chosen = identify(samples, engine).choose(np.array(flags))
    alone = identify([it for it, flag in zip(samples, flags, strict=True) if flag], engine)
    for name in ("seed", "names", "indices", "starts", "digits", "owners", "engine"):
        assert np.array_equal(getattr(chosen, name), getattr(alone, name))


@pytest.mark.parametrize("engine", ENGINES)
@given(batches, st.tuples(some, some, some))
def test_streams_do_not_depend_on_the_batch(
    engine: str, samples: list[tuple[str, int]], counts: tuple[int, int, int]
) -> None:
    """Words of a sample, its digits and its pixels are those of NumPy's Philox, in any batch."""
    stream = identify(samples, engine).stream("toy").part("inner")
    assert stream.engine == engine
    for place, (number, index) in enumerate(samples):
        name = f"train/{number}"
        n_sample, n_digit, n_pixels = counts
        digits = draw_anew(5, "toy/inner/digits", name, index, n_digit * len(number))
        expected = [
            draw_anew(5, "toy/inner", name, index, n_sample).tolist(),
            digits.reshape(-1, n_digit).T.tolist(),
            draw_anew(5, "toy/inner/pixels", name, index, n_pixels).tolist(),
        ]
        assert list_words(stream, place, counts) == expected
        alone = identify([samples[place]], engine).stream("toy").part("inner")
        assert list_words(alone, 0, counts) == expected


@given(batches, st.tuples(some, some, some), st.tuples(some, some, some))
def test_kinds_of_words_do_not_depend_on_each_other(
    samples: list[tuple[str, int]], counts: tuple[int, int, int], others: tuple[int, int, int]
) -> None:
    """How many words of one kind are drawn, and when, changes none of another kind."""
    stream = identify(samples).stream("toy")
    for kind in range(3):
        changed = tuple(
            count if kind == i else other
            for i, (count, other) in enumerate(zip(counts, others, strict=True))
        )
        assert list_words(stream, 0, changed)[kind] == list_words(stream, 0, counts)[kind]


def test_kinds_parts_and_purposes_share_no_words() -> None:
    """Samples, digits, pixels, parts and purposes have words of their own."""
    identities = identify([("0123", 1), ("77", 1), ("77", 2)])
    words = [
        array.reshape(-1)
        for purpose in ("a", "b")
        for stream in (identities.stream(purpose), identities.stream(purpose).part("c"))
        for array in (
            stream.per_sample(8),
            stream.per_digit(8),
            *(stream.of_pixels(sample, 8) for sample in range(3)),
        )
    ]
    joined = np.concatenate(words)
    assert len(np.unique(joined)) == len(joined) == 4 * 8 * (3 + 8 + 3)


def test_owners_and_slots() -> None:
    """Each digit knows its sample and its place in it."""
    identities = identify([("0123", 1), ("7", 1), ("77", 2)])
    assert identities.owners.tolist() == [0, 0, 0, 0, 1, 2, 2]
    assert identities.slots.tolist() == [0, 1, 2, 3, 0, 0, 1]


def test_pixel_key_is_that_of_the_words() -> None:
    """Loops that make words by themselves have the key of `of_pixels`."""
    identities = identify([("42", 3)])
    stream = identities.stream("toy")
    counter = np.array([0, *identities.addresses[0]], np.uint64)
    drawn = np.random.Philox(key=stream.pixel_key(), counter=counter).random_raw(9)
    assert drawn.tolist() == stream.of_pixels(0, 9).tolist()
