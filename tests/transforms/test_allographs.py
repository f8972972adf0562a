"""Allographs: chosen by share and weight, and carried by the dataset."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest
from tests.benchmarks.equality import find_differences

from builds import build, read_rows, run_program, write_config
from digit_sequence.base.errors import ConfigError
from digit_sequence.building.sampler import open_output, open_sampler
from digit_sequence.config.loading import load_config, parse_config
from digit_sequence.pen.shapes import load_shapes
from digit_sequence.store.storage import Storage

SLASHED = "digits:\n  0:\n    slashed:\n      - .5,0 0,.5 .5,1 1,.5 .5,0\n      - 1,0 0,1\n"
NUMBERS = {"train": {"numbers": {"random": {"lengths": [5, 5]}}, "samples": 1000}}


def test_share_of_a_digit(tiny_config):
    """Digits are written otherwise as often as their share says, by the weights of the shapes."""
    config = tiny_config(splits=NUMBERS, glyph={"allographs": {"share": {7: 0.8, 3: 0, 1: 1}}})
    drawn = open_sampler(config).draw("train", 0, 1000).recipes
    names, digits = drawn.drawn["allograph"], drawn.digits
    assert not any(names[digits == 3])
    assert all(names[digits == 1])
    sevens = names[digits == 7]
    assert binomtest(int((sevens != "").sum()), len(sevens), 0.8).pvalue > 1e-4
    weights = {
        shape.name: shape.weight for name, shape in load_shapes().items() if name.startswith("7/")
    }
    share = weights["crossed"] / sum(weights.values())
    count = int((sevens == "crossed").sum())
    assert binomtest(count, int((sevens != "").sum()), share).pvalue > 1e-4


def test_other_glyphs_stay(tiny_config):
    """A digit that is not written otherwise keeps its glyph, and the others are of their shape."""
    plain = open_sampler(tiny_config(splits=NUMBERS)).draw("train", 0, 200).recipes
    sampler = open_sampler(tiny_config(splits=NUMBERS, glyph={"allographs": {}}))
    changed = sampler.draw("train", 0, 200).recipes
    names = changed.drawn["allograph"]
    assert (plain.drawn["spacing"] == changed.drawn["spacing"]).all()
    own = names == ""
    assert 0.2 < own.mean() < 0.9
    assert (plain.glyph_ids[own] == changed.glyph_ids[own]).all()
    shapes = sampler.pools["train"].shapes
    for glyph, digit, name in zip(changed.glyph_ids, changed.digits, names, strict=True):
        assert not name or glyph in shapes[f"{digit}/{name}"]


def test_engines_draw_the_same(tiny_config):
    """Both engines draw glyphs that are added."""
    sampler = open_sampler(
        tiny_config(glyph={"allographs": {"share": dict.fromkeys(range(10), 1)}})
    )
    numbers = ["0123456789", "7", "1177"]
    config, pool = sampler.plan.config, sampler.pools["train"]
    assert find_differences(config, sampler.glyphs, pool, numbers)[0] == []


def test_dataset_carries_its_shapes(tiny_config, tmp_path):
    """A dataset is verified and drawn again without the file of shapes."""
    path = tmp_path / "shapes.yaml"
    path.write_text(SLASHED)
    glyph = {"allographs": {"share": {0: 1}, "shapes": "shapes.yaml"}}
    written = write_config(
        tmp_path / "config.yaml", tiny_config(), glyph=glyph, output={"sidecar": "full"}
    )
    config = load_config(written)
    build(config, tmp_path / "out")
    path.unlink()
    rows = read_rows(tmp_path / "out")
    names = {
        name
        for number, names in zip(
            rows["number"].to_pylist(), rows["allograph"].to_pylist(), strict=True
        )
        for digit, name in zip(number, names, strict=True)
        if digit == "0"
    }
    assert "slashed" in names
    assert names <= {"slashed", "open", "overrun", "tail"}
    reopened = open_output(Storage(str(tmp_path / "out")))
    ours = open_sampler(config).draw("train", 0, 12)
    assert (reopened.draw("train", 0, 12).images == ours.images).all()
    verified = run_program("verify", tmp_path / "out", "--scheduler", "synchronous")
    assert verified.returncode == 0, verified.stderr
    assert parse_config(json.loads(config.model_dump_json()), "again") == config


def test_no_glyph_in_two_splits(tiny_config):
    """Train and test of one dataset show none of each other's glyphs."""
    sampler = open_sampler(
        tiny_config(glyph={"allographs": {"share": dict.fromkeys(range(10), 1)}})
    )
    shown = [
        set(sampler.draw(split, 0, n_samples).recipes.glyph_ids.tolist())
        for split, n_samples in (("train", 12), ("test", 5))
    ]
    assert not shown[0] & shown[1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "shapes.yaml: expected a file of shapes, cannot be read: No such file"),
        (b"\xff", "shapes.yaml: expected UTF-8 text, got byte 0"),
        (b"digits: [", "shapes.yaml: line 1, column 10: not readable as YAML"),
        (b"digits: {7: {x: [5]}}", "shapes.yaml: digits.7.x[0]: expected 1 to 24 points"),
        (b"digits: {}", "shapes.yaml: digits: expected some of the digits 0 to 9 and their shapes"),
        (b"one: 1\ntwo: 2", "shapes.yaml: expected one key, digits, got ['one', 'two']"),
        (b"'" + b"a" * 90 + b"'", "shapes.yaml: expected one key, digits, got no keys"),
        (b"#" * 1_000_001, "shapes.yaml: expected at most 1,000,000 bytes"),
    ],
)
def test_wrong_files(tiny_config, tmp_path, content, message):
    """What is wrong with a file of shapes is said before anything is written."""
    if content is not None:
        Path(tmp_path, "shapes.yaml").write_bytes(content)
    glyph = {"allographs": {"shapes": "shapes.yaml"}}
    path = write_config(tmp_path / "config.yaml", tiny_config(), glyph=glyph)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: glyph.allographs.shapes: {tmp_path}/")
    assert message in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("share", "message"),
    [
        ({"a": 1}, "share.a: expected a digit, 0 to 9, got 'a'"),
        ({"٣": 1}, "share.٣: expected a digit, 0 to 9, got '٣'"),
        ({7: 2}, "share.7: expected less than or equal to 1, got 2"),
        ({7: None}, "share.7: expected a number, got nothing"),
        ({True: 1}, "share.1: expected text, got True"),
    ],
)
def test_wrong_shares(tiny_config, share, message):
    """A share is of a digit, from 0 to 1."""
    with pytest.raises(ConfigError, match=rf"glyph\.allographs\.{message}"):
        parse_config(
            tiny_config().model_dump(mode="json") | {"glyph": {"allographs": {"share": share}}}, "x"
        )


def test_shape_of_a_name_that_is_there(tiny_config):
    """A user's shape takes the place of one of the same name."""
    shapes = {"digits": {"7": {"crossed": ["0,0 1,0! .5,1"]}}}
    sampler = open_sampler(tiny_config(glyph={"allographs": {"shapes": shapes}}))
    own = sampler.pools["train"].shapes["7/crossed"]
    images = sampler.glyphs.images[own]
    assert len(np.unique(images, axis=0)) == len(own)
    assert len(own) == 50
