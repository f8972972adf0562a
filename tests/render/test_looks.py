"""Samples of several looks: each is what its own look draws, wherever it stands in a batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from tests.benchmarks.equality import find_differences

from conftest import make_pool
from digit_sequence.base.errors import RenderError
from digit_sequence.config.loading import parse_config
from digit_sequence.config.model import Config
from digit_sequence.render import draw as render
from digit_sequence.render.draw import BATCH_PIXELS, Rendered, fit_batch
from digit_sequence.render.recipe import draw_recipes
from digit_sequence.sources.bank import GlyphBank
from rendering import (
    ALL_ON,
    MakeConfig,
    Pools,
    draw,
    identities,
    mix,
    render_legible,
    render_samples,
)
from strategies import fill_sections, glyph_transforms, line_transforms
from toys import TOYS

SOFT = {"glyph": {"crop": {"margin": 1}}, "line": {"blur": {"sigma": [0.5, 1.5]}}}
STEEP = {
    "glyph": {"size": {"share": [0.5, 0.9]}, "shear": {"degrees": [10, 20]}},
    "line": {
        "spacing": [-3, 4],
        "tilt": {"degrees": [-5, 5]},
        "elastic": {"shift": [0.02, 0.05]},
        "invert": {"probability": 0.5},
    },
}
ALL = {"glyph": ALL_ON["glyph"], "line": ALL_ON["line"]}
LOOKS: dict[str, Any] = {"all": ALL, "soft": {**SOFT, "weight": 2}, "steep": STEEP}
SAMPLES = [(number, index) for number in ("7", "42", "007", "90210") for index in range(12)]

looks = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.fixed_dictionaries(
        {"weight": st.sampled_from([1, 2.5]), "glyph": glyph_transforms, "line": line_transforms}
    ),
    min_size=1,
)


def list_rows(rendered: Rendered, config: Config) -> list[dict[str, Any]]:
    """Return all that is known of each sample, with the columns of a config."""
    recipes, layers = rendered.recipes, list(rendered.layers)
    assert (rendered.layers.samples == recipes.samples).all()
    rows = []
    for b in range(recipes.n_samples):
        digits = slice(recipes.starts[b], recipes.starts[b + 1])
        row: dict[str, Any] = {
            "image": rendered.images[b].tobytes(),
            "scaled": bool(rendered.scaled[b]),
            "boxes": rendered.boxes[digits].tolist(),
            "places": rendered.layers.places[digits].tolist(),
            "layers": [layer.tolist() for layer in layers[digits]],
            "glyph_ids": recipes.glyph_ids[digits].tolist(),
        }
        for column in config.columns:
            values = recipes.drawn[column.name]
            row[column.name] = np.array(values[digits if column.per == "digit" else b]).tolist()
        rows.append(row)
    return rows


@pytest.fixture
def mixed(tiny_config: MakeConfig) -> Config:
    """Return a config of three looks."""
    return mix(tiny_config, LOOKS, canvas=ALL_ON["canvas"])


# -- one sample and its look -----------------------------------------------------------------------


def assert_each_is_of_its_look(
    config: Config, bank: GlyphBank, pools: Pools, samples: list[tuple[str, int]]
) -> None:
    """Check that a batch has what each sample's look alone draws, and neutral values beside it."""
    rendered = render_legible(draw(config, pools["train"], samples), bank, config)
    assert [*rendered.recipes.drawn] == [column.name for column in config.columns]
    chosen = rendered.recipes.drawn["look"].tolist()
    rows = list_rows(rendered, config)
    for sample, name, row in zip(samples, chosen, rows, strict=True):
        look = config.per_look[name]
        (expected,) = list_rows(render_samples(look, bank, pools["train"], [sample]), look)
        assert {key: row[key] for key in expected} == expected
        for column in config.columns[1:]:
            if column.name not in expected:
                count = len(sample[0]) if column.per == "digit" else 1
                neutral = column.fill(count).tolist()
                assert row[column.name] == (neutral if column.per == "digit" else neutral[0])
        (alone,) = list_rows(render_samples(config, bank, pools["train"], [sample]), config)
        assert alone == row


