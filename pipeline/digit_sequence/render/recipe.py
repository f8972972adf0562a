"""Recipes: every random draw of a sample, made from its identity alone.

A sample has 16 words for its line, then 40 for each digit slot, whether its config uses them or
not, so that switching one transform on or off leaves the draws of all others as they are:

=====  =======  ==============================================================
part   words    draw
=====  =======  ==============================================================
line   0, 1     noise: chance, sigma
       2, 3     salt and pepper: chance, amount
       4, 5     blur: chance, sigma
       6        invert: chance
       7 - 15   free
slot   0        glyph: index in the pool of its digit
       1        spacing: columns before the digit
       2, 3     salt: chance, count
       4, 5     pepper: chance, count
       6, 7     shear: chance, degrees
       8, 9     rotation: chance, degrees
       10 - 12  stroke: chance, dilation or erosion, side of the square
       13 - 15  free
       16 - 39  two positions of 32 bits each: 24 of salt, then 24 of pepper
=====  =======  ==============================================================

Noise of the whole canvas takes its words from a stream of its own (`draw_pixel_words`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.engines import Engine
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.names import SplitName
from digit_sequence.base.randomness import (
    RandomWords,
    Words,
    draw_words,
    make_addresses,
    make_key,
    to_decimals,
    to_integers,
    to_uniform,
)
from digit_sequence.config.model import Config, Transform
from digit_sequence.sources.pools import GlyphPool

LINE_WORDS = 16
SLOT_WORDS = 40
SPECK_WORD = 16
"""First word of a slot that holds positions of specks."""
PIXELS = "pixels"
"""Purpose of the words for canvas noise."""


@dataclass(frozen=True)
class Recipes:
    """All draws of B samples, whose G digits stand one after another.

    Glyph `g` belongs to sample `samples[g]`; the glyphs of sample `b` are
    ``starts[b]:starts[b + 1]``.
    """

    seed: int
    split: SplitName
    numbers: list[str]
    sample_indices: NDArray[np.int64]
    """(B,)"""
    starts: NDArray[np.int64]
    """(B + 1,)"""
    samples: NDArray[np.int64]
    """(G,)"""
    digits: NDArray[np.int64]
    """(G,)"""
    glyph_ids: NDArray[np.int32]
    """(G,) rows of the glyph bank."""
    spacing: NDArray[np.int64]
    """(G,) columns before the digit; 0 for the first of a line."""
    salt: NDArray[np.int64]
    """(G,) bright pixels."""
    pepper: NDArray[np.int64]
    """(G,) dark pixels."""
    speck_positions: NDArray[np.uint32]
    """(G, 48) 32-bit shares of the ink box: 24 for salt, then 24 for pepper."""
    shear_degrees: NDArray[np.float64]
    """(G,)"""
    rotate_degrees: NDArray[np.float64]
    """(G,)"""
    stroke: NDArray[np.int64]
    """(G,) side of the square; above 0 dilation, below erosion, 0 neither."""
    noise_sigma: NDArray[np.float64]
    """(B,) grey levels."""
    salt_pepper: NDArray[np.float64]
    """(B,) share of the pixels."""
    blur_sigma: NDArray[np.float64]
    """(B,) pixels."""
    inverted: NDArray[np.bool_]
    """(B,)"""

    @property
    def n_samples(self) -> int:
        """B."""
        return len(self.numbers)


def draw_recipes(
    config: Config,
    pool: GlyphPool,
    split: SplitName,
    numbers: list[str],
    sample_indices: NDArray[np.int64],
    engine: Engine = "skimage",
) -> Recipes:
    """Draw the recipes of some samples of a split.

    Parameters
    ----------
    config : Config
    pool : GlyphPool
        The glyphs of the split.
    split : {"train", "val", "test"}
    numbers : list of str
        The B numbers.
    sample_indices : ndarray of int64, shape (B,)
    engine : {"skimage", "numba"}

    Returns
    -------
    Recipes
        Each sample's draws are the same in any batch.

    Raises
    ------
    ConfigError
        If a digit has no glyph in the pool.
    """
    lengths = np.array([len(number) for number in numbers])
    starts = np.concatenate([[0], np.cumsum(lengths)])
    samples = np.repeat(np.arange(len(numbers)), lengths)
    names = _name_samples(split, numbers)
    counts = LINE_WORDS + lengths * SLOT_WORDS
    words = draw_words(config.seed, "recipe", names, sample_indices, counts, engine)
    first_line = LINE_WORDS * np.arange(len(numbers)) + SLOT_WORDS * starts[:-1]
    first_slot = LINE_WORDS * (samples + 1) + SLOT_WORDS * np.arange(len(samples))
    line = words[np.arange(LINE_WORDS)[:, None] + first_line]
    slot = words[np.arange(SPECK_WORD)[:, None] + first_slot]
    specks = words[first_slot[:, None] + np.arange(SPECK_WORD, SLOT_WORDS)]
    digits = np.frombuffer("".join(numbers).encode(), np.uint8).astype(np.int64) - ord("0")
    sizes = np.diff(pool.starts)[digits]
    if not sizes.all():
        raise ConfigError(missing_glyphs(split, {int(digits[sizes.argmin()])}))
    glyph = config.glyph
    spacing = to_integers(slot[1], *config.line.spacing)
    spacing[starts[:-1]] = 0
    return Recipes(
        seed=config.seed,
        split=split,
        numbers=numbers,
        sample_indices=sample_indices,
        starts=starts,
        samples=samples,
        digits=digits,
        glyph_ids=pool.ids[pool.starts[digits] + to_integers(slot[0], 0, sizes - 1)],
        spacing=spacing,
        salt=_draw_integers(slot[2:4], glyph.salt, "pixels"),
        pepper=_draw_integers(slot[4:6], glyph.pepper, "pixels"),
        speck_positions=specks.astype("<u8", copy=False).view("<u4"),
        shear_degrees=_draw_decimals(slot[6:8], glyph.shear, "degrees", 2),
        rotate_degrees=_draw_decimals(slot[8:10], glyph.rotate, "degrees", 2),
        stroke=_draw_strokes(slot[10:13], config),
        noise_sigma=_draw_decimals(line[0:2], config.line.noise, "sigma", 2),
        salt_pepper=_draw_decimals(line[2:4], config.line.salt_pepper, "amount", 4),
        blur_sigma=_draw_decimals(line[4:6], config.line.blur, "sigma", 3),
        inverted=_draw_chance(line[6], config.line.invert),
    )


def _name_samples(split: str, numbers: list[str]) -> list[str]:
    return [f"{split}/{number}" for number in numbers]


def draw_pixel_words(recipes: Recipes, sample: int, n_words: int) -> Words:
    """Return the words for the canvas noise of one sample of a batch."""
    source = RandomWords(recipes.seed, PIXELS)
    (name,) = _name_samples(recipes.split, [recipes.numbers[sample]])
    return source.draw(name, int(recipes.sample_indices[sample]), n_words)


def pixel_addresses(recipes: Recipes) -> tuple[Words, Words]:
    """Return the key (2,) and the addresses (B, 3) of the words for the canvas noise of a batch."""
    names = _name_samples(recipes.split, recipes.numbers)
    return make_key(recipes.seed, PIXELS), make_addresses(names, recipes.sample_indices)


def missing_glyphs(split: str, digits: set[int]) -> str:
    """Return the message about digits that a split needs and its source lacks."""
    names = ", ".join(map(str, sorted(digits)))
    return (
        f"splits.{split}.numbers: expected only digits that the source has glyphs of, got {names}; "
        f"add glyphs of {names}, leave these numbers out, or change the source's fractions"
    )


def _draw_chance(words: Words, transform: Transform | None) -> NDArray[np.bool_]:
    probability = transform.probability if transform is not None else 0.0
    return to_uniform(words) < probability


def _draw_integers(words: Words, transform: Transform | None, field: str) -> NDArray[np.int64]:
    """Draw (chance, value) pairs; 0 where the transform is not applied."""
    if transform is None:
        return np.zeros(words.shape[1], np.int64)
    values = to_integers(words[1], *getattr(transform, field))
    return np.where(_draw_chance(words[0], transform), values, 0)


def _draw_decimals(
    words: Words, transform: Transform | None, field: str, decimals: int
) -> NDArray[np.float64]:
    """Draw (chance, value) pairs; 0 where the transform is not applied."""
    if transform is None:
        return np.zeros(words.shape[1])
    low, high = getattr(transform, field)
    values = to_decimals(words[1], low, high, decimals)
    return np.where(_draw_chance(words[0], transform), values, 0.0)


def _draw_strokes(words: Words, config: Config) -> NDArray[np.int64]:
    stroke = config.glyph.stroke
    if stroke is None:
        return np.zeros(words.shape[1], np.int64)
    side = _draw_integers(words[::2], stroke, "pixels")
    return np.where(to_uniform(words[1]) < stroke.dilate, side, -side)
