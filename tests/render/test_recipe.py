"""Every draw of a sample follows from its identity alone, by the table of words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest, chisquare

from conftest import make_bank, make_pool
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.names import SplitName
from digit_sequence.base.randomness import RandomWords
from digit_sequence.config.model import Config
from digit_sequence.render.recipe import Recipes, draw_pixel_words, draw_recipes
from digit_sequence.sources.bank import GlyphBank
from digit_sequence.sources.pools import GlyphPool
from strategies import glyph_transforms, line_transforms, number_texts

MakeConfig = Callable[..., Config]
Pools = dict[SplitName, GlyphPool]

GLYPH_COLUMNS = (
    *("digits", "glyph_ids", "spacing", "salt", "pepper", "speck_positions"),
    *("shear_degrees", "rotate_degrees", "stroke"),
)
LINE_COLUMNS = ("noise_sigma", "salt_pepper", "blur_sigma", "inverted")
ALL_GLYPH = {
    "salt": {"pixels": [1, 24], "probability": 0.5},
    "pepper": {"pixels": [1, 24], "probability": 0.5},
    "shear": {"degrees": [-45, 45], "probability": 0.5},
    "rotate": {"degrees": [-45, 45], "probability": 0.5},
    "stroke": {"pixels": [1, 9], "probability": 0.5},
}
ALL_LINE = {
    "spacing": [-20, 20],
    "noise": {"sigma": [1, 128], "probability": 0.5},
    "salt_pepper": {"amount": [0.01, 0.5], "probability": 0.5},
    "blur": {"sigma": [0.1, 5], "probability": 0.5},
    "invert": {"probability": 0.5},
}
COLUMN_OF = {
    **{name: name for name in ("salt", "pepper", "stroke", "spacing", "salt_pepper")},
    "shear": "shear_degrees",
    "rotate": "rotate_degrees",
    "invert": "inverted",
    "noise": "noise_sigma",
    "blur": "blur_sigma",
}

identities = st.lists(
    st.tuples(number_texts, st.integers(0, 10**12)), min_size=1, max_size=5, unique=True
)


def draw(
    config: Config, pool: GlyphPool, samples: list[tuple[str, int]], split: SplitName = "train"
) -> Recipes:
    """Draw the recipes of some (number, sample index)."""
    numbers = [number for number, _ in samples]
    return draw_recipes(config, pool, split, numbers, np.array([index for _, index in samples]))


def draw_many(config: Config, pool: GlyphPool, n_samples: int = 500) -> Recipes:
    """Draw some samples of a number of ten digits."""
    return draw(config, pool, [("0123456789", index) for index in range(n_samples)])


def row_of(recipes: Recipes, sample: int) -> dict[str, Any]:
    """Return all that one sample of a batch has drawn."""
    slots = slice(recipes.starts[sample], recipes.starts[sample + 1])
    assert (recipes.samples[slots] == sample).all()
    row = {name: getattr(recipes, name)[slots].tolist() for name in GLYPH_COLUMNS}
    row |= {name: getattr(recipes, name)[sample].item() for name in LINE_COLUMNS}
    row["number"] = recipes.numbers[sample]
    row["sample_index"] = int(recipes.sample_indices[sample])
    row["pixel_words"] = draw_pixel_words(recipes, sample, 9).tolist()
    return row


def test_columns_are_all_listed() -> None:
    """The tests below look at every column there is."""
    other = {"seed", "split", "numbers", "sample_indices", "starts", "samples"}
    assert {field.name for field in fields(Recipes)} == {*GLYPH_COLUMNS, *LINE_COLUMNS, *other}


def test_slots_by_hand(tiny_config: MakeConfig, pools: Pools) -> None:
    """Digits of all samples stand one after another; nothing is drawn that is not asked for."""
    recipes = draw(tiny_config(), pools["train"], [("007", 3), ("5", 0), ("42", 1)])
    assert recipes.n_samples == 3
    assert recipes.starts.tolist() == [0, 3, 4, 6]
    assert recipes.samples.tolist() == [0, 0, 0, 1, 2, 2]
    assert recipes.digits.tolist() == [0, 0, 7, 5, 4, 2]
    assert recipes.spacing[[0, 3, 4]].tolist() == [0, 0, 0]  # nothing stands before them
    assert (recipes.spacing[[1, 2, 5]] >= 2).all()
    for name in ("salt", "pepper", "shear_degrees", "rotate_degrees", "stroke", *LINE_COLUMNS):
        assert not getattr(recipes, name).any()


# -- identity --------------------------------------------------------------------------------------


@given(identities, glyph_transforms, line_transforms, st.integers(0, 2**63 - 1), st.randoms())
def test_sample_alone_equals_its_row_in_any_batch(
    tiny_config: MakeConfig,
    pools: Pools,
    samples: list[tuple[str, int]],
    glyph: Any,
    line: Any,
    seed: int,
    order: Any,
) -> None:
    """A sample's draws do not depend on what is drawn with it, nor on its place."""
    config = tiny_config(seed=seed, glyph=glyph, line=line)
    alone = {sample: row_of(draw(config, pools["val"], [sample], "val"), 0) for sample in samples}
    order.shuffle(samples)
    batch = draw(config, pools["val"], samples, "val")
    for place, sample in enumerate(samples):
        assert row_of(batch, place) == alone[sample]


