"""Every draw of a sample follows from its identity alone, from the stream of its transform."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest, chisquare

from conftest import make_bank, make_pool
from digit_sequence.base.blocks import find_bounds
from digit_sequence.base.columns import Column
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.names import SplitName
from digit_sequence.base.randomness import RandomWords
from digit_sequence.config.model import Config
from digit_sequence.render.recipe import Recipes, draw_recipes
from digit_sequence.sources.bank import GlyphBank
from digit_sequence.sources.pools import GlyphPool
from digit_sequence.transforms.ink.specks import draw_places
from digit_sequence.transforms.registry import TRANSFORMS
from digit_sequence.transforms.transform import Transform
from strategies import (
    ROOMY,
    fill,
    fill_sections,
    glyph_transforms,
    line_transforms,
    number_texts,
)
from toys import TOYS

MakeConfig = Callable[..., Config]
Pools = dict[SplitName, GlyphPool]

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


def turn_on(make: MakeConfig, name: str, settings: Any) -> Config:
    """Make a config with one transform set."""
    return make(canvas=ROOMY, **{TRANSFORMS[name].section: {name: settings}})


def column_of(name: str) -> str:
    """Return the label column of a transform that tells whether it is applied: the first one."""
    return TRANSFORMS[name].columns[0].name


def list_drawn(config: Config) -> list[Column]:
    """Return the label columns that the transforms of a config draw."""
    return [column for transform in config.transforms for column in transform.columns]


def row_of(recipes: Recipes, sample: int, config: Config) -> dict[str, Any]:
    """Return all that one sample of a batch has drawn."""
    slots = slice(recipes.starts[sample], recipes.starts[sample + 1])
    assert (recipes.samples[slots] == sample).all()
    row = {name: getattr(recipes, name)[slots].tolist() for name in ("digits", "glyph_ids")}
    for column in list_drawn(config):
        values = recipes.drawn[column.name]
        row[column.name] = values[slots if column.per == "digit" else sample].tolist()
    for transform in config.transforms:
        stream = recipes.identities.stream(transform.name)
        row[f"{transform.name}: places"] = draw_places(stream)[slots].tolist()
        row[f"{transform.name}: pixels"] = stream.of_pixels(sample, 9).tolist()
    row["number"] = recipes.numbers[sample]
    row["sample_index"] = int(recipes.sample_indices[sample])
    return row


@given(identities, glyph_transforms, line_transforms)
def test_columns_are_all_drawn(
    tiny_config: MakeConfig, pools: Pools, samples: list[tuple[str, int]], glyph: Any, line: Any
) -> None:
    """Draws are the columns that the transforms of a config declare: one a sample, or a digit."""
    config = tiny_config(glyph=glyph, line=line)
    recipes = draw(config, pools["train"], samples)
    assert [*recipes.drawn] == [column.name for column in list_drawn(config)]
    sizes = {"sample": len(samples), "digit": len(recipes.digits)}
    for column in list_drawn(config):
        assert recipes.drawn[column.name].shape == (sizes[column.per],)


def test_slots_by_hand(tiny_config: MakeConfig, pools: Pools) -> None:
    """Digits of all samples stand one after another; nothing is drawn that is not asked for."""
    recipes = draw(tiny_config(), pools["train"], [("007", 3), ("5", 0), ("42", 1)])
    assert recipes.n_samples == 3
    assert recipes.starts.tolist() == [0, 3, 4, 6]
    assert recipes.samples.tolist() == [0, 0, 0, 1, 2, 2]
    assert recipes.digits.tolist() == [0, 0, 7, 5, 4, 2]
    assert [*recipes.drawn] == ["spacing"]
    spacing = recipes.drawn["spacing"]
    assert spacing[[0, 3, 4]].tolist() == [0, 0, 0]  # nothing stands before them
    assert (spacing[[1, 2, 5]] >= 2).all()


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
    alone = {
        sample: row_of(draw(config, pools["val"], [sample], "val"), 0, config) for sample in samples
    }
    order.shuffle(samples)
    batch = draw(config, pools["val"], samples, "val")
    for place, sample in enumerate(samples):
        assert row_of(batch, place, config) == alone[sample]


def happens(word: int, probability: float) -> bool:
    """Return whether a chance comes true, in Python's own numbers."""
    return (word >> 11) / 2**53 < probability


