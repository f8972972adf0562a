"""Folders of image files, of any format and size."""

from __future__ import annotations

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

from digit_sequence.base.errors import SourceError
from digit_sequence.sources.folder import FolderSettings
from digit_sequence.sources.registry import read_source


@pytest.fixture
def folder(tmp_path):
    """Return a function that writes an image into a digit's folder."""

    def write(name, image):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        iio.imwrite(path, image, plugin="pillow")
        return path

    return write


def read_folder(tmp_path, **keys):
    """Read the folder of a test."""
    return read_source(FolderSettings(name="folder", path=str(tmp_path), **keys))


PICTURE = np.random.default_rng(3).integers(0, 256, (28, 28), np.uint8)


def test_folder_order_and_digits(tmp_path, folder):
    """Glyphs go by digit and then by name; hidden files and other folders are no glyphs."""
    for name in ("7/b.png", "7/a.png", "7/B.png", "0/z.png", "10/a.png"):
        folder(name, np.full((28, 28), ord(name[-5]), np.uint8))
    (tmp_path / "7/.DS_Store").write_bytes(b"\0")
    glyphs = read_folder(tmp_path)
    assert glyphs.digits.tolist() == [0, 7, 7, 7]
    assert bytes(glyphs.images[:, 0, 0]) == b"zBab"
    assert not glyphs.parts.any()


RGB = np.repeat(PICTURE[..., None], 3, axis=2)
OPAQUE = np.full((28, 28, 1), 255, np.uint8)
FORMATS = {
    "grey": ("png", PICTURE),
    "bmp": ("bmp", PICTURE),
    "16-bit png": ("png", PICTURE * np.uint16(257)),
    "16-bit tiff": ("tif", PICTURE * np.uint16(257)),
    "16-bit big-endian tiff": ("tif", (PICTURE * np.uint16(257)).astype(">u2")),
    "rgb": ("png", RGB),
    "rgba": ("png", np.concatenate([RGB, OPAQUE], axis=2)),
    "grey and alpha": ("png", np.concatenate([PICTURE[..., None], OPAQUE], axis=2)),
    "gif": ("gif", PICTURE),
}


@pytest.mark.parametrize(("extension", "image"), FORMATS.values(), ids=FORMATS)
def test_image_of_the_right_size_passes_through(tmp_path, folder, extension, image):
    """An image of 28 x 28 keeps its pixels, whatever its format."""
    folder(f"3/a.{extension}", image)
    np.testing.assert_array_equal(read_folder(tmp_path).images[0], PICTURE)


def test_16_bit_pgm(tmp_path):
    """A file that is decoded to 32-bit integers counts as the 16 bits that it has."""
    (tmp_path / "1").mkdir()
    pixels = (PICTURE * np.uint16(257)).astype(">u2").tobytes()
    (tmp_path / "1/a.pgm").write_bytes(b"P5 28 28 65535\n" + pixels)
    np.testing.assert_array_equal(read_folder(tmp_path).images[0], PICTURE)


def test_bilevel_image(tmp_path, folder):
    """One bit is 0 or 255."""
    folder("1/a.png", PICTURE > 99)
    np.testing.assert_array_equal(read_folder(tmp_path).images[0], (PICTURE > 99) * 255)


def test_dark_ink_is_inverted(tmp_path, folder):
    """`ink: dark` turns 255 into 0 and 0 into 255."""
    folder("3/a.png", 255 - PICTURE)
    np.testing.assert_array_equal(read_folder(tmp_path, ink="dark").images[0], PICTURE)


@pytest.mark.parametrize(("ink", "shade"), [("bright", 255), ("dark", 0)])
def test_transparent_is_ground(tmp_path, folder, ink, shade):
    """Where nothing is drawn is 0 on any ground; half opaque is half the ink."""
    image = np.full((28, 28, 4), shade, np.uint8)
    image[..., 3] = np.where(PICTURE > 99, 102, 0)
    folder("3/a.png", image)
    image = read_folder(tmp_path, ink=ink).images[0]
    np.testing.assert_array_equal(image, np.where(PICTURE > 99, 102, 0))