def test_each_sample_is_of_its_look(mixed: Config, bank: GlyphBank, pools: Pools) -> None:
    """A sample is what a config of its look alone draws: pixels, boxes, layers and draws."""
    assert_each_is_of_its_look(mixed, bank, pools, SAMPLES)


@settings(max_examples=30)
@given(looks=looks, samples=identities)
def test_each_sample_of_any_looks(
    tiny_config: MakeConfig,
    bank: GlyphBank,
    pools: Pools,
    looks: dict[str, Any],
    samples: list[tuple[str, int]],
) -> None:
    """So it is whatever the looks hold."""
    assert_each_is_of_its_look(mix(tiny_config, looks), bank, pools, samples)


def test_one_look_is_the_config_without_it(
    tiny_config: MakeConfig, bank: GlyphBank, pools: Pools
) -> None:
    """A config of one look draws what its transforms draw, and the name of the look."""
    plain = tiny_config(**ALL_ON)
    looking = mix(tiny_config, {"mine": ALL}, canvas=ALL_ON["canvas"])
    expected, found = (
        list_rows(render_samples(config, bank, pools["train"], SAMPLES), plain)
        for config in (plain, looking)
    )
    assert found == expected
    recipes = draw(looking, pools["train"], SAMPLES)
    assert recipes.drawn["look"].tolist() == ["mine"] * len(SAMPLES)


