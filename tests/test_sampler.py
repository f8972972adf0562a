"""Samplers: any sample at any time, of a config or of a dataset."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from builds import ALL_TRANSFORMS, build
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigError, OutputError, SourceError
from pipeline.sampler import open_config, open_output
from pipeline.storage import Storage


@pytest.fixture(scope="module")
def sampler(tiny_config, tmp_path_factory):
    """Return the sampler of a config with every transform."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGIT_SEQUENCE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return open_config(tiny_config(**ALL_TRANSFORMS))


@given(split=st.sampled_from([("train", 12), ("test", 5)]), cuts=st.data())
def test_any_range_is_a_part_of_the_split(sampler, split, cuts):
    """Samples drawn together are those drawn one by one."""
    name, n_samples = split
    start = cuts.draw(st.integers(0, n_samples - 1))
    stop = cuts.draw(st.integers(start + 1, n_samples))
    drawn = sampler.draw(name, start, stop)
    whole = sampler.draw(name, 0, n_samples)
    np.testing.assert_array_equal(drawn.images, whole.images[start:stop])
    glyphs = slice(whole.recipes.starts[start], whole.recipes.starts[stop])
    np.testing.assert_array_equal(drawn.boxes, whole.boxes[glyphs])
    assert drawn.recipes.numbers == whole.recipes.numbers[start:stop]


def test_output_draws_as_its_config(built, sampler):
    """A dataset's own plan draws the samples that its config draws."""
    reopened = open_output(Storage(str(built())))
    assert reopened.plan.fingerprint == sampler.plan.fingerprint
    for split, n_samples in (("train", 12), ("test", 5)):
        ours, theirs = (each.draw(split, 0, n_samples) for each in (sampler, reopened))
        np.testing.assert_array_equal(ours.images, theirs.images)


def test_sample_outside_the_split(sampler):
    """An ordinal that the split has not is an error."""
    with pytest.raises(IndexError, match=r"test: expected ordinals in \[0, 5\)"):
        sampler.draw("test", 4, 6)


def test_folder_without_a_plan(tmp_path):
    """A folder that is no dataset is an error that names it."""
    with pytest.raises(OutputError, match=f"^{tmp_path}: expected a dataset"):
        open_output(Storage(str(tmp_path)))


@pytest.fixture
def own_source(tiny_source, tmp_path):
    """Copy the tiny source, to change it."""
    source = dict(tiny_source)
    for key in ("images", "labels"):
        source[key] = str(tmp_path / key)
        (tmp_path / key).write_bytes(Path(tiny_source[key]).read_bytes())
    return source


def test_changed_source(own_source, tiny_config, tmp_path):
    """A dataset whose digits are others by now is an error with both digests."""
    build(tiny_config(source=own_source), tmp_path / "out")
    planned = json.loads((tmp_path / "out/dataset.json").read_text())["source"]["digest"]
    path = Path(own_source["images"])
    content = path.read_bytes()
    path.write_bytes(content[:16] + content[16 + 784 :] + content[16 : 16 + 784])
    os.utime(path, (1, 1))
    with pytest.raises(SourceError) as caught:
        open_output(Storage(str(tmp_path / "out")))
    message = str(caught.value)
    assert f"expected the digits that {tmp_path}/out was planned with, {planned[:16]}" in message
    assert message.endswith("; restore them")
    path.write_bytes(content)
    open_output(Storage(str(tmp_path / "out")))


def test_missing_source(own_source, tiny_config, tmp_path):
    """A dataset whose digits are gone is an error that names the file."""
    build(tiny_config(source=own_source), tmp_path / "out")
    Path(own_source["labels"]).unlink()
    with pytest.raises(SourceError, match=own_source["labels"]):
        open_output(Storage(str(tmp_path / "out")))


def test_digit_without_glyphs(own_source, tiny_config, bank):
    """A number that no glyph of its split can show is an error before anything is drawn."""
    digits = bank.digits.copy()
    digits[digits == 7] = 1
    path = Path(own_source["labels"])
    path.write_bytes(path.read_bytes()[:8] + digits.tobytes())
    with pytest.raises(ConfigError) as caught:
        open_config(tiny_config(source=own_source))
    assert str(caught.value).startswith("splits.train.numbers: ")
    assert "add glyphs of 7, leave these numbers out" in str(caught.value)
    numbers = {"train": {"numbers": {"values": ["42"]}, "samples": 1}}
    open_config(tiny_config(source=own_source, splits=numbers))


def test_split_without_glyphs(own_source, tiny_config):
    """A split that holds out no digits cannot show any; the message says what to change."""
    with pytest.raises(ConfigError, match=r"^splits\.test\.numbers: .*source's fractions"):
        open_config(tiny_config(source={**own_source, "test_fraction": 0}))
