"""Engines: compiled loops give the bytes of NumPy and scikit-image."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.benchmarks.equality import draw_configs, find_differences

from builds import ALL_TRANSFORMS, ROOT
from conftest import draw_bank, make_pool
from digit_sequence.base.engines import choose_engine
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.installation import how_to_install
from digit_sequence.building.sampler import open_sampler
from digit_sequence.building.shard import pack_shard
from digit_sequence.config.loading import parse_config
from digit_sequence.containers import CONTAINERS
from digit_sequence.render.draw import render_batch
from digit_sequence.render.recipe import draw_recipes
from digit_sequence.transforms.registry import TRANSFORMS
from strategies import number_texts, trees, values
from toys import TOYS, OneEngine

kernels = pytest.importorskip("digit_sequence.render.kernels")

some_numbers = st.lists(number_texts, min_size=1, max_size=6)

# -- numbers --------------------------------------------------------------------------------------


@given(start=st.integers(0, 10**12), lengths=st.sampled_from([[1, 8], [5, 5], [1, 64]]))
def test_random_numbers_are_the_same(tiny_config, start, lengths):
    """Both engines draw the same random numbers, balanced or not."""
    for balance in (False, True):
        numbers = {"random": {"lengths": lengths, "balance": balance}}
        splits = {"train": {"numbers": numbers, "samples": 10**12}}
        config = tiny_config(splits=splits, canvas={"width": 256})
        split = open_sampler(config, "skimage").plan.splits["train"]
        stop = min(start + 150, 10**12)
        expected, found = (split.identities(start, stop, name) for name in ("skimage", "numba"))
        assert found[0] == expected[0]
        assert np.array_equal(found[1], expected[1])


# -- pixels ---------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(tree=trees(), numbers=some_numbers)
def test_engines_draw_the_same(tiny_config, bank, tree, numbers):
    """Whatever is drawn, layers, boxes, images and recipes are the same, and so are refusals."""
    assert find_differences(tiny_config(**tree), bank, make_pool(bank), numbers)[0] == []


def compare_alone(make, bank, transform, data):
    """Return what the engines draw differently with one transform, settings drawn, always on."""
    setting = data.draw(values(transform.Settings))
    if isinstance(setting, dict) and "probability" in setting:
        setting["probability"] = 1.0
    sections = {
        "glyph": {"overflow": data.draw(st.sampled_from(["fit", "clip"]))},
        "line": {"spacing": data.draw(st.sampled_from([[5, 10], [-9, 3]]))},
    }
    sections[transform.section][transform.name] = setting
    config = make(canvas={"height": data.draw(st.sampled_from([8, 28, 64]))}, **sections)
    return find_differences(config, bank, make_pool(bank), data.draw(some_numbers))[0]


@pytest.mark.parametrize("name", TRANSFORMS)
@settings(max_examples=15)
@given(data=st.data())
def test_engines_draw_each_transform_the_same(tiny_config, bank, name, data):
    """Each transform of the registry alone is the same, over all of its settings."""
    assert compare_alone(tiny_config, bank, TRANSFORMS[name], data) == []


@pytest.mark.parametrize("toy", TOYS)
@settings(max_examples=15)
@given(data=st.data())
def test_engines_draw_what_has_no_loops(tiny_config, bank, toy, data):
    """A transform without compiled loops is drawn by its definition."""
    with TRANSFORMS.adding(toy):
        assert compare_alone(tiny_config, bank, toy, data) == []


@pytest.mark.slow
@settings(max_examples=40)
@given(data=st.data())
def test_engines_draw_toys_among_others(tiny_config, bank, data):
    """Transforms of another package, with all others, are drawn the same."""
    with TRANSFORMS.adding(*TOYS):
        config = tiny_config(**data.draw(trees()))
        numbers = data.draw(some_numbers)
        assert find_differences(config, bank, make_pool(bank), numbers)[0] == []


@settings(max_examples=5)
@given(data=st.data())
def test_transform_of_one_engine_is_found(tiny_config, bank, data):
    """A transform whose compiled loops differ is told by every walk of the registry."""
    with TRANSFORMS.adding(OneEngine):
        assert compare_alone(tiny_config, bank, TRANSFORMS["one_engine"], data) == ["images"]


def test_transform_of_one_engine_is_found_among_others(tiny_config, bank):
    """Random configs over the whole registry tell it as well."""
    different = []
    with TRANSFORMS.adding(OneEngine):

        @settings(max_examples=30, database=None)
        @given(tree=trees())
        def compare(tree):
            config = tiny_config(**tree)
            different.extend(find_differences(config, bank, make_pool(bank), ["42"])[0])

        compare()
    assert set(different) == {"images"}


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_engines_draw_the_same_in_bulk(bank, seed):
    """Batches of many glyphs of random configs are the same."""
    source = np.random.default_rng(seed)
    sizes = []

    def compare(config):
        if len(sizes) == 6:
            return
        digits = "".join(map(str, source.integers(0, 10, 400)))
        cuts = np.cumsum([0, *source.integers(1, 13, 60)])
        numbers = [digits[start:stop] for start, stop in pairwise(cuts) if digits[start:stop]]
        different, n_glyphs = find_differences(config, bank, make_pool(bank), numbers)
        assert different == []
        sizes.append(n_glyphs)

    draw_configs(seed, compare)
    assert max(sizes) > 300


@pytest.mark.parametrize("size", [8, 20, 64])
def test_glyphs_of_any_size(tiny_config, size):
    """Banks of other sizes are drawn alike, enlarged or smoothed and reduced."""
    bank = draw_bank(size, 2)
    for height in (8, 32, 90):
        config = tiny_config(canvas={"height": height}, **ALL_TRANSFORMS | {"line": {}})
        assert find_differences(config, bank, make_pool(bank), ["0123", "456789"])[0] == []


def test_pepper_that_erases_a_digit(tiny_config):
    """A digit that pepper would erase is drawn without it by both engines."""
    images = np.zeros((10, 28, 28), np.uint8)
    images[:, 14, 14] = 200
    bank = draw_bank(28, 1)
    bank = type(bank)(
        images=images,
        digits=np.arange(10, dtype=np.uint8),
        parts=bank.parts,
        ink=np.tile(np.array([14, 14, 15, 15], np.int16), (10, 1)),
        digest="",
    )
    config = tiny_config(glyph={"pepper": {"pixels": [1, 1]}})
    assert find_differences(config, bank, make_pool(bank), ["12345"])[0] == []
    recipes = draw_recipes(config, make_pool(bank), "train", ["7"], np.arange(1), "numba")
    assert recipes.drawn["pepper"].tolist() == [1]
    assert render_batch(recipes, bank, config, "numba").recipes.drawn["pepper"].tolist() == [0]


def test_read_only_bank(tiny_config, bank):
    """The memory-mapped glyphs of a cache are drawn as they are."""
    frozen = bank.images.copy()
    frozen.flags.writeable = False
    config = tiny_config()
    recipes = draw_recipes(config, make_pool(bank), "train", ["42"], np.arange(1), "numba")
    first, second = (
        render_batch(recipes, replace(bank, images=images), config, "numba")
        for images in (bank.images, frozen)
    )
    assert np.array_equal(first.images, second.images)


# -- shards ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("image", ["png", "jpeg"])
@pytest.mark.parametrize("container", CONTAINERS)
def test_shards_are_the_same(tiny_config, container, image):
    """Files, rows and digests of a shard do not tell which engine made it."""
    config = tiny_config(output={"container": container, "image": image}, **ALL_TRANSFORMS)
    shard = open_sampler(config).plan.splits["train"].shard(1)
    packed = [pack_shard(open_sampler(config, engine), shard) for engine in ("skimage", "numba")]
    assert packed[0] == packed[1]


# -- choice ---------------------------------------------------------------------------------------


def test_numba_is_the_default():
    """Where numba is installed it is used."""
    assert choose_engine() == "numba"
    assert choose_engine("skimage") == "skimage"
    with pytest.raises(ConfigError, match=r"--engine: expected one of skimage, numba, got 'cuda'"):
        choose_engine("cuda")


WITHOUT_NUMBA = """
import sys
sys.modules["numba"] = None
from digit_sequence.cli.program import main
main()
"""


def _run_without_numba(*arguments):
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_NUMBA, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ,
        check=False,
    )


def test_without_numba(built, tiny_config, tmp_path):
    """Where numba cannot be imported, scikit-image builds the dataset that is built with it."""
    config = tmp_path / "tiny.json"
    config.write_text(tiny_config(**ALL_TRANSFORMS).model_dump_json(exclude={"output": {"uri"}}))
    out = tmp_path / "out"
    done = _run_without_numba("build", config, "-o", out, "--scheduler", "synchronous")
    assert done.returncode == 0, done.stderr
    assert choose_engine() == "numba"
    digests = [json.loads((it / "dataset.json").read_bytes())["digest"] for it in (out, built())]
    assert digests[0] == digests[1]


def test_asking_for_numba_without_it(tiny_config, tmp_path):
    """Asking for numba where there is none says how to get it."""
    config = tmp_path / "tiny.json"
    config.write_text(tiny_config().model_dump_json(exclude={"output": {"uri"}}))
    done = _run_without_numba("build", config, "-o", tmp_path / "out", "--engine", "numba")
    assert done.returncode == 2
    assert how_to_install("fast") in done.stderr
    assert "or use --engine skimage" in done.stderr
    assert not Path(tmp_path, "out").exists()


def test_compiled_without_a_folder_to_keep_it(tmp_path):
    """Kernels are compiled, and not kept, where nothing can be written."""
    script = (
        "import numba.core.caching as c\n"
        "c.CacheImpl._locator_classes = []\n"
        "import numba\n"
        "from digit_sequence.base.compiled import kernel\n"
        "double = kernel(numba.int64, returns=numba.int64)(lambda x: 2 * x)\n"
        "print(double(21))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.stdout == "42\n", done.stderr


@pytest.mark.slow
def test_config_of_every_range():
    """Random configs of the comparison of the engines are valid, and use every transform.

    One round may miss a transform: Hypothesis draws other configs where other modules are loaded.
    """
    configs: list[Any] = []
    for seed in range(5):
        draw_configs(seed, configs.append)
    assert len({config.model_dump_json() for config in configs}) > 250
    used = {transform.name for config in configs for transform in config.transforms}
    assert used == {*TRANSFORMS}
    assert all(
        parse_config(config.model_dump(mode="json"), "again") == config for config in configs
    )
