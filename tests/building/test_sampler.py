"""Samplers: any sample at any time, of a config or of a dataset."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builds import ALL_TRANSFORMS, build
from digit_sequence.base.errors import ConfigError, OutputError
from digit_sequence.building.sampler import open_output, open_sampler
from digit_sequence.store.storage import Storage


@pytest.fixture(scope="module")
def sampler(tiny_config, tmp_path_factory):
    """Return the sampler of a config with every transform."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGIT_SEQUENCE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return open_sampler(tiny_config(**ALL_TRANSFORMS))


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


@pytest.mark.parametrize("loss", ["changed", "missing"])
@pytest.mark.parametrize("is_cached", [True, False])
def test_dataset_has_its_own_digits(own_source, tiny_config, tmp_path, loss, is_cached):
    """A dataset whose source is another by now, or gone, is drawn from the digits it carries."""
    config = tiny_config(source=own_source)
    build(config, tmp_path / "out")
    before = open_sampler(config).draw("train", 0, 12)
    path = Path(own_source["images"])
    content = path.read_bytes()
    path.unlink()
    if loss == "changed":
        path.write_bytes(content[:16] + content[16 + 784 :] + content[16 : 16 + 784])
    if not is_cached:
        shutil.rmtree(tmp_path / "cache")
    after = open_output(Storage(str(tmp_path / "out"))).draw("train", 0, 12)
    np.testing.assert_array_equal(after.images, before.images)


@pytest.mark.parametrize("is_there", [True, False])
def test_dataset_without_its_digits(tiny_config, tmp_path, is_there):
    """A dataset whose digits are damaged or missing is an error with what to do."""
    build(tiny_config(), tmp_path / "out")
    shutil.rmtree(tmp_path / "cache")
    glyphs = tmp_path / "out/.build/glyphs"
    content = glyphs.read_bytes()
    glyphs.unlink()
    if is_there:
        glyphs.write_bytes(content[:-1])
    with pytest.raises(OutputError, match=r"out: \.build/glyphs: .* verify .*out --repair`"):
        open_output(Storage(str(tmp_path / "out")))
    glyphs.write_bytes(content)
    open_output(Storage(str(tmp_path / "out")))


def test_digit_without_glyphs(own_source, tiny_config, bank):
    """A number that no glyph of its split can show is an error before anything is drawn."""
    digits = bank.digits.copy()
    digits[digits == 7] = 1
    path = Path(own_source["labels"])
    path.write_bytes(path.read_bytes()[:8] + digits.tobytes())
    with pytest.raises(ConfigError) as caught:
        open_sampler(tiny_config(source=own_source))
    assert str(caught.value).startswith("splits.train.numbers: ")
    assert "add glyphs of 7, leave these numbers out" in str(caught.value)
    numbers = {"train": {"numbers": {"values": ["42"]}, "samples": 1}}
    open_sampler(tiny_config(source=own_source, splits=numbers))


def test_split_without_glyphs(own_source, tiny_config):
    """A split that holds out no digits cannot show any; the message says what to change."""
    with pytest.raises(ConfigError, match=r"^splits\.test\.numbers: .*source's fractions"):
        open_sampler(tiny_config(source={**own_source, "test_fraction": 0}))