def draw_by_table(config: Config, pool: GlyphPool, split: str, number: str, index: int) -> Any:
    """Draw one sample as the table of words says, word by word, in Python's own numbers."""
    words = RandomWords(config.seed, "recipe").draw(
        f"{split}/{number}", index, 16 + 40 * len(number)
    )
    line, slots = words[:16].tolist(), words[16:].reshape(-1, 40).tolist()

    def happens(word: int, probability: float) -> bool:
        return (word >> 11) / 2**53 < probability

    def integer(word: int, low: int, high: int) -> int:
        return low + (word >> 32) * (high - low + 1) // 2**32

    def drawn(chance: int, word: int, block: Any, field: str, unit: int = 1) -> float:
        if block is None or not happens(chance, block.probability):
            return 0
        low, high = getattr(block, field)
        steps = integer(word, round(low * unit), round(high * unit))
        return steps if unit == 1 else steps / unit

    row: dict[str, Any] = {name: [] for name in GLYPH_COLUMNS}
    glyph, spacing = config.glyph, config.line.spacing
    for place, (digit, slot) in enumerate(zip(map(int, number), slots, strict=True)):
        candidates = pool.ids[pool.starts[digit] : pool.starts[digit + 1]].tolist()
        side = drawn(slot[10], slot[12], glyph.stroke, "pixels")
        if side and not happens(slot[11], glyph.stroke.dilate):
            side = -side
        positions = [part for word in slot[16:] for part in (word % 2**32, word >> 32)]
        row["digits"].append(digit)
        row["glyph_ids"].append(candidates[integer(slot[0], 0, len(candidates) - 1)])
        row["spacing"].append(integer(slot[1], *spacing) if place else 0)
        row["salt"].append(drawn(slot[2], slot[3], glyph.salt, "pixels"))
        row["pepper"].append(drawn(slot[4], slot[5], glyph.pepper, "pixels"))
        row["speck_positions"].append(positions)
        row["shear_degrees"].append(drawn(slot[6], slot[7], glyph.shear, "degrees", 100))
        row["rotate_degrees"].append(drawn(slot[8], slot[9], glyph.rotate, "degrees", 100))
        row["stroke"].append(side)
    row["noise_sigma"] = drawn(line[0], line[1], config.line.noise, "sigma", 100)
    row["salt_pepper"] = drawn(line[2], line[3], config.line.salt_pepper, "amount", 10_000)
    row["blur_sigma"] = drawn(line[4], line[5], config.line.blur, "sigma", 1000)
    invert = config.line.invert
    row["inverted"] = invert is not None and happens(line[6], invert.probability)
    row["number"], row["sample_index"] = number, index
    pixels = RandomWords(config.seed, "pixels")
    row["pixel_words"] = pixels.draw(f"{split}/{number}", index, 9).tolist()
    return row


@given(identities, glyph_transforms, line_transforms, st.sampled_from(["train", "val", "test"]))
def test_draws_follow_the_table(
    tiny_config: MakeConfig,
    pools: Pools,
    samples: list[tuple[str, int]],
    glyph: Any,
    line: Any,
    split: Any,
) -> None:
    """Each draw is made of its own words, by the formulas that the module names."""
    config = tiny_config(glyph=glyph, line=line)
    recipes = draw(config, pools[split], samples, split)
    for place, (number, index) in enumerate(samples):
        expected = draw_by_table(config, pools[split], split, number, index)
        assert row_of(recipes, place) == expected