def pick(word: int, low: int, high: int) -> int:
    """Return an integer of a range, in Python's own numbers."""
    return low + (word >> 32) * (high - low + 1) // 2**32


def pick_value(chance: int, word: int, settings: Any, name: str = "") -> float:
    """Return a value of a range of a block, by default its one, or 0, in Python's own numbers."""
    ranges = {key: value for key, value in settings if isinstance(value, tuple)}
    name = name or next(iter(ranges))
    low, high = ranges[name]
    if not happens(chance, settings.probability):
        return 0
    kind = get_args(type(settings).model_fields[name].annotation)[0]
    unit = 10 ** find_bounds(kind).decimals
    steps = pick(word, round(low * unit), round(high * unit))
    return steps if unit == 1 else steps / unit


def pick_share(word: int, bounds: tuple[float, float]) -> float:
    """Return a value with three decimals, in Python's own numbers."""
    low, high = bounds
    return pick(word, round(low * 1000), round(high * 1000)) / 1000


def pick_gap(words: list[int], settings: Any, slot: int, _: int, row: dict[str, Any]) -> float:
    """Return the gap before a digit."""
    if slot == 0:
        return 0
    jitter, wide = pick_share(words[1], settings.jitter), pick_share(words[2], settings.wide)
    is_odd = happens(words[0], settings.odd)
    return float(np.round(wide if is_odd else row["gap_mean"] + jitter, 3))


def pick_field(words: list[int], settings: Any, place: int) -> Any:
    """Return a value of one of the ranges and shares of a block, or 0."""
    fields = [name for name, value in settings if isinstance(value, tuple | float)]
    name = [field for field in fields if field != "probability"][place]
    value = getattr(settings, name)
    if isinstance(value, float):
        return happens(words[0], settings.probability) and happens(words[1 + place], value)
    return pick_value(words[0], words[1 + place], settings, name)


def pick_ink(words: list[int], settings: Any, *_: int) -> int:
    """Return the grey of ink, a share of that of the paper."""
    paper, share = pick_field(words, settings, 0), pick_field(words, settings, 1)
    return int(np.floor(paper * share + 0.5))


def pick_texel(words: list[int], settings: Any, *_: int) -> int:
    """Return a texel of the tile of noise."""
    return pick(words[4], 0, 2**18 - 1) if happens(words[0], settings.probability) else 0


def pick_kind(words: list[int], settings: Any, *_: int) -> str:
    """Return the kind of a pattern, by weights."""
    names = ("waves", "hatch", "arcs", "weave")
    kinds = [name for name in names for _ in range(getattr(settings, name))]
    return (
        kinds[pick(words[6], 0, len(kinds) - 1)] if happens(words[0], settings.probability) else ""
    )


def pick_stroke(words: list[int], settings: Any, *_: Any) -> int:
    """Return the side of a square, below 0 if it erodes."""
    if not happens(words[0], settings.probability):
        return 0
    side = pick(words[2], *settings.pixels)
    return side if happens(words[1], settings.dilate) else -side


def pick_size(words: list[int], settings: Any, _: int, digit: int, *__: Any) -> float:
    """Return a share of the size of a digit."""
    share = pick_value(*words, settings) or 1.0
    return float(np.round(share * settings.bias.get(str(digit), 1.0), 4))


OWN_FORMULAS: dict[str, tuple[int, Callable[..., Any]]] = {
    "stroke": (3, pick_stroke),
    "digit_size": (2, pick_size),
    "breadth": (2, pick_size),
    "spacing": (1, lambda words, bounds, slot, *_: pick(words[0], *bounds) if slot else 0),
    "inverted": (1, lambda words, settings, *_: happens(words[0], settings.probability)),
    "line_height": (2, lambda words, settings, *_: pick_value(*words, settings) or 1.0),
    "gap_mean": (1, lambda words, settings, *_: pick_share(words[0], settings.mean)),
    "gap": (3, pick_gap),
    "place_top": (2, lambda words, settings, *_: pick_share(words[0], settings.top)),
    "place_left": (2, lambda words, settings, *_: pick_share(words[1], settings.left)),
    "ink": (3, pick_ink),
    "pattern_kind": (7, pick_kind),
    "ink_texel": (5, pick_texel),
}
"""Words a value, and the formula, of columns that are drawn otherwise than by default.

A formula takes the words, the settings, place and value of the digit, and what is drawn before.
"""
TESTED_ALONE = {
    name
    for name, transform in TRANSFORMS.items()
    if transform.draw is not Transform.draw
    and not any(column.name in OWN_FORMULAS for column in transform.columns)
}
"""Transforms that draw in a way of their own, which is tested beside them."""
BY_CHANCE = [
    name
    for name, transform in TRANSFORMS.items()
    if transform.columns
    and name not in TESTED_ALONE
    and "probability" in getattr(transform.Settings, "model_fields", {})
]


