"""The gallery: each transform has a picture, which shows what its settings change."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from builds import ROOT
from digit_sequence.look.gallery import (
    JOBS,
    STEPS,
    draw_job,
    draw_kind,
    draw_looks,
    draw_transform,
    list_shown,
    list_tiles,
)
from digit_sequence.numbers.registry import NUMBER_KINDS
from digit_sequence.transforms.registry import TRANSFORMS

FOLDER = ROOT / "configs/gallery"
SHOWN = {it.name: it for it in list_shown()}


@pytest.fixture(autouse=True)
def _cache(shared_cache, monkeypatch):
    """Read the digits once."""
    monkeypatch.setenv("DIGIT_SEQUENCE_CACHE", str(shared_cache))


def test_pictures_are_those_of_the_registry():
    """Each transform and each kind of numbers has its picture, and no other picture is there."""
    assert set(SHOWN) == set(TRANSFORMS)
    names = {f"{transform.section}.{transform.name}.png" for transform in SHOWN.values()}
    names |= {f"numbers.{name}.png" for name in NUMBER_KINDS}
    assert {path.name for path in FOLDER.glob("*.png") if "." in path.stem} == names


@pytest.mark.parametrize("name", SHOWN)
def test_a_row_runs_through_its_range(name):
    """The ends of each range draw different images, and the titles say the values in order.

    Kinds differ from one another.
    """
    for heading, tiles in list_tiles(SHOWN[name]).items():
        assert heading.startswith(f"{SHOWN[name].section}.{name}")
        if heading.endswith(": kinds"):
            assert [tile.title for tile in tiles] == list(SHOWN[name].kinds)
            assert len({tile.image.tobytes() for tile in tiles}) == len(tiles)
        else:
            assert len(tiles) == STEPS
            assert (tiles[0].image != tiles[-1].image).any(), heading
            values = [float(tile.title) for tile in tiles]
            assert values == sorted(values)


def test_picture_of_looks_is_as_drawn():
    """`make gallery` would not change the picture of the looks."""
    drawn = Image.open(io.BytesIO(draw_looks()))
    assert np.array_equal(Image.open(FOLDER / "looks.png"), drawn)


@pytest.mark.parametrize("name", NUMBER_KINDS)
def test_pictures_of_kinds_are_as_drawn(name):
    """`make gallery` would not change the picture of a kind of numbers."""
    drawn = Image.open(io.BytesIO(draw_kind(NUMBER_KINDS[name])))
    assert np.array_equal(Image.open(FOLDER / f"numbers.{name}.png"), drawn)


@pytest.mark.slow
@pytest.mark.parametrize("name", JOBS)
def test_pictures_of_jobs_are_as_drawn(name):
    """`make gallery` would not change the picture of the config of a job."""
    drawn = Image.open(io.BytesIO(draw_job(ROOT / f"configs/{name}.yaml")))
    assert np.array_equal(Image.open(FOLDER / f"{name}.png"), drawn)


@pytest.mark.slow
@pytest.mark.parametrize("name", SHOWN)
def test_pictures_are_as_drawn(name):
    """`make gallery` would change no picture."""
    path = FOLDER / f"{SHOWN[name].section}.{name}.png"
    drawn = Image.open(io.BytesIO(draw_transform(SHOWN[name])))
    assert np.array_equal(Image.open(path), drawn)
