"""JPEG: the compiled loops write the bytes of libjpeg-turbo."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from imagecodecs import jpeg8_encode
from PIL import Image

from digit_sequence.base.engines import choose_engine
from digit_sequence.codec.encoding import encode_image, encode_images
from digit_sequence.codec.jpeg_tables import ZIGZAG, read_tables

needs_numba = pytest.mark.skipif(choose_engine() != "numba", reason="needs numba")
NOISE = np.random.default_rng(0).integers(0, 256, (61, 203), np.uint8)
EDGES = np.where(NOISE > 127, 255, 0).astype(np.uint8)
DIGITS = np.zeros((28, 200), np.uint8)
DIGITS[3:25, 90:120] = NOISE[3:25, 90:120]
IMAGES = arrays(
    np.uint8,
    array_shapes(min_dims=2, max_dims=2, max_side=40),
    elements=st.one_of(st.integers(0, 255), st.sampled_from([0, 255])),
)


@needs_numba
@example(image=NOISE, quality=100)
@example(image=NOISE, quality=1)
@example(image=EDGES, quality=100)
@example(image=DIGITS, quality=95)
@example(image=255 - DIGITS, quality=95)
@given(image=IMAGES, quality=st.integers(1, 100))
def test_engines_write_the_same(image, quality):
    """Whatever an image shows, compiled loops give the very bytes of the library."""
    expected = encode_image(image, "jpeg", quality)
    assert encode_image(image, "jpeg", quality, "numba") == expected


@needs_numba
def test_every_quality():
    """So it is with the divisors of each quality, whatever the pixels: noise, edges, few levels."""
    for quality in range(1, 101):
        for image in (NOISE[:32, :80], EDGES[:19, :50], DIGITS):
            found = encode_image(image, "jpeg", quality, "numba")
            assert found == bytes(jpeg8_encode(image, level=quality)), quality


@needs_numba
@pytest.mark.parametrize("image_format", ["jpeg", "png"])
def test_many_images_of_several_widths(image_format):
    """What is right of an image's width is no part of it, and a part of many is as one alone."""
    images = np.random.default_rng(1).integers(0, 256, (300, 20, 70), np.uint8)
    images[::3] = 9
    widths = np.random.default_rng(2).integers(1, 71, len(images))
    expected = [
        encode_image(image[:, :width], image_format)
        for image, width in zip(images, widths.tolist(), strict=True)
    ]
    for engine in ("numba", "skimage"):
        assert encode_images(images, widths, image_format, engine=engine) == expected
        assert encode_images(images[:0], widths[:0], image_format, engine=engine) == []


@pytest.mark.parametrize("engine", ["skimage", pytest.param("numba", marks=needs_numba)])
def test_other_decoders_read_it(engine):
    """Pillow reads the pixels, one level off at most at the highest quality."""
    encoded = encode_image(DIGITS, "jpeg", 100, engine)
    with Image.open(io.BytesIO(encoded)) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "L", (200, 28))
        assert np.abs(np.asarray(image).astype(int) - DIGITS).max() <= 2


def test_tables_of_a_header():
    """By hand: T.81's divisors at quality 50, and its codes of levels and of an end of a block."""
    assert ZIGZAG[:8].tolist() == [0, 1, 8, 16, 9, 2, 3, 10]
    assert sorted(ZIGZAG) == list(range(64))
    tables = read_tables(50)
    assert (tables.divisors[:6] // 8).tolist() == [16, 11, 12, 14, 12, 10]
    # A difference of three bits has the code 100, and these bits; the end of a block is 1010.
    assert tables.levels[3] == 6 << 32 | 0b100_000
    assert tables.rest[0] == 4 << 32 | 0b1010
    assert tables.header[tables.size_at :][:4] == bytes([0, 8, 0, 8])