def draw_by_table(config: Config, pool: GlyphPool, split: str, number: str, index: int) -> Any:
    """Draw one sample as the streams say, word by word, in Python's own numbers."""

    def draw_stream(purpose: str, n_words: int) -> list[int]:
        source = RandomWords(config.seed, purpose)
        return source.draw(f"{split}/{number}", index, n_words).tolist()

    def per_digit(purpose: str, n_words: int) -> list[list[int]]:
        words = draw_stream(f"{purpose}/digits", n_words * len(number))
        return [words[i : i + n_words] for i in range(0, len(words), n_words)]

    row: dict[str, Any] = {"digits": list(map(int, number)), "glyph_ids": []}
    for digit, (word,) in zip(row["digits"], per_digit("glyph", 1), strict=True):
        candidates = pool.ids[pool.starts[digit] : pool.starts[digit + 1]].tolist()
        row["glyph_ids"].append(candidates[pick(word, 0, len(candidates) - 1)])
    for transform in config.transforms:
        name, settings = transform.name, transform.settings
        columns = transform.columns if name not in TESTED_ALONE else ()
        for place, column in enumerate(columns):
            n_words, formula = OWN_FORMULAS.get(
                column.name,
                (
                    1 + len(columns),
                    lambda words, settings, *_, at=place: pick_field(words, settings, at),
                ),
            )
            if column.per == "digit":
                words = per_digit(name, n_words)
                row[column.name] = [
                    formula(own, settings, slot, row["digits"][slot], row)
                    for slot, own in enumerate(words)
                ]
            else:
                row[column.name] = formula(draw_stream(name, n_words), settings, 0, 0, row)
        row[f"{name}: places"] = [
            [half for word in words for half in (word % 2**32, word >> 32)]
            for words in per_digit(f"{name}/places", 12)
        ]
        row[f"{name}: pixels"] = draw_stream(f"{name}/pixels", 9)
    row["number"], row["sample_index"] = number, index
    return row


@given(identities, glyph_transforms, line_transforms, st.sampled_from(["train", "val", "test"]))
def test_draws_follow_the_streams(
    tiny_config: MakeConfig,
    pools: Pools,
    samples: list[tuple[str, int]],
    glyph: Any,
    line: Any,
    split: Any,
) -> None:
    """Each draw is made of its own words, by the formulas that the modules name."""
    config = tiny_config(glyph=glyph, line=line)
    recipes = draw(config, pools[split], samples, split)
    for place, (number, index) in enumerate(samples):
        expected = draw_by_table(config, pools[split], split, number, index)
        row = row_of(recipes, place, config)
        assert {name: row[name] for name in expected} == expected


def list_draws(recipes: Recipes) -> dict[str, list[Any]]:
    """Return all draws of a batch."""
    drawn = {"glyph_ids": recipes.glyph_ids, **recipes.drawn}
    return {name: values.tolist() for name, values in drawn.items()}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_switching_one_transform_leaves_the_others(
    tiny_config: MakeConfig, pools: Pools, name: str
) -> None:
    """Without a transform, all else is drawn as with it; its own columns are not there."""
    sections = fill_sections()
    with_all = tiny_config(canvas=ROOMY, **sections)
    del sections[TRANSFORMS[name].section][name]
    if TRANSFORMS[name].default is not None:
        sections[TRANSFORMS[name].section][name] = TRANSFORMS[name].default
    without = tiny_config(canvas=ROOMY, **sections)
    expected = list_draws(draw_many(with_all, pools["train"], 60))
    found = list_draws(draw_many(without, pools["train"], 60))
    for column in TRANSFORMS[name].columns:
        assert any(expected.pop(column.name)) or name in TESTED_ALONE
        assert (column.name in found) == (TRANSFORMS[name].default is not None)
        found.pop(column.name, None)
    assert found == expected