@pytest.mark.parametrize("name", ["a.png", "a.gif"])
def test_transparent_palette(tmp_path, name):
    """The transparency of a palette is honoured: black ink on nothing."""
    (tmp_path / "4").mkdir()
    image = Image.fromarray((PICTURE > 99).astype(np.uint8), mode="P")
    image.putpalette([200, 10, 10, 0, 0, 0])
    image.save(tmp_path / "4" / name, transparency=0)
    glyph = read_folder(tmp_path, ink="dark").images[0]
    np.testing.assert_array_equal(glyph, (PICTURE > 99) * 255)


def test_cmyk_is_no_alpha(tmp_path):
    """The fourth plane of CMYK is black ink."""
    (tmp_path / "4").mkdir()
    Image.new("CMYK", (28, 28), (0, 0, 0, 255)).save(tmp_path / "4/a.tif")
    assert read_folder(tmp_path, ink="dark").images.min() == 255


SHAPES = {
    # shape of the image: half-open box of its ink at 28 x 28
    (56, 28): (0, 7, 28, 21),
    (28, 56): (7, 0, 21, 28),
    (28, 20): (0, 4, 28, 24),
    (7, 14): (7, 0, 21, 28),
    (5, 2): (0, 8, 28, 19),
    (1, 1000): (13, 0, 14, 28),
    (300, 300): (0, 0, 28, 28),
}


@pytest.mark.parametrize(("shape", "box"), SHAPES.items(), ids=map(str, SHAPES))
def test_any_size_is_fitted_and_centred(tmp_path, folder, shape, box):
    """A full image keeps its aspect and its brightness, and is centred on 0."""
    folder("8/a.png", np.full(shape, 200, np.uint8))
    expected = np.zeros((28, 28))
    expected[box[0] : box[2], box[1] : box[3]] = 200
    np.testing.assert_array_equal(read_folder(tmp_path).images[0], expected)


def test_shrinking_is_antialiased(tmp_path, folder):
    """Lines of one pixel come out grey instead of being hit or missed."""
    image = np.zeros((112, 112), np.uint8)
    image[:, ::4] = 255
    folder("1/a.png", image)
    glyph = read_folder(tmp_path).images[0]
    assert 32 < glyph.min() <= glyph.max() < 96


def test_size_of_folder(tmp_path, folder):
    """`size` is the side of the glyphs."""
    folder("1/a.png", PICTURE)
    assert read_folder(tmp_path, size=40).images.shape == (1, 40, 40)


def test_blank_image(tmp_path, folder):
    """An image without ink is an error that names it and the key."""
    folder("2/a.png", PICTURE)
    path = folder("2/b.png", np.zeros((28, 28), np.uint8))
    with pytest.raises(SourceError, match=rf"{path}: expected bright ink.*source\.ink"):
        read_folder(tmp_path)


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n", None])
def test_unreadable_image(tmp_path, folder, content):
    """A file that is no image, or half of one, is an error that names it."""
    path = folder("2/a.png", PICTURE)
    path.write_bytes(path.read_bytes()[:300] if content is None else content)
    with pytest.raises(SourceError, match=rf"{path}: expected an image file, got"):
        read_folder(tmp_path)


def test_float_image(tmp_path):
    """Pixels without a known white are an error, not a guess."""
    (tmp_path / "2").mkdir()
    Image.fromarray(PICTURE.astype(np.float32)).save(tmp_path / "2/a.tif")
    with pytest.raises(SourceError, match="1, 8 or 16 bits expected, but they are float32"):
        read_folder(tmp_path)


def test_folder_in_a_digit_folder(tmp_path, folder):
    """Nothing is skipped silently: a folder where an image should be is an error."""
    folder("2/a.png", PICTURE)
    (tmp_path / "2/more").mkdir()
    with pytest.raises(SourceError, match="more: expected an image file"):
        read_folder(tmp_path)


@pytest.mark.parametrize("names", [(), ("3",), ("zero", "10")])
def test_folder_without_digits(tmp_path, names):
    """No image in any digit's folder is an error that names the folder and the key."""
    for name in names:
        (tmp_path / name).mkdir()
    with pytest.raises(SourceError, match=rf"{tmp_path}: .*folders named 0 to 9.*source\.path"):
        read_folder(tmp_path)
