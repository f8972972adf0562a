"""Textures: pictures of the user's, which a config carries."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from digit_sequence.base.errors import ConfigError
from digit_sequence.config.loading import parse_config
from digit_sequence.config.model import Config
from digit_sequence.transforms.page.texture import Texture
from rendering import make_identities, make_pages

STREAM = make_identities("1").stream("texture")
Read = Callable[[], Config]


@pytest.fixture
def read(tmp_path: Path, tiny_source: dict[str, Any]) -> Read:
    """Return a function that reads a config with the textures of the folder paper/."""
    (tmp_path / "paper").mkdir()
    splits = {"train": {"numbers": {"values": ["7"]}, "samples": 1}}
    tree = {"source": tiny_source, "splits": splits, "line": {"texture": {"folder": "paper"}}}
    return lambda: parse_config(tree, "c.yaml", tmp_path)


def save(path: Path, pixels: Any) -> None:
    """Write a picture."""
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)


def test_pages_are_multiplied(read: Read, tmp_path: Path) -> None:
    """A page gets the light and shade of its part of a picture, whatever the mean of that is."""
    picture = np.full((40, 60), 100)
    picture[:, 30:] = 50
    save(tmp_path / "paper" / "a.png", picture)
    config = read()
    (texture,) = (it for it in config.transforms if it.name == "texture")
    assert isinstance(texture, Texture)
    drawn = {"texture": np.array([1.0, 0.5, 0.0])} | {
        f"texture_{name}": np.zeros(3) for name in ("row", "column", "picture")
    }
    pages = make_pages(np.full((3, 28, 70), 150, np.uint8))
    texture.apply(pages, drawn, STREAM)
    assert pages.pixels[0, 5, [0, 29, 30, 69]].tolist() == [200, 200, 100, 100]
    assert pages.pixels[1, 5, [0, 30]].tolist() == [175, 125]
    assert (pages.pixels[2] == 150).all()


def test_config_carries_its_textures(read: Read, tmp_path: Path) -> None:
    """A config that was read is whole without the folder, and another picture is another one."""
    save(tmp_path / "paper" / "a.png", np.full((40, 60), 100))
    first = read()
    assert parse_config(first.model_dump(mode="json"), "again") == first
    save(tmp_path / "paper" / "a.png", np.full((40, 60), 101))
    assert read() != first


def test_textures_of_any_kind(read: Read, tmp_path: Path) -> None:
    """Of 16 bits, in colour or with transparent parts, a picture is the paper that one sees."""
    grey = (100 + np.arange(40 * 60) % 97).astype(np.uint8).reshape(40, 60)
    grey[5, 5] = 255
    path = tmp_path / "paper" / "a.png"
    save(path, grey)
    expected = read()
    clear = np.dstack([grey] * 3 + [np.full_like(grey, 255)])
    clear[5, 5] = 0
    for image in (grey.astype(np.uint16) * 257, np.dstack([grey] * 3), clear):
        Image.fromarray(image).save(path)
        assert read() == expected


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (
            None,
            r"expected 1 to 16 pictures, files that end in .png, .jpg, .*\.webp, got 0",
        ),
        (np.full((31, 60), 9), "expected 32 rows and columns at least, got 31 x 60"),
        (np.zeros((40, 40)), "expected paper, got a black picture"),
        (b"GIF89a", "a.png: expected a picture, one of PNG, JPEG, BMP, TIFF, WEBP"),
    ],
)
def test_bad_folders_are_told(read: Read, tmp_path: Path, pixels: Any, message: str) -> None:
    """A folder without pictures, and one that is tiny, black or no picture, are told of."""
    if isinstance(pixels, bytes):
        (tmp_path / "paper" / "a.png").write_bytes(pixels)
    elif pixels is not None:
        save(tmp_path / "paper" / "a.png", pixels)
    with pytest.raises(ConfigError, match=rf"c\.yaml: line\.texture\.folder: .*{message}"):
        read()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_are_not_waited_for(read: Read, tmp_path: Path) -> None:
    """What is named like a picture and is no file is told of, not read."""
    os.mkfifo(tmp_path / "paper" / "a.png")
    with pytest.raises(ConfigError, match=r"a\.png: expected a file"):
        read()


def test_too_many_pictures(read: Read, tmp_path: Path) -> None:
    """A dataset carries 16 pictures at most."""
    for index in range(17):
        save(tmp_path / "paper" / f"{index}.png", np.full((40, 40), 100))
    with pytest.raises(
        ConfigError, match=r"expected 1 to 16 pictures, files that end in .*, got 17"
    ):
        read()