@pytest.mark.parametrize("toy", TOYS)
def test_adding_a_transform_leaves_the_others(
    tiny_config: MakeConfig, pools: Pools, toy: type[Transform]
) -> None:
    """A transform that another package adds changes no other draw, on or off."""
    expected = list_draws(draw_many(tiny_config(canvas=ROOMY, **fill_sections()), pools["train"]))
    with TRANSFORMS.adding(toy):
        sections = fill_sections()
        found = list_draws(draw_many(tiny_config(canvas=ROOMY, **sections), pools["train"]))
        for column in toy.columns:
            assert any(found.pop(column.name))
        assert found == expected
        del sections[toy.section][toy.name]
        without = draw_many(tiny_config(canvas=ROOMY, **sections), pools["train"])
        assert list_draws(without) == expected


def test_more_likely_transform_keeps_its_values(tiny_config: MakeConfig, pools: Pools) -> None:
    """Raising a probability adds samples to those that had the transform, which keep theirs."""
    rare, often = (
        draw_many(
            tiny_config(glyph={"rotate": {"degrees": [1, 45], "probability": probability}}),
            pools["train"],
        ).drawn["rotate_degrees"]
        for probability in (0.2, 0.6)
    )
    assert (often[rare > 0] == rare[rare > 0]).all()
    assert 0 < (rare > 0).sum() < (often > 0).sum() < len(often)


def test_seeds_splits_numbers_and_indices_differ(tiny_config: MakeConfig, pools: Pools) -> None:
    """Any other part of the identity makes other draws, of the recipe and of the noise."""
    sections = fill_sections()
    rows = [
        row_of(draw(config, pools["train"], [sample], split), 0, config)
        for config in (tiny_config(seed=seed, canvas=ROOMY, **sections) for seed in (1, 2))
        for split in ("train", "val")
        for sample in (("42", 0), ("42", 1), ("042", 0), ("24", 0))
    ]
    for column in ("salt: places", "noise: pixels"):
        words = [tuple(np.ravel(row[column])[:9]) for row in rows]
        assert len(set(words)) == len(rows)


def test_transforms_share_no_words(tiny_config: MakeConfig, pools: Pools) -> None:
    """No two transforms draw the same words."""
    config = tiny_config(canvas=ROOMY, **fill_sections())
    row = row_of(draw(config, pools["train"], [("4", 0)]), 0, config)
    words = [tuple(value) for name, value in row.items() if name.endswith(": pixels")]
    places = [tuple(value[0]) for name, value in row.items() if name.endswith(": places")]
    assert len({*words, *places}) == 2 * len(TRANSFORMS)


def test_first_recipe_is_pinned(tiny_config: MakeConfig, pools: Pools) -> None:
    """The draws of a sample are those of the first release."""
    glyph = {
        "salt": {"pixels": [1, 24]},
        "pepper": {"pixels": [1, 24]},
        "shear": {"degrees": [-45, 45]},
        "rotate": {"degrees": [-45, 45]},
        "stroke": {"pixels": [1, 9]},
    }
    line = {
        "spacing": [-20, 20],
        "noise": {"sigma": [1, 128]},
        "salt_pepper": {"amount": [0.01, 0.5]},
        "blur": {"sigma": [0.1, 5]},
        "invert": {"probability": 0.5},
    }
    config = tiny_config(canvas=ROOMY, glyph=glyph, line=line)
    row = row_of(draw(config, pools["train"], [("90", 5)]), 0, config)
    row["salt: places"] = [places[:2] for places in row["salt: places"]]
    row["noise: pixels"] = row["noise: pixels"][:2]
    pinned = {
        "digits": [9, 0],
        "shear_degrees": [-26.93, -43.99],
        "rotate_degrees": [28.75, -38.87],
        "spacing": [0, 8],
        "salt": [9, 1],
        "pepper": [4, 10],
        "stroke": [-2, 7],
        "noise_sigma": 104.84,
        "salt_pepper": 0.405,
        "blur_sigma": 0.853,
        "inverted": False,
        "salt: places": [[2278900817, 2415885666], [2991144962, 2786719556]],
        "noise: pixels": [12976872391800365332, 12675344435242171591],
        "number": "90",
        "sample_index": 5,
    }
    assert {name: row[name] for name in pinned} == pinned


