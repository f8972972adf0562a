"""Images to bytes and back."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from digit_sequence.codec.encoding import EXTENSIONS, decode_image, encode_image
from digit_sequence.config.output import Output

PNG = Output(image="png")
images = hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40)))


def make_picture(height=28, width=160):
    """Return a picture with edges and slopes, as digits have."""
    rows, columns = np.mgrid[:height, :width]
    return ((rows * 7 + columns * 3) % 256 * (columns // 8 % 2)).astype(np.uint8)


@given(images)
def test_png_is_exact(image):
    """PNG gives back every pixel of any image, in uint8 of shape (H, W)."""
    decoded = decode_image(encode_image(image, "png"))
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, image)


@given(images)
def test_jpeg_keeps_shape(image):
    """JPEG gives back a grey uint8 image of the same size, whatever it shows."""
    decoded = decode_image(encode_image(image, "jpeg"))
    assert (decoded.dtype, decoded.shape) == (np.uint8, image.shape)


@pytest.mark.parametrize(("name", "pillow_name"), [("png", "PNG"), ("jpeg", "JPEG")])
def test_file_is_grey_and_of_its_format(name, pillow_name):
    """The bytes are one plane of 8 bits, of the format asked for, and nothing of the machine."""
    encoded = encode_image(make_picture(), name)
    with Image.open(io.BytesIO(encoded)) as image:
        assert (image.format, image.mode, image.size) == (pillow_name, "L", (160, 28))
        assert not image.getexif()
    assert encoded == encode_image(make_picture(), name)


def test_jpeg_quality():
    """A higher quality costs bytes and comes closer to the picture."""
    picture = make_picture()
    sizes, errors = [], []
    for quality in (10, 50, 95, 100):
        encoded = encode_image(picture, "jpeg", quality)
        sizes.append(len(encoded))
        errors.append(np.abs(decode_image(encoded).astype(int) - picture).mean())
    assert sizes == sorted(set(sizes))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1 < errors[0]


def test_png_ignores_quality():
    """JPEG quality changes no byte of a PNG."""
    picture = make_picture()
    assert encode_image(picture, "png", 10) == encode_image(picture, "png")


def test_every_format_has_an_extension():
    """Each image format of the config has its usual file extension."""
    assert EXTENSIONS == {"png": ".png", "jpeg": ".jpg"}