def test_parts_of_any_size(
    mixed: Config, bank: GlyphBank, pools: Pools, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Samples of one look may be rendered in smaller parts; nothing else changes."""
    expected = list_rows(render_samples(mixed, bank, pools["train"], SAMPLES), mixed)
    monkeypatch.setitem(BATCH_PIXELS, "skimage", 5 * 32 * 120)
    assert fit_batch(mixed.per_look["soft"], 0, "skimage") == 5
    assert list_rows(render_samples(mixed, bank, pools["train"], SAMPLES), mixed) == expected


def test_line_maps_of_one_look_leave_batches_large(mixed: Config) -> None:
    """How many samples are rendered at a time depends on their look alone."""
    sizes = {name: fit_batch(look, 784, "numba") for name, look in mixed.per_look.items()}
    assert sizes["steep"] < sizes["all"] == sizes["soft"] == fit_batch(mixed, 784, "numba")


def test_digit_without_ink(mixed: Config, bank: GlyphBank, pools: Pools) -> None:
    """A sample that is left without ink is named, whatever part it is rendered in."""
    recipes = draw(mixed, pools["train"], SAMPLES)
    number, index = SAMPLES[recipes.drawn["look"].tolist().index("all")]
    blank = replace(bank, images=np.zeros_like(bank.images))
    with pytest.raises(RenderError, match=rf"train: number {number}, sample {index}: digit 1 "):
        render.render_batch(recipes, blank, mixed)


# -- the choice ------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [{"a": 1, "b": 3}, {"a": 0.5, "b": 1, "c": 7}])
def test_shares(tiny_config: MakeConfig, pools: Pools, weights: dict[str, float]) -> None:
    """Looks are chosen as often as their weights say."""
    config = mix(tiny_config, {name: {"weight": weight} for name, weight in weights.items()})
    chosen = draw(config, pools["train"], [("42", index) for index in range(4000)]).drawn["look"]
    names, counts = np.unique(chosen, return_counts=True)
    expected = np.array(list(weights.values()))
    assert names.tolist() == list(weights)
    assert chisquare(counts, 4000 * expected / expected.sum()).pvalue > 0.01


def test_split_has_looks_of_its_own(mixed: Config, pools: Pools) -> None:
    """A split draws what a config would whose looks have the split's weights; others do not."""
    tree = mixed.model_dump(mode="json")
    first, second, third = tree["look"]
    weights = {second: 1.0, third: 3.0}
    tree["splits"]["train"]["look"] = weights
    own = parse_config(tree, "c.yaml")
    assert parse_config(own.model_dump(mode="json"), "c.yaml") == own
    samples = [("42", index) for index in range(300)]
    chosen = draw(own, pools["train"], samples).drawn
    assert [*chosen] == [column.name for column in mixed.columns]
    assert set(chosen["look"]) == {second, third}
    for name, weight in {first: 0.0, **weights}.items():
        tree["look"][name]["weight"] = weight
    same = draw(parse_config(tree, "c.yaml"), pools["train"], samples).drawn
    assert all((chosen[name] == values).all() for name, values in same.items())
    numbers, indices = [number for number, _ in samples], np.arange(300)
    before, after = (
        draw_recipes(config, pools["test"], "test", numbers, indices).drawn["look"]
        for config in (mixed, own)
    )
    assert (before == after).all()


def test_choice_is_independent_of_all_else(
    mixed: Config, tiny_config: MakeConfig, bank: GlyphBank, pools: Pools
) -> None:
    """To change a look changes neither the choice, nor the samples of other looks."""
    changed = {**LOOKS, "soft": {**SOFT, "weight": 2, "line": {"noise": {"sigma": [9, 9]}}}}
    other = mix(tiny_config, changed, canvas=ALL_ON["canvas"])
    shared = [column for column in mixed.columns if column.name != "blur_sigma"]
    rows = [
        list_rows(render_samples(config, bank, pools["train"], SAMPLES), config)
        for config in (mixed, other)
    ]
    names = {"look", "image", "boxes", "layers", *(column.name for column in shared)}
    for before, after in zip(*rows, strict=True):
        assert before["look"] == after["look"]
        same = {name for name in names if before[name] == after[name]}
        assert same == names if before["look"] != "soft" else "image" not in same


# -- columns ---------------------------------------------------------------------------------------


def test_columns_are_those_of_all_looks(tiny_config: MakeConfig) -> None:
    """A transform of several looks has its columns once, in the order of the registry."""
    config = mix(tiny_config, {"a": STEEP, "b": SOFT, "c": {"line": STEEP["line"]}})
    names = [column.name for column in config.columns]
    assert names == [
        *("look", "shear_degrees", "digit_size", "spacing", "tilt_degrees"),
        *("elastic", "elastic_spacing", "elastic_seed", "blur_sigma", "inverted"),
    ]


def test_size_of_looks_without_it(tiny_config: MakeConfig, pools: Pools) -> None:
    """Digits of a look that leaves their size alone have all of it."""
    config = mix(tiny_config, {"a": STEEP, "b": {}})
    recipes = draw(config, pools["train"], SAMPLES)
    is_full = recipes.drawn["look"][recipes.samples] == "b"
    assert (recipes.drawn["digit_size"][is_full] == 1).all()
    assert (recipes.drawn["digit_size"][~is_full] < 1).all()


# -- engines ---------------------------------------------------------------------------------------


@settings(max_examples=20)
@given(looks=looks, samples=identities)
def test_engines_draw_looks_the_same(
    tiny_config: MakeConfig, bank: GlyphBank, looks: dict[str, Any], samples: list[tuple[str, int]]
) -> None:
    """Both engines give the same images, layers and draws."""
    pytest.importorskip("numba")
    numbers = [number for number, _ in samples] * 3
    assert find_differences(mix(tiny_config, looks), bank, make_pool(bank), numbers)[0] == []


def test_all_transforms_in_one_of_two_looks(
    tiny_config: MakeConfig, bank: GlyphBank, pools: Pools
) -> None:
    """Each transform of the registry, and any of another package, may be in some looks only."""
    from digit_sequence.transforms.registry import TRANSFORMS

    with TRANSFORMS.adding(*TOYS):
        config = mix(tiny_config, {"all": fill_sections(), "none": {}}, canvas={"height": 112})
        assert_each_is_of_its_look(config, bank, pools, SAMPLES[:6])
