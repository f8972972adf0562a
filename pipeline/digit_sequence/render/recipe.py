"""Recipes: every random draw of a sample, made from its identity alone.

Each purpose has random words of its own, which (split, number, sample index) addresses: the choice
of glyphs, the hand, that of the look, and each transform. So switching a transform on leaves the
draws of all others as they are; see `base.randomness`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.characters import (
    CHARACTERS,
    LETTERS,
    SPACE,
    count_inked,
    encode_text,
    show_characters,
)
from digit_sequence.base.columns import Column
from digit_sequence.base.engines import Engine
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.names import SplitName
from digit_sequence.base.randomness import Identities, to_integers, to_uniform
from digit_sequence.config.model import Config
from digit_sequence.config.sections import LOOK
from digit_sequence.sources.hands import WRITERS, choose_hands
from digit_sequence.sources.pools import GlyphPool
from digit_sequence.transforms.transform import Choice


@dataclass(frozen=True)
class Recipes:
    """All draws of B samples, whose G digits stand one after another.

    Glyph `g` belongs to sample `samples[g]`; the glyphs of sample `b` are
    ``starts[b]:starts[b + 1]``.
    """

    identities: Identities
    split: SplitName
    numbers: list[str]
    samples: NDArray[np.int64]
    """(G,)"""
    glyph_ids: NDArray[np.int32]
    """(G,) rows of the glyph bank."""
    drawn: Mapping[str, NDArray[Any]]
    """What transforms drew, by label column: (B,) or (G,)."""

    def choose(self, is_chosen: NDArray[np.bool_], columns: Iterable[Column]) -> Recipes:
        """Return some of these samples, (B,), in their order, with some of their columns."""
        identities = self.identities.choose(is_chosen)
        return Recipes(
            identities=identities,
            split=self.split,
            numbers=[
                number for number, chosen in zip(self.numbers, is_chosen, strict=True) if chosen
            ],
            samples=identities.owners,
            glyph_ids=self.glyph_ids[is_chosen[self.samples]],
            drawn={
                column.name: self.drawn[column.name][_find_rows(column, is_chosen, self.samples)]
                for column in columns
            },
        )

    @property
    def n_samples(self) -> int:
        """How many samples these are."""
        return len(self.numbers)

    @property
    def sample_indices(self) -> NDArray[np.int64]:
        """Sample indices, (B,)."""
        return self.identities.indices

    @property
    def starts(self) -> NDArray[np.int64]:
        """Where the glyphs of each sample start, (B + 1,)."""
        return self.identities.starts

    @property
    def digits(self) -> NDArray[np.int64]:
        """All digits, (G,); of signs their codes in `base.characters`."""
        return self.identities.digits

    def apply(self, drawn: Mapping[str, NDArray[Any]]) -> Recipes:
        """Return the recipes with some draws as they were applied."""
        return replace(self, drawn={**self.drawn, **drawn})


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
    identities = _identify(config.seed, split, numbers, sample_indices, engine)
    digits = identities.digits
    sizes = np.diff(pool.starts)[digits]
    if not sizes.all():
        raise ConfigError(missing_glyphs(split, CHARACTERS[digits[sizes.argmin()]]))
    draw = _draw_source if pool.mixed is None else _draw_mix
    drawn, glyph_ids = draw(config.in_split(split), identities, pool)
    if pool.writers is not None:
        drawn[WRITERS.name] = pool.writers[glyph_ids]
    return Recipes(
        identities=identities,
        split=split,
        numbers=numbers,
        samples=identities.owners,
        glyph_ids=glyph_ids,
        drawn=drawn,
    )


def _identify(
    seed: int,
    split: SplitName,
    numbers: list[str],
    sample_indices: NDArray[np.int64],
    engine: Engine,
) -> Identities:
    """Return the identities of samples; spaces are no digits, but stand before some."""
    lengths = np.array([len(number) for number in numbers])
    digits = np.frombuffer(encode_text("".join(numbers)), np.uint8).astype(np.int64)
    spaced = np.zeros(len(digits), np.bool_)
    is_space = digits == CHARACTERS.index(SPACE)
    if is_space.any():
        spaced[1:] = is_space[:-1]
        lengths = np.array([count_inked(number) for number in numbers])
        digits, spaced = digits[~is_space], spaced[~is_space]
    return Identities(
        seed=seed,
        names=[f"{split}/{number}" for number in numbers],
        indices=sample_indices,
        starts=np.concatenate([[0], np.cumsum(lengths)]),
        digits=digits,
        spaced=spaced,
        engine=engine,
    )


_Drawn = tuple[dict[str, NDArray[Any]], NDArray[np.int32]]
"""What was drawn, and the glyph of each digit."""


def _draw_source(config: Config, identities: Identities, pool: GlyphPool) -> _Drawn:
    """Draw all of samples whose digits are of one source, or of one part of a mix."""
    sizes = np.diff(pool.starts)[identities.digits]
    (words,) = identities.stream("glyph").per_digit(1)
    places = pool.starts[identities.digits] + to_integers(words, 0, sizes - 1)
    glyph_ids = pool.ids.take(places, mode="clip")  # of a digit that a part lacks: any, unused
    begun: dict[str, NDArray[Any]] = {}
    if config.hand:
        glyph_ids, begun = choose_hands(glyph_ids, pool.hands, config.hand.same, identities)
    draw = _draw_looks if config.look else _draw
    return draw(config, identities, pool, glyph_ids, begun)


def _draw_mix(config: Config, identities: Identities, pool: GlyphPool) -> _Drawn:
    """Draw the part of a mix that each sample, or each digit, is of; then all as of that part."""
    assert pool.mixed is not None
    parts = pool.mixed.draw_parts(identities)
    drawn: dict[str, NDArray[Any]] = {}
    sizes = {"sample": len(identities.names), "digit": len(identities.owners)}
    glyph_ids = np.empty(sizes["digit"], np.int32)
    for place, part in enumerate(pool.mixed.pools.values()):
        own = parts == place
        is_chosen = np.bincount(identities.owners[own], minlength=sizes["sample"]) > 0
        if not is_chosen.any():
            continue
        found, ids = _draw_source(config, identities.choose(is_chosen), part)
        within = own[is_chosen[identities.owners]]
        glyph_ids[own] = ids[within]
        for column in (it for it in config.columns if it.name in found):
            values = drawn.setdefault(column.name, column.fill(sizes[column.per]))
            if column.per == "digit":
                values[own] = found[column.name][within]
            else:
                values[is_chosen] = found[column.name]
    return drawn | pool.mixed.name_parts(parts, identities), glyph_ids


def _draw(
    config: Config,
    identities: Identities,
    pool: GlyphPool,
    glyph_ids: NDArray[np.int32],
    begun: Mapping[str, NDArray[Any]],
) -> _Drawn:
    """Draw for all transforms of a config without looks; `begun` is drawn already."""
    drawn = {**begun}
    for transform in config.transforms:
        drawn |= transform.draw(identities.stream(transform.name))
    for transform in config.transforms:
        if isinstance(transform, Choice):
            stream = identities.stream(transform.name)
            glyph_ids, applied = transform.choose(glyph_ids, pool, drawn, stream)
            drawn |= applied
    return drawn, glyph_ids


def _draw_looks(
    config: Config,
    identities: Identities,
    pool: GlyphPool,
    glyph_ids: NDArray[np.int32],
    begun: Mapping[str, NDArray[Any]],
) -> _Drawn:
    """Draw the look of each sample by its weight, then for the transforms of that look."""
    assert config.look is not None
    steps = np.cumsum([look.weight for look in config.look.values()])
    (words,) = identities.stream(LOOK.name).per_sample(1)
    places = np.searchsorted(steps / steps[-1], to_uniform(words), side="right")
    sizes = {"sample": len(identities.names), "digit": len(identities.owners)}
    drawn = {column.name: column.fill(sizes[column.per]) for column in config.columns}
    drawn[LOOK.name] = np.array(list(config.look), np.object_)[places]
    for place, look in enumerate(config.per_look.values()):
        is_chosen = places == place
        if is_chosen.any():
            own = is_chosen[identities.owners]
            part = identities.choose(is_chosen)
            own_hands = {name: values[is_chosen] for name, values in begun.items()}
            found, glyph_ids[own] = _draw(look, part, pool, glyph_ids[own], own_hands)
            columns = [column for column in look.columns if column.name in found]
            put_drawn(drawn, found, columns, is_chosen, identities.owners)
    return drawn, glyph_ids


def put_drawn(
    drawn: Mapping[str, NDArray[Any]],
    found: Mapping[str, NDArray[Any]],
    columns: Iterable[Column],
    is_chosen: NDArray[np.bool_],
    owners: NDArray[np.int64],
) -> None:
    """Put what some samples (B,) drew in its place among the draws of all."""
    for column in columns:
        drawn[column.name][_find_rows(column, is_chosen, owners)] = found[column.name]


def _find_rows(
    column: Column, is_chosen: NDArray[np.bool_], owners: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return which values of a column are those of some samples: (B,) or (G,)."""
    return is_chosen[owners] if column.per == "digit" else is_chosen


def missing_glyphs(split: str, characters: Iterable[str], part: str | None = None) -> str:
    """Return the message about characters that a split needs and its source, or a part, lacks."""
    lacking = sorted(characters, key=CHARACTERS.index)
    plain = "".join(it for it in lacking if it.isalnum())
    names = " ".join(
        [show_characters(plain)] * bool(plain) + [repr(it) for it in lacking if it not in plain]
    )
    if part is not None:
        return (
            f"splits.{split}.numbers: expected only characters that source.parts.{part} has glyphs "
            f"of, as all parts must, got {names}; add glyphs of {names}, leave these numbers out, "
            "or set source.per to glyph"
        )
    return (
        f"splits.{split}.numbers: expected only characters that the source has glyphs of, got "
        f"{names}; add glyphs of {names}, leave these numbers out, or change the source's fractions"
        + ("; emnist with subset: byclass has letters" if set(lacking) & set(LETTERS) else "")
    )
