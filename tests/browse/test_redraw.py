"""Samples drawn anew: as they were without a change, and as the changes say with some."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from digit_sequence.base.errors import ConfigError
from digit_sequence.base.yaml import parse_yaml
from digit_sequence.browse.controls import list_groups, list_unused
from digit_sequence.browse.explorer import Explorer
from digit_sequence.browse.live import LiveCollection
from digit_sequence.browse.redraw import change_config
from digit_sequence.building.sampler import open_sampler
from digit_sequence.read.dataset import open_dataset
from visitors import Visitor


def decode(picture):
    """Return the pixels of an image of a document."""
    with Image.open(io.BytesIO(base64.b64decode(picture["image"].partition(",")[2]))) as image:
        return np.asarray(image)


def as_it_was(sample):
    """Return the change that changes nothing."""
    return {name: sample[name] for name in ("number", "sample_index")}


@pytest.fixture(scope="session")
def looks(tiny_config):
    """Return a visitor of a config of two looks."""
    look = {
        "plain": {"weight": 1, "line": {"spacing": [1, 3]}},
        "dirty": {
            "weight": 1,
            "glyph": {"rotate": {"probability": 1.0, "degrees": [-9.0, 9.0]}},
            "line": {
                "blur": {"probability": 1.0, "sigma": [0.2, 0.9]},
                "levels": {"paper": [150, 220], "ink": [0, 0.3]},
            },
        },
    }
    config = tiny_config(look=look)
    collection = LiveCollection("my config.yaml", open_sampler(config), 8)
    found = Visitor(Explorer(collection, "my config.yaml"))
    yield found
    found.explorer.stop()


def find_key(visitor, look):
    """Return the key of the first sample of a look, with more digits than one."""
    return visitor.keys(conditions=[{"column": "look", "equal": look}], where="n_digits > 1")[0]


def test_unchanged(visitor, folder):
    """Drawn again without a change, each sample has the pixels that were built."""
    for split in open_dataset(folder).values():
        for sample in split[:5]:
            drawn = visitor.draw(sample.key, **as_it_was(visitor.sample(sample.key)))
            assert (decode(drawn["picture"]) == sample.image).all()


def test_unchanged_looks(looks):
    """So has a sample of a look, which is drawn as if the config had no other."""
    for shown in looks.page()["samples"]:
        drawn = looks.draw(shown["key"], **as_it_was(looks.sample(shown["key"])))
        assert drawn["picture"]["image"] == shown["image"]


def find_values(document, column):
    """Return the values that a sample drew."""
    for group in document["groups"]:
        for value in group["values"]:
            if value["name"] == column:
                return value["values"]
    raise KeyError(column)


def test_settings_change_what_they_say(looks):
    """A range of one value is drawn; all else is drawn as it was."""
    key = find_key(looks, "dirty")
    sample = looks.sample(key)
    drawn = looks.draw(key, **as_it_was(sample), settings={"line.blur.sigma": [1.5, 1.5]})
    assert find_values(drawn, "blur_sigma") == [1.5]
    for column in ("rotate_degrees", "paper", "ink"):
        assert find_values(drawn, column) == find_values(sample, column)
    assert drawn["picture"]["boxes"] == sample["picture"]["boxes"]
    assert decode(drawn["picture"]).std() < decode(sample["picture"]).std()


def test_digits_change_one_by_one(looks):
    """A value of one digit moves that digit, and no other."""
    key = find_key(looks, "dirty")
    sample = looks.sample(key)
    angles = find_values(sample, "rotate_degrees")
    drawn = looks.draw(key, **as_it_was(sample), recipe={"rotate_degrees": [9, *angles[1:]]})
    assert find_values(drawn, "rotate_degrees") == [9, *angles[1:]]
    assert drawn["picture"]["image"] != sample["picture"]["image"]
    first, second = (it["picture"]["polygons"] for it in (sample, drawn))
    assert first[0] != second[0]


def test_transforms_go_on_and_off(looks):
    """Null switches a transform off, and settings switch one on."""
    key = find_key(looks, "dirty")
    change = as_it_was(looks.sample(key))
    off = looks.draw(key, **change, settings={"line.levels": None, "line.blur": None})
    assert decode(off["picture"])[0, 0] == 0
    with pytest.raises(KeyError):
        find_values(off, "paper")
    unused = {it["name"]: it["example"] for it in looks.sample(key)["unused"]}
    for name, example in unused.items():
        on = looks.draw(key, **change, settings={name: example})
        assert name in [group["name"] for group in on["groups"]]


def test_other_numbers(looks):
    """Any number can be drawn, and another sample of it."""
    key = find_key(looks, "plain")
    first = looks.draw(key, number="31", sample_index=0)["picture"]
    other = looks.draw(key, number="31", sample_index=1)["picture"]
    assert [box[0] for box in first["boxes"]] == ["3", "1"]
    assert first["image"] != other["image"]


def test_other_glyphs(looks):
    """Another glyph stands for one digit; after all of the split it is the first one again."""
    key = find_key(looks, "plain")
    change = {"number": "31", "sample_index": 0}
    first = looks.draw(key, **change)["picture"]
    other = looks.draw(key, **change, glyphs=[1, 0])["picture"]
    n_glyphs = 6  # of each digit, in train
    assert looks.draw(key, **change, glyphs=[n_glyphs, 0])["picture"] == first
    assert other["polygons"][0] != first["polygons"][0]
    assert [box[0] for box in other["boxes"]] == ["3", "1"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"number": "12x"}, "number: expected 1 to 64 digits and signs, got '12x'"),
        ({"number": ""}, "number: expected 1 to 64 digits and signs"),
        ({"number": " 1"}, "number: expected 1 to 64 digits and signs"),
        ({"number": "1" * 50}, "canvas.width: expected at least 200 columns"),
        ({"number": "1" * 5000}, "number: expected 1 to 64"),
        ({"number": "3€"}, "that the source has glyphs of, got '€'"),
        ({"sample_index": -1}, "sample_index"),
        ({"settings": {"line.blur.sigma": [3, 1]}}, "line.blur.sigma: expected [low, high]"),
        ({"settings": {"line.blur.sigma": [0, 1e9]}}, "line.blur.sigma"),
        ({"settings": {"line.blurr": {}}}, "line.blurr"),
        ({"settings": {"canvas.height": 10**9}}, "canvas.height"),
        ({"settings": {"source.name": "mnist"}}, "source.name: expected a key of seed, canvas"),
        ({"settings": {"output.uri": "/tmp"}}, "output.uri: expected a key of seed, canvas"),
        ({"settings": {"seed.a": 1}}, "seed.a: seed holds no keys"),
        ({"settings": {"seed.a.b": 1}}, "seed.a.b: seed.a holds no keys"),
        ({"settings": {"line": 3}}, "line: expected"),
        ({"recipe": {"rotate_degrees": [1]}}, "rotate_degrees: expected 2 values, got 1"),
        ({"recipe": {"rotate_degrees": [90, 0]}}, "rotate_degrees: expected -9 to 9"),
        ({"glyphs": [1]}, "glyphs: expected 2 steps, got 1"),
        ({"recipe": {"spacing": [1, 1]}}, "expected a value that was drawn for this sample"),
        ({"recipe": {"glyph_ids": [1, 1]}}, "expected a value that was drawn for this sample"),
    ],
)
def test_changes_that_are_none(looks, change, told):
    """What cannot be drawn is told as of a config file."""
    key = find_key(looks, "dirty")
    change = {"number": "31", "sample_index": 0} | change
    with pytest.raises(ConfigError) as caught:
        looks.draw(key, **change)
    assert told in str(caught.value)


def test_values_are_of_what_was_drawn(visitor):
    """Values of a transform that was not drawn for a sample cannot be changed on its own."""
    key = visitor.keys(where="list_sum(rotate_degrees) = 0 AND n_digits = 1")[0]
    sample = visitor.sample(key)
    with pytest.raises(ConfigError, match="expected a value that was drawn"):
        visitor.draw(key, **as_it_was(sample), recipe={"rotate_degrees": [1]})


def test_every_slider_works(looks):
    """Each control of a value, at both ends of its slider, draws that value or says why not."""
    key = find_key(looks, "dirty")
    sample = looks.sample(key)
    tried = 0
    for group in sample["groups"]:
        for value in group["values"]:
            control = value["control"]
            if control is None or control["kind"] != "range":
                continue
            for end in ("low", "high"):
                number = control[end]
                change = {control["path"]: [number, number]}
                tried += 1
                try:
                    drawn = looks.draw(key, **as_it_was(sample), settings=change)
                except ConfigError as error:
                    assert control["path"] in str(error)  # noqa: PT017 - one may be too much
                else:
                    assert find_values(drawn, value["name"]) == pytest.approx([number])
    assert tried >= 4


def test_commands_and_fragments(looks):
    """What is copied draws the same: a command, and a part of a config that is valid."""
    key = find_key(looks, "dirty")
    sample = looks.sample(key)
    assert sample["command"] == f"digit-sequence sample {key} --from 'my config.yaml' -o {key}.png"
    settings = {"line.blur.sigma": [0.5, 0.5], "glyph.rotate": None}
    drawn = looks.draw(key, **as_it_was(sample), settings=settings)
    assert drawn["command"] == (
        "digit-sequence preview 'my config.yaml' --set 'line.blur.sigma=[0.5, 0.5]' "
        "--set glyph.rotate=null"
    )
    tree = parse_yaml(drawn["fragment"], "fragment")
    assert tree == {"line": {"blur": {"sigma": [0.5, 0.5]}}, "glyph": {"rotate": None}}
    tree = parse_yaml(sample["fragment"], "fragment")
    assert tree["line"]["blur"] == {"probability": 1.0, "sigma": [0.2, 0.9]}


def test_controls_hold_their_values(tiny_config):
    """The controls of each transform put back what they show: nothing changes."""
    from builds import ALL_TRANSFORMS

    config = tiny_config(**ALL_TRANSFORMS)
    for group in list_groups(config):
        for control in group.controls:
            value = json.loads(control.value) if control.kind == "text" else control.value
            assert change_config(config, {control.path: value}) == config, control.path
            if control.kind in ("range", "number"):
                numbers = value if isinstance(value, list) else [value]
                assert control.low <= min(numbers)
                assert max(numbers) <= control.high
                assert control.step > 0
    assert not list_unused(config).keys() & {group.name for group in list_groups(config)}
