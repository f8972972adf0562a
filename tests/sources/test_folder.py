"""Folders of image files, of any format and size."""

from __future__ import annotations

import io
import os
import re
import subprocess
import tracemalloc

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

from conftest import find_extent
from digit_sequence.base.characters import CHARACTERS
from digit_sequence.base.errors import SourceError, SourceWarning
from digit_sequence.sources.bank_cache import load_bank
from digit_sequence.sources.folder import FolderSettings
from digit_sequence.sources.registry import open_source, read_source


@pytest.fixture
def folder(tmp_path):
    """Return a function that writes an image into a digit's folder."""

    def write(name, image):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
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
    (tmp_path / "7/._a.png").write_bytes(b"\0")
    glyphs = read_folder(tmp_path)
    assert glyphs.digits.tolist() == [0, 7, 7, 7]
    assert bytes(glyphs.images[:, 0, 0]) == b"zBab"
    assert not glyphs.parts.any()


def test_folders_of_signs(tmp_path, folder):
    """Signs have folders called by themselves or by their code; they keep their place."""
    dot = np.zeros((28, 28), np.uint8)
    dot[22:25, 12:15] = 255
    for name in ("7/a.png", "1/a.png", "U+002E/a.png", "-/b.png", "U+002D/a.png", "U+20AC/x.png"):
        folder(name, dot if name[0] == "U" else PICTURE)
    folder("U+0061/a.png", PICTURE)  # of no character of numbers
    glyphs = read_folder(tmp_path)
    assert [CHARACTERS[code] for code in glyphs.digits] == ["1", "7", ".", "-", "-", "€"]
    assert (glyphs.images[2] == dot).all()


@pytest.mark.parametrize("name", ["U+2C", "U+002c", "u+002C", "U+0002C"])
def test_misspelled_codes_are_refused(tmp_path, folder, name):
    """A folder whose code is spelled otherwise is told of, not ignored."""
    folder("7/a.png", PICTURE)
    folder(f"{name}/a.png", PICTURE)
    with pytest.raises(SourceError, match=r"folder of , to be named U\+002C, got .*source\.path"):
        read_folder(tmp_path)


def test_signs_that_fill_their_pictures_are_told(tmp_path, folder):
    """A comma as high as a digit does not stand as beside one."""
    digit = np.zeros((28, 28), np.uint8)
    digit[4:24, 10:18] = 255
    for name in "0123456789,":
        folder(f"{name}/a.png", digit)
    (doubt,) = [it for it in read_folder(tmp_path).doubts if "signs" in it]
    assert doubt.startswith("the signs , are more than half as high as digits")


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


JUNK = ("Thumbs.db", "desktop.ini", "labels.csv", ".DS_Store", "b.eps", "c.psd", "d.pdf")


def test_what_is_no_image_is_ignored_and_counted(tmp_path, folder):
    """Files of systems and tables beside images are passed over; a note says how many."""
    folder("2/a.png", PICTURE)
    assert open_source(FolderSettings(name="folder", path=str(tmp_path))).list_notes() == []
    for name in JUNK:
        (tmp_path / "2" / name).write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n")
    for name in ("__MACOSX", "2/__MACOSX", "2/.cache"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "._a.png").write_bytes(b"\0")
    assert len(read_folder(tmp_path).digits) == 1
    (note,) = open_source(FolderSettings(name="folder", path=str(tmp_path))).list_notes()
    assert note.startswith("ignored 9 files, hidden or not images (PNG, JPEG, BMP, TIFF, WEBP, GIF")
    with pytest.warns(SourceWarning) as caught:
        load_bank(FolderSettings(name="folder", path=str(tmp_path)))
    assert any("source folder: ignored 9 files" in str(warning.message) for warning in caught)


def test_folders_of_no_character_are_told(tmp_path, folder):
    """Folders and images that no character has are passed over; a note names some. Test is none."""
    folder("2/a.png", PICTURE)
    folder("test/2/a.png", PICTURE)
    for name in ("AB/a.png", "b/a.png", "c.png"):
        folder(name, PICTURE)
    (tmp_path / "writers.csv").write_text("")
    settings = FolderSettings(name="folder", path=str(tmp_path), test_path=str(tmp_path / "test"))
    (note,) = open_source(settings).list_notes()
    assert note == (
        "ignored 3 beside the folders of digits, signs and capital letters: 'AB', 'b', 'c.png'"
    )