@pytest.mark.parametrize("name", COLUMN_OF)
def test_switching_one_transform_leaves_the_others(
    tiny_config: MakeConfig, pools: Pools, name: str
) -> None:
    """Without a transform, all else is drawn as with it; its own column is empty."""
    with_all = draw_many(tiny_config(glyph=ALL_GLYPH, line=ALL_LINE), pools["train"], 60)
    off = [0, 0] if name == "spacing" else None
    glyph = ALL_GLYPH | ({name: off} if name in ALL_GLYPH else {})
    line = ALL_LINE | ({name: off} if name in ALL_LINE else {})
    without = draw_many(tiny_config(glyph=glyph, line=line), pools["train"], 60)
    for column in (*GLYPH_COLUMNS, *LINE_COLUMNS):
        if column == COLUMN_OF[name]:
            assert getattr(with_all, column).any()
            assert not getattr(without, column).any()
        else:
            assert (getattr(without, column) == getattr(with_all, column)).all()


def test_more_likely_transform_keeps_its_values(tiny_config: MakeConfig, pools: Pools) -> None:
    """Raising a probability adds samples to those that had the transform, which keep theirs."""
    rare, often = (
        draw_many(
            tiny_config(glyph={"rotate": {"degrees": [1, 45], "probability": probability}}),
            pools["train"],
        ).rotate_degrees
        for probability in (0.2, 0.6)
    )
    assert (often[rare > 0] == rare[rare > 0]).all()
    assert 0 < (rare > 0).sum() < (often > 0).sum() < len(often)


def test_seeds_splits_numbers_and_indices_differ(tiny_config: MakeConfig, pools: Pools) -> None:
    """Any other part of the identity makes other draws, of the recipe and of the noise."""
    rows = [
        row_of(draw(tiny_config(seed=seed, glyph=ALL_GLYPH), pools["train"], [sample], split), 0)
        for seed in (1, 2)
        for split in ("train", "val")
        for sample in (("42", 0), ("42", 1), ("042", 0), ("24", 0))
    ]
    for column in ("speck_positions", "pixel_words"):
        words = [tuple(np.ravel(row[column])[:9]) for row in rows]
        assert len(set(words)) == len(rows)


def test_first_recipe_is_pinned(tiny_config: MakeConfig, pools: Pools) -> None:
    """The draws of a sample are those of the first release."""
    glyph, line = (
        {
            name: {**block, "probability": 1} if isinstance(block, dict) else block
            for name, block in blocks.items()
        }
        for blocks in (ALL_GLYPH, ALL_LINE)
    )
    row = row_of(draw(tiny_config(glyph=glyph, line=line), pools["train"], [("90", 5)]), 0)
    del row["glyph_ids"]  # of drawn glyphs
    row["speck_positions"] = [positions[:2] for positions in row["speck_positions"]]
    row["pixel_words"] = row["pixel_words"][:2]
    assert row == {
        "digits": [9, 0],
        "spacing": [0, 6],
        "salt": [16, 11],
        "pepper": [13, 2],
        "speck_positions": [[474880019, 342538215], [307748309, 1203133350]],
        "shear_degrees": [-25.68, 8.51],
        "rotate_degrees": [-23.03, -28.57],
        "stroke": [-2, -1],
        "noise_sigma": 90.44,
        "salt_pepper": 0.1139,
        "blur_sigma": 3.368,
        "inverted": True,
        "number": "90",
        "sample_index": 5,
        "pixel_words": [3673285938687858111, 4103250634319725313],
    }


# -- ranges ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("block", "name", "field", "bounds"),
    [
        ("glyph", "salt", "pixels", [3, 7]),
        ("glyph", "pepper", "pixels", [0, 24]),
        ("glyph", "shear", "degrees", [-3.25, 2.5]),
        ("glyph", "rotate", "degrees", [-45, -44.9]),
        ("glyph", "stroke", "pixels", [2, 4]),
        ("line", "noise", "sigma", [0.5, 0.7]),
        ("line", "salt_pepper", "amount", [0.001, 0.002]),
        ("line", "blur", "sigma", [1.25, 1.26]),
    ],
)
def test_values_fill_their_range(
    tiny_config: MakeConfig, pools: Pools, block: str, name: str, field: str, bounds: list[float]
) -> None:
    """At probability 1 every value is in its range, and both ends happen; at 0 none is drawn."""
    setting = {field: bounds} | ({"dilate": 1} if name == "stroke" else {})
    config = tiny_config(**{block: {name: setting}})
    values = getattr(draw_many(config, pools["train"], 1000), COLUMN_OF[name])
    assert [values.min(), values.max()] == bounds
    never = tiny_config(**{block: {name: {**setting, "probability": 0}}})
    assert not getattr(draw_many(never, pools["train"], 50), COLUMN_OF[name]).any()


