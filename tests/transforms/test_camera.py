"""Low resolution, speckle, JPEG, threshold, and the other side of the paper."""

from __future__ import annotations

import numpy as np
import pytest

from digit_sequence.codec.encoding import decode_image, encode_image
from digit_sequence.transforms.page.jpeg import Jpeg
from digit_sequence.transforms.page.low_resolution import UNIT, LowResolution, weigh
from digit_sequence.transforms.page.show_through import ShowThrough
from digit_sequence.transforms.page.speckle import Speckle
from digit_sequence.transforms.page.threshold import Threshold
from rendering import make_identities, make_pages

STREAM = make_identities("1").stream("camera")


@pytest.mark.parametrize("size", [8, 28, 200])
@pytest.mark.parametrize("factor", [1.0, 1.3, 2.0, 3.5])
def test_resampling_loses_no_light(size: int, factor: float) -> None:
    """Each pixel takes `UNIT` in all, about its own place; a factor of 1 changes nothing."""
    first, weights = weigh(size, factor)
    assert (weights.sum(axis=1) == UNIT).all()
    assert (weights >= 0).all()
    assert (first >= 0).all()
    assert (first + weights.shape[1] <= size).all()
    centres = ((first[:, None] + np.arange(weights.shape[1])) * weights).sum(axis=1) / UNIT
    inner = slice(int(factor) + 1, size - int(factor) - 1)
    assert centres[inner] == pytest.approx(np.arange(size)[inner], abs=factor / 2)
    if factor == 1:
        assert (weights.max(axis=1) == UNIT).all()


def test_half_the_resolution_by_hand() -> None:
    """Two pixels become one, and those between two of these are mixed of them."""
    pages = make_pages(np.repeat(np.array([[[0, 80, 160, 240]]], np.uint8), 8, axis=1))
    drawn = {"low_resolution": np.array([2.0])}
    LowResolution(LowResolution.Settings(factor=(2, 2))).apply(pages, drawn, STREAM)
    assert pages.pixels[0, 0].tolist() == [40, 80, 160, 200]


def test_speckle_grows_with_the_level() -> None:
    """Its deviation is the drawn share of each level; black stays black."""
    images = np.zeros((1, 30, 1000), np.uint8)
    images[0, 10:20], images[0, 20:] = 60, 120
    pages = make_pages(images)
    Speckle(Speckle.Settings(sigma=(0.1, 0.1))).apply(pages, {"speckle": np.array([0.1])}, STREAM)
    parts = pages.pixels[0].reshape(3, -1)
    assert parts.std(axis=1) == pytest.approx([0, 6, 12], rel=0.03)
    assert parts.mean(axis=1) == pytest.approx([0, 60, 120], abs=0.5)


def test_jpeg_is_what_the_codec_makes() -> None:
    """A page becomes what its file of that quality shows."""
    image = np.random.default_rng(0).integers(0, 256, (28, 90), np.uint8)
    pages = make_pages(np.stack([image, image]))
    Jpeg(Jpeg.Settings(quality=(20, 20))).apply(pages, {"jpeg": np.array([20, 0])}, STREAM)
    assert (pages.pixels[0] == decode_image(encode_image(image, "jpeg", 20))).all()
    assert (pages.pixels[1] == image).all()


def test_threshold_lies_between_dark_and_bright() -> None:
    """White begins at a share of the way from dark to bright, whatever a few specks are."""
    levels = np.repeat([60, 100, 140, 180], 100).astype(np.uint8)
    levels[[0, -1]] = 0, 255
    drawn = {"threshold": np.array([0.5]), "threshold_dither": np.array([0.0])}
    pages = make_pages(levels.reshape(1, 20, 20).copy())
    threshold = Threshold(Threshold.Settings(level=(0.5, 0.5)))
    threshold.apply(pages, drawn, STREAM)
    assert (pages.pixels.reshape(-1) == np.where(levels > 120, 255, 0)).all()
    pages = make_pages(np.tile(np.linspace(0, 255, 400).astype(np.uint8), (1, 40, 1)))
    threshold.apply(pages, drawn | {"threshold_dither": np.array([1.0])}, STREAM)
    shares = pages.pixels[0].reshape(40, 10, 40).mean(axis=(0, 2))
    assert (np.diff(shares) > 0).all()  # grey by many small dots


def test_other_side_is_mirrored() -> None:
    """Ink shows on the other side, faint, moved, and as far from the right as it was from left."""
    images = np.zeros((1, 20, 40), np.uint8)
    images[0, 4:7, 2:5] = 255
    pages = make_pages(images)
    drawn = {
        "show_through": np.array([0.5]),
        "show_through_row": np.array([0.25]),
        "show_through_column": np.array([-0.1]),
    }
    ShowThrough(ShowThrough.Settings(strength=(0.5, 0.5))).apply(pages, drawn, STREAM)
    page = pages.pixels[0]
    assert (page[4:7, 2:5] == 255).all()
    assert page[10, 36 - 4] == pytest.approx(127, abs=1)
    ghost = page[:, 8:].astype(float)
    assert ghost.sum(axis=1) @ np.arange(20) / ghost.sum() == pytest.approx(10, abs=0.05)