def test_only_what_is_no_image(tmp_path):
    """A folder without an image that is read says what it has instead."""
    (tmp_path / "2").mkdir()
    (tmp_path / "2/a.heic").write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(SourceError, match=r"got none; see source.path; ignored 1 file.*'a.heic'"):
        read_folder(tmp_path)


def test_image_of_any_name(tmp_path, folder):
    """A file is an image by what it holds, if its name does not say."""
    path = folder("2/a.png", PICTURE)
    path.rename(tmp_path / "2/img001")
    np.testing.assert_array_equal(read_folder(tmp_path).images[0], PICTURE)


@pytest.mark.parametrize(
    "content",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 28 28\n",
        b"%PDF-1.4\n",
        b"8BPS\0\1",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\x00\x00\x01\x00\x01\x00",  # ICO
    ],
)
def test_no_program_is_started(tmp_path, monkeypatch, content):
    """A file that claims to be an image, and is for another program, is refused by its format."""
    (tmp_path / "3").mkdir()
    (tmp_path / "3/b.png").write_bytes(content)
    monkeypatch.setattr(subprocess, "Popen", None)
    monkeypatch.setattr(os, "system", None)
    with pytest.raises(SourceError, match=r"b\.png: expected an image file, got: none of PNG"):
        read_folder(tmp_path)


def test_size_is_bounded_before_decoding(tmp_path):
    """A file of some bytes that declares a gigabyte of pixels is refused by its header."""
    (tmp_path / "3").mkdir()
    for name, header in (("a.pgm", b"P5 30000 30000 255\n"), ("b.pgm", b"P5 4097 4096 255\n")):
        path = tmp_path / "3" / name
        path.write_bytes(header + b"\0")
        tracemalloc.start()
        try:
            with pytest.raises(SourceError, match=r"pgm: expected an image file, got: .*pixels"):
                read_folder(tmp_path)
            assert tracemalloc.get_traced_memory()[1] < 3_000_000
        finally:
            tracemalloc.stop()
        path.unlink()


# -- what lossy files and photographs hold -----------------------------------------------------


def measure_ink(images):
    """Return top, left, bottom, right of the ink of each image."""
    return np.array([find_extent(image > 0) for image in images])


def save_bank(tmp_path, bank, change=lambda image: image, extension="png", **options):
    """Save the glyphs of a bank as image files, in its order of digits."""
    order = np.argsort(bank.digits, kind="stable")
    for row in order:
        path = tmp_path / str(bank.digits[row]) / f"{row:04}.{extension}"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(change(bank.images[row])).save(path, **options)
    return bank.images[order]


@pytest.mark.parametrize(
    ("extension", "options"),
    [("jpg", {"quality": 95}), ("jpg", {"quality": 75}), ("webp", {"quality": 90})],
)
@pytest.mark.parametrize("ink", ["bright", "dark"])
def test_losses_are_no_ink(tmp_path, bank, extension, options, ink):
    """The boxes of digits from files with losses are those of the digits, to a pixel."""
    turn = (lambda image: image) if ink == "bright" else (lambda image: 255 - image)
    images = save_bank(tmp_path, bank, turn, extension, **options)
    found = read_folder(tmp_path, ink=ink)
    off = np.abs(measure_ink(found.images) - measure_ink(images))
    assert off.mean() < 0.25
    assert np.median(off) == 0
    assert not found.doubts
    noisy = read_folder(tmp_path, ink=ink, ink_threshold=0).images
    assert np.abs(measure_ink(noisy) - measure_ink(images)).mean() > 0.5


def test_lossless_webp_is_as_it_is(tmp_path, bank):
    """Without losses the faintest ink is ink."""
    images = save_bank(tmp_path, bank, extension="webp", lossless=True)
    np.testing.assert_array_equal(read_folder(tmp_path).images, images)