@pytest.mark.parametrize("name", [name for name in COLUMN_OF if name != "spacing"])
@pytest.mark.parametrize("probability", [0.02, 0.3])
def test_transforms_are_as_frequent_as_asked(
    tiny_config: MakeConfig, pools: Pools, name: str, probability: float
) -> None:
    """A transform is drawn in the share of the glyphs, or lines, that its probability says."""
    block = "glyph" if name in ALL_GLYPH else "line"
    setting = {**{**ALL_GLYPH, **ALL_LINE}[name], "probability": probability}
    recipes = draw_many(tiny_config(**{block: {name: setting}}), pools["train"], 1000)
    applied = getattr(recipes, COLUMN_OF[name]) != 0
    assert binomtest(int(applied.sum()), len(applied), probability).pvalue > 1e-4


@pytest.mark.parametrize("inverted", [0, 1])
def test_inversion_always_or_never(tiny_config: MakeConfig, pools: Pools, inverted: int) -> None:
    """Probabilities of 0 and 1 are exact."""
    config = tiny_config(line={"invert": {"probability": inverted}})
    assert set(draw_many(config, pools["train"]).inverted.tolist()) == {bool(inverted)}


@pytest.mark.parametrize(("dilate", "share"), [(0, 0.0), (1, 1.0), (0.25, 0.25)])
def test_share_of_dilations(
    tiny_config: MakeConfig, pools: Pools, dilate: float, share: float
) -> None:
    """Positive strokes are dilations, in the share asked for; the others are erosions."""
    config = tiny_config(glyph={"stroke": {"dilate": dilate, "pixels": [2, 3]}})
    stroke = draw_many(config, pools["train"]).stroke
    assert set(np.abs(stroke).tolist()) == {2, 3}
    assert np.mean(stroke > 0) == pytest.approx(share, abs=0.03 if 0 < share < 1 else 0)


def test_spacing_fills_its_range(tiny_config: MakeConfig, pools: Pools) -> None:
    """Spacing may be negative; the first digit of a line has none."""
    recipes = draw_many(tiny_config(line={"spacing": [-3, 4]}), pools["train"])
    first = recipes.starts[:-1]
    assert not recipes.spacing[first].any()
    assert set(np.delete(recipes.spacing, first).tolist()) == set(range(-3, 5))


# -- glyphs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_glyphs_come_from_the_pool_of_the_split(
    tiny_config: MakeConfig, bank: GlyphBank, pools: Pools, split: SplitName
) -> None:
    """Each digit is shown by a glyph of it, all of the split's glyphs and no other's."""
    recipes = draw(tiny_config(), pools[split], [("9876543210", i) for i in range(200)], split)
    assert (bank.digits[recipes.glyph_ids] == recipes.digits).all()
    assert set(recipes.glyph_ids.tolist()) == set(pools[split].ids.tolist())


def test_glyphs_of_a_digit_are_equally_frequent(tiny_config: MakeConfig, pools: Pools) -> None:
    """No glyph of a digit is preferred."""
    recipes = draw(tiny_config(), pools["train"], [("7777", index) for index in range(1000)])
    _, counts = np.unique(recipes.glyph_ids, return_counts=True)
    assert len(counts) == 6
    assert chisquare(counts).pvalue > 1e-4


def make_pool_without(lacking: int) -> GlyphPool:
    """Make a pool of one glyph for each digit but one."""
    digits: NDArray[np.uint8] = np.delete(np.arange(10, dtype=np.uint8), lacking)
    return make_pool(make_bank(np.full((9, 8, 8), 255, np.uint8), digits))


@given(st.integers(0, 9), number_texts)
def test_missing_digit(tiny_config: MakeConfig, lacking: int, number: str) -> None:
    """A number is refused if it has a digit that the pool lacks, and only then."""
    pool = make_pool_without(lacking)
    if str(lacking) not in number:
        ids = draw(tiny_config(), pool, [(number, 0)]).glyph_ids.tolist()
        assert ids == [int(digit) - (int(digit) > lacking) for digit in number]
        return
    message = rf"splits\.train\.numbers: expected only digits .* glyphs of, got {lacking}; add"
    with pytest.raises(ConfigError, match=message):
        draw(tiny_config(), pool, [(number, 0)])