# -- ranges ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "field", "bounds"),
    [
        ("salt", "pixels", [3, 7]),
        ("pepper", "pixels", [0, 24]),
        ("shear", "degrees", [-3.25, 2.5]),
        ("rotate", "degrees", [-45, -44.9]),
        ("stroke", "pixels", [2, 4]),
        ("noise", "sigma", [0.5, 0.7]),
        ("salt_pepper", "amount", [0.001, 0.002]),
        ("blur", "sigma", [1.25, 1.26]),
    ],
)
def test_values_fill_their_range(
    tiny_config: MakeConfig, pools: Pools, name: str, field: str, bounds: list[float]
) -> None:
    """At probability 1 every value is in its range, and both ends happen; at 0 none is drawn."""
    setting = {field: bounds} | ({"dilate": 1} if name == "stroke" else {})
    config = turn_on(tiny_config, name, setting)
    values = draw_many(config, pools["train"], 1000).drawn[column_of(name)]
    assert [values.min(), values.max()] == bounds
    never = turn_on(tiny_config, name, {**setting, "probability": 0})
    assert not draw_many(never, pools["train"], 50).drawn[column_of(name)].any()


@pytest.mark.parametrize("name", BY_CHANCE)
@pytest.mark.parametrize("probability", [0.02, 0.3])
def test_transforms_are_as_frequent_as_asked(
    tiny_config: MakeConfig, pools: Pools, name: str, probability: float
) -> None:
    """A transform is drawn in the share of the glyphs, or lines, that its probability says."""
    drawn, never = (
        draw_many(config, pools["train"], 1000).drawn[column_of(name)]
        for config in (
            turn_on(tiny_config, name, fill(TRANSFORMS[name].Settings, share))
            for share in (probability, 0)
        )
    )
    assert len(np.unique(never)) == 1
    applied = drawn != never
    assert binomtest(int(applied.sum()), len(applied), probability).pvalue > 1e-4


@pytest.mark.parametrize("inverted", [0, 1])
def test_inversion_always_or_never(tiny_config: MakeConfig, pools: Pools, inverted: int) -> None:
    """Probabilities of 0 and 1 are exact."""
    config = tiny_config(line={"invert": {"probability": inverted}})
    drawn = draw_many(config, pools["train"]).drawn["inverted"]
    assert set(drawn.tolist()) == {bool(inverted)}


@pytest.mark.parametrize(("dilate", "share"), [(0, 0.0), (1, 1.0), (0.25, 0.25)])
def test_share_of_dilations(
    tiny_config: MakeConfig, pools: Pools, dilate: float, share: float
) -> None:
    """Positive strokes are dilations, in the share asked for; the others are erosions."""
    config = tiny_config(glyph={"stroke": {"dilate": dilate, "pixels": [2, 3]}})
    stroke = draw_many(config, pools["train"]).drawn["stroke"]
    assert set(np.abs(stroke).tolist()) == {2, 3}
    assert np.mean(stroke > 0) == pytest.approx(share, abs=0.03 if 0 < share < 1 else 0)


def test_spacing_fills_its_range(tiny_config: MakeConfig, pools: Pools) -> None:
    """Spacing may be negative; the first digit of a line has none."""
    recipes = draw_many(tiny_config(line={"spacing": [-3, 4]}), pools["train"])
    spacing, first = recipes.drawn["spacing"], recipes.starts[:-1]
    assert not spacing[first].any()
    assert set(np.delete(spacing, first).tolist()) == set(range(-3, 5))


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
    message = rf"splits\.train\.numbers: expected only characters .* glyphs of, got {lacking}; add"
    with pytest.raises(ConfigError, match=message):
        draw(tiny_config(), pool, [(number, 0)])
