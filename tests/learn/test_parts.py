"""What can be left out of a config, and what is left then."""

from __future__ import annotations

import pytest

from builds import ALL_TRANSFORMS, ROOT
from digit_sequence.base.errors import ConfigError
from digit_sequence.building.sampler import open_sampler
from digit_sequence.config.loading import load_config, parse_config
from digit_sequence.learn.parts import BASE, leave_out, list_parts, make_variants
from digit_sequence.transforms.registry import TRANSFORMS

LOOKS = {
    "fax": {"weight": 1, "line": {"threshold": {"level": [0.4, 0.6]}, "noise": {"sigma": [1, 2]}}},
    "noise": {
        "weight": 3,
        "glyph": {"shear": {"degrees": [-5, 5]}},
        "line": {"noise": {"sigma": [3, 4]}},
    },
}


def mix(config, looks):
    """Return a config with looks in place of its sections."""
    tree = config.model_dump(mode="json", exclude={"glyph", "line"})
    return parse_config(tree | {"look": looks}, "mixed")


@pytest.fixture
def mixed(tiny_config):
    """Return a config of two looks, one of which is called as a transform is."""
    return mix(tiny_config(), LOOKS)


def test_every_transform_has_a_key(tiny_config):
    """Each transform that is on can be left out by its place, and by its name alone."""
    config = tiny_config(**ALL_TRANSFORMS)
    parts = list_parts(config)
    on = {(it.section, it.name) for it in TRANSFORMS.values() if it.example is not None}
    for section, name in on:
        assert parts[f"{section}.{name}"] == {(section, name)}
        if name not in ("glyph", "line"):
            assert parts[name] == {(section, name)}
        left = leave_out(config, parts[f"{section}.{name}"], "here")
        assert getattr(getattr(left, section), name) == TRANSFORMS[name].default
    assert {place for place in on if place[0] == "line"} == parts["line"]
    assert ("line", "ruling") in parts["page"]
    assert ("glyph", "pen") in parts["ink"]


def test_nothing_left_out_is_the_config(mixed, tiny_config):
    """A config from which nothing is left out is the same, with the same fingerprint."""
    for config in (
        mixed,
        tiny_config(**ALL_TRANSFORMS),
        load_config(ROOT / "configs/default.yaml"),
    ):
        assert leave_out(config, frozenset(), "here") == config
    left = leave_out(mixed, frozenset(), "here")
    assert open_sampler(left).plan.fingerprint == open_sampler(mixed).plan.fingerprint


def test_looks_and_what_they_share(mixed):
    """A look is left out whole, a transform from every look; looks come before transforms."""
    parts = list_parts(mixed)
    assert parts["noise"] == parts["look.noise"] == {("look", "noise")}
    assert parts["line.noise"] == {("line", "noise")}
    without = {it.name: it.config for it in make_variants(mixed, ["fax", "line.noise", "line"])}
    assert list(without) == [BASE, "fax", "line.noise", "line"]
    assert without[BASE] == mixed
    assert list(without["fax"].look) == ["noise"]
    assert without["fax"].look["noise"] == mixed.look["noise"]
    assert [it.line.noise for it in without["line.noise"].look.values()] == [None, None]
    assert without["line.noise"].look["fax"].line.threshold is not None
    assert without["line"].look["noise"].glyph.shear is not None
    assert without["line"].look["noise"].weight == 3


def test_groups_have_a_name(mixed):
    """Several keys are left out together, under the name that they are given."""
    variants = make_variants(mixed, ["both=shear,threshold", "shear,line.threshold,fax"])
    assert [it.name for it in variants] == [BASE, "both", "shear,line.threshold,fax"]
    (fax, noise) = variants[1].config.look.values()
    assert (fax.line.threshold, noise.glyph.shear) == (None, None)
    assert list(variants[2].config.look) == ["noise"]


def test_look_of_a_split(mixed):
    """A look is left out of splits that give it a weight; one that is left with none is refused."""
    tree = mixed.model_dump(mode="json")
    tree["splits"]["train"]["look"] = {"fax": 1, "noise": 2}
    config = parse_config(tree, "mixed")
    assert make_variants(config, ["look.noise"])[1].config.splits["train"].look == {"fax": 1}
    tree["splits"]["train"]["look"] = {"noise": 2}
    with pytest.raises(ConfigError, match=r"splits\.train\.look: expected at least one look"):
        make_variants(parse_config(tree, "mixed"), ["look.noise"])


def test_one_look_is_not_left_out(tiny_config):
    """The only look of a config is no part that can be left out."""
    parts = list_parts(mix(tiny_config(), {"fax": LOOKS["fax"]}))
    assert "fax" not in parts
    assert "look.fax" not in parts


@pytest.mark.parametrize(
    ("without", "reason"),
    [
        (["nois"], r"--without nois: expected what .* look\.fax.* line\.noise.*, got 'nois'; did"),
        (["line.blur"], "expected what the config has, of .*, got 'line.blur'"),
        ([""], "expected a name that is no other's"),
        (["fax,"], "expected what the config has, of .*, got ''"),
        (["a/b=fax"], "expected a name that is no other's, .* got 'a/b'; NAME=fax gives it one"),
        (["../x=fax"], "expected a name"),
        (["base=fax"], "expected a name that is no other's"),
        (["fax", "fax"], "expected a name that is no other's"),
        (["fax", "look.fax"], "--without look.fax: leaves out the same as fax"),
        (["fax,noise"], "--without fax,noise: look: expected at least one look"),
    ],
)
def test_what_is_not_there_is_refused(mixed, without, reason):
    """One message, which lists what there is."""
    with pytest.raises(ConfigError, match=reason):
        make_variants(mixed, without)


def test_what_is_never_off_is_as_by_default(tiny_config):
    """A transform without which there is no row of digits gets the settings it has unasked."""
    assert make_variants(tiny_config(), ["spacing"])[1].config.line.spacing == (5, 10)