def test_cropped_jpeg(tmp_path, folder):
    """A digit that is cropped to its ink keeps it: its frame is no ground."""
    folder("1/a.jpg", np.full((28, 6), 255, np.uint8))
    bar = np.zeros((28, 12), np.uint8)
    bar[:, :9] = 250
    folder("1/b.jpg", bar)
    full, part = read_folder(tmp_path).images
    assert (full > 250).sum() == 28 * 6
    assert abs(int((part > 200).sum()) - 28 * 9) <= 28


def photograph(image, seed=0):
    """Return a digit as dark ink on a grey tile of its own, with the noise of a camera."""
    random = np.random.default_rng([seed, int(image.sum())])
    tile = random.integers(120, 230)
    grey = tile - image * ((tile - 30) / 255) + random.normal(0, 3, image.shape)
    return np.rint(grey.clip(0, 255)).astype(np.uint8)


@pytest.mark.parametrize("quality", [60, 95])
def test_photographs_with_losses(tmp_path, bank, quality):
    """A grey tile in a file with losses is ground, whether the side of the ink is known or not."""
    images = save_bank(tmp_path, bank, photograph, "jpg", quality=quality)
    for ink in ("dark", "auto"):
        found = read_folder(tmp_path, ink=ink)
        assert not found.doubts
        off = np.abs(measure_ink(found.images) - measure_ink(images))
        assert off.mean() < 0.5
        assert np.median(off) == 0


def twelve_bits(image):
    """Return a digit of 12 bits in a file of 16."""
    return image.astype(np.uint16) * 16


def white(image):
    """Return a digit as dark ink on white."""
    return 255 - image


@pytest.mark.parametrize(
    ("change", "is_exact"),
    [(photograph, False), (twelve_bits, True), (white, True), (lambda image: image, True)],
    ids=["photograph", "12 bits", "white", "bright"],
)
def test_ink_is_found(tmp_path, bank, change, is_exact):
    """`ink: auto` turns grey photographs, 12 bits in 16 and any ground to bright ink on 0."""
    images = save_bank(tmp_path, bank, change)
    found = read_folder(tmp_path, ink="auto")
    assert not found.doubts
    off = np.abs(measure_ink(found.images) - measure_ink(images))
    assert off.mean() < (0.01 if is_exact else 0.3)
    assert np.abs(found.images.astype(int) - images).mean() < (1 if is_exact else 4)


@pytest.mark.parametrize(
    ("change", "keys", "doubt"),
    [
        (photograph, {}, "^100% of the digits have ink along .* set source.ink: auto.* bright$"),
        (photograph, {"ink": "dark"}, "^100% .* set source.ink: auto, .* now it is dark$"),
        (white, {}, "^100% .* 255 of 255 strong, .* set source.ink: auto, "),
        (lambda image: image, {"ink": "dark"}, "set source.ink: auto, .* now it is dark$"),
        (twelve_bits, {}, "the ink is faint, of 16 of 255.*source.ink, whose value auto"),
        (np.transpose, {}, "look transposed.*source.transpose: true would mend it"),
        (lambda image: image, {"transpose": True}, "source.transpose: false would mend it"),
        (np.rot90, {}, "the digits look turned counter-clockwise"),
        (lambda image: np.rot90(image, 3), {}, "the digits look turned clockwise"),
    ],
)
def test_doubts_name_the_key(tmp_path, bank, change, keys, doubt):
    """What looks wrong is told with the key that mends it; nothing else is."""
    save_bank(tmp_path, bank, change)
    (found,) = read_folder(tmp_path, **keys).doubts
    assert re.search(doubt, found)


def test_no_doubts(tmp_path, bank):
    """Of sound digits nothing is told."""
    save_bank(tmp_path, bank)
    assert not read_folder(tmp_path).doubts


def test_jpeg_in_png(tmp_path, bank):
    """Files without losses that were once JPEG are told of: their noise is not cleared unasked."""

    def damage(image):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=75)
        return np.array(Image.open(buffer))

    images = save_bank(tmp_path, bank, damage)
    (doubt,) = read_folder(tmp_path).doubts
    assert "once JPEG" in doubt
    assert "source.ink_threshold" in doubt
    mended = read_folder(tmp_path, ink_threshold=32)
    assert not mended.doubts
    assert np.abs(measure_ink(mended.images) - measure_ink(images)).mean() < 0.25
