"""What sources say of themselves, which the rest of the program asks."""

from __future__ import annotations

import numpy as np
import pytest

from digit_sequence.base.blocks import publish_block
from digit_sequence.base.errors import ConfigError, SourceError
from digit_sequence.sources.folder import FolderSettings
from digit_sequence.sources.idx import IdxSettings
from digit_sequence.sources.mnist import MnistSettings
from digit_sequence.sources.mnist_5k import Mnist5k, Mnist5kSettings
from digit_sequence.sources.registry import SOURCES, open_source, read_source
from digit_sequence.sources.source import RawGlyphs, SourceBlock

MNIST = MnistSettings(name="mnist", path="/a/mnist", mirrors=("http://m/",), val_fraction=0.2)
IDX = IdxSettings(name="idx", images="/a/images.gz", labels="/b/labels", test_fraction=0.3)
FOLDER = FolderSettings(name="folder", path="/a/hand/", size=30, ink="dark")
PUBLISHED_MNIST = {
    "name": "mnist",
    "ink_threshold": None,
    "split_by": "glyph",
    "exclude": [],
    "writers": False,
    "val_fraction": 0.2,
    "keep_doubtful": False,
}
MNIST_5K = Mnist5kSettings(name="mnist-5k")


def test_names_are_those_of_the_blocks():
    """A source is found by the name that its block has."""
    assert list(SOURCES) == [
        "mnist",
        "mnist-5k",
        "emnist",
        "qmnist",
        "idx",
        "folder",
        "npz",
        "csv",
        "parquet",
        "mix",
    ]
    for settings in (MNIST, MNIST_5K, IDX, FOLDER):
        source = open_source(settings)
        assert (source.name, source.settings) == (settings.name, settings)
        assert isinstance(settings, source.Settings)


def test_unknown_name():
    """A name that no source has is an error that lists those that have one."""
    with pytest.raises(ConfigError, match=r"source\.name: expected one of mnist, .* got 'emmist'"):
        open_source(SourceBlock(name="emmist"))


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_every_field_is_documented(source):
    """The reference of the config has a sentence for each field."""
    assert source.Settings.__doc__
    assert all(field.description for field in source.Settings.model_fields.values())


@pytest.mark.parametrize(
    ("settings", "published"),
    [
        (
            MNIST,
            {**PUBLISHED_MNIST, "path": "mnist"},
        ),
        (
            MNIST.model_copy(update={"path": None}),
            PUBLISHED_MNIST,
        ),
        (
            MNIST_5K,
            {
                "val_fraction": 0.1,
                "test_fraction": 0.1,
                "name": "mnist-5k",
                "ink_threshold": None,
                "split_by": "glyph",
                "exclude": [],
                "writers": False,
            },
        ),
        (
            IDX,
            {
                "transpose": False,
                "ink": "bright",
                "val_fraction": 0.1,
                "test_fraction": 0.3,
                "name": "idx",
                "ink_threshold": None,
                "split_by": "glyph",
                "exclude": [],
                "images": "images.gz",
                "labels": "labels",
            },
        ),
        (
            FOLDER,
            {
                "transpose": False,
                "ink": "dark",
                "val_fraction": 0.1,
                "test_fraction": 0.1,
                "name": "folder",
                "ink_threshold": None,
                "split_by": "glyph",
                "exclude": [],
                "size": 30,
                "path": "hand",
            },
        ),
    ],
)
def test_published_block(settings, published):
    """Of paths the last part is published, of mirrors nothing; the order is always the same."""
    assert list(publish_block(settings).items()) == list(published.items())


UNTOUCHED = {"ink_threshold": None, "writers": False}


@pytest.mark.parametrize(
    ("settings", "shares", "glyph_settings", "has_paths"),
    [
        (MNIST, {"val_fraction": 0.2}, UNTOUCHED, True),
        (MnistSettings(name="mnist"), {"val_fraction": 0.1}, UNTOUCHED, False),
        (MNIST_5K, {"val_fraction": 0.1, "test_fraction": 0.1}, UNTOUCHED, False),
        (
            IDX,
            {"val_fraction": 0.1, "test_fraction": 0.3},
            {"ink_threshold": None, "transpose": False, "ink": "bright"},
            True,
        ),
        (
            FOLDER,
            {"val_fraction": 0.1, "test_fraction": 0.1},
            {"ink_threshold": None, "transpose": False, "size": 30, "ink": "dark"},
            True,
        ),
    ],
)
def test_what_settings_are_for(settings, shares, glyph_settings, has_paths):
    """Fractions share glyphs out; what else is no path decides on the glyphs."""
    source = open_source(settings)
    assert source.shares == shares
    assert source.glyph_settings == glyph_settings
    assert source.has_paths == has_paths


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (MNIST, MnistSettings(name="mnist", val_fraction=0.2)),
        (MNIST_5K, MNIST_5K),
        (IDX, None),
        (FOLDER, None),
    ],
)
def test_without_paths(settings, expected):
    """MNIST can be had again from anywhere, of a dataset's mirrors none is asked."""
    assert open_source(settings).without_paths() == expected


@pytest.mark.parametrize(
    ("images", "digits", "message"),
    [
        (np.ones((2, 3, 3), np.float64), [1, 2], "images: got float64 of shape"),
        (np.ones((2, 3), np.uint8), [1, 2], "images: got uint8 of shape"),
        (np.ones((3, 3, 3), np.uint8), [1, 2], "images: got uint8 of shape"),
        (np.ones((2, 3, 3), np.uint8), [1, 51], "digits of 0 to 9"),
        (np.ones((0, 3, 3), np.uint8), [], "digits of 0 to 9"),
    ],
)
def test_glyphs_are_checked(monkeypatch, images, digits, message):
    """A source that reads something else than glyphs is an error that names it."""
    digits = np.array(digits, np.uint8)
    glyphs = RawGlyphs(images, digits, np.zeros_like(digits))
    monkeypatch.setattr(Mnist5k, "read", lambda *_: glyphs)
    with pytest.raises(SourceError, match=f"mnist-5k: .*{message}"):
        read_source(MNIST_5K)


def test_ink_threshold(monkeypatch):
    """Every source has a threshold: ink up to it is ground; a digit without more is an error."""
    images = np.array([[[9, 10, 11]], [[0, 200, 3]]], np.uint8)
    glyphs = RawGlyphs(images, np.array([1, 2], np.uint8), np.zeros(2, np.uint8))
    monkeypatch.setattr(Mnist5k, "read", lambda *_: glyphs)
    settings = MNIST_5K.model_copy(update={"ink_threshold": 10})
    assert read_source(settings).images.tolist() == [[[0, 0, 11]], [[0, 200, 0]]]
    with pytest.raises(SourceError, match=r"source\.ink_threshold: .* got 11 .* glyph 0, a 1"):
        read_source(MNIST_5K.model_copy(update={"ink_threshold": 11}))
