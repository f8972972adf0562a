"""Decoding: the short way gives what Pillow gives, and leaves to it what it is not made for."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import zlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from digit_sequence.codec.decoding import (
    MAX_PIXELS,
    decode_image,
    decode_picture,
    decode_plain,
)

IMAGES = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=40))
GREY, GREY_16_BIT = (8, 0, 0, 0, 0), (16, 0, 0, 0, 0)
RGB, INTERLACED = (8, 2, 0, 0, 0), (8, 0, 0, 0, 1)
"""Bit depth, colour type, compression, filter method, interlace."""


def make_chunk(name, content):
    """Return a PNG chunk."""
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def encode_plain(image, filter_type=0, n_chunks=1, kind=GREY):
    """Write a PNG by hand: every row with the given filter byte, pixels in some chunks."""
    height, width = image.shape
    rows = np.full((height, width + 1), filter_type, np.uint8)
    rows[:, 1:] = image
    packed = zlib.compress(rows.tobytes())
    edges = np.linspace(0, len(packed), n_chunks + 1).astype(int)
    return write_png(height, width, kind, [packed[a:b] for a, b in pairwise(edges)])


def write_png(height, width, kind, pieces):
    """Write a PNG with some pieces of packed pixels."""
    header = struct.pack(">II5B", width, height, *kind)
    chunks = [make_chunk(b"IHDR", header), make_chunk(b"tEXt", b"Title\\0x")]
    chunks += [make_chunk(b"IDAT", piece) for piece in pieces]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + make_chunk(b"IEND", b"")


def read_with_pillow(encoded):
    """Return the pixels that Pillow reads."""
    with Image.open(io.BytesIO(encoded)) as image:
        return np.array(image)


@given(IMAGES, st.sampled_from([0, 1]), st.integers(1, 3))
def test_short_way_gives_the_pixels(image, filter_type, n_chunks):
    """Pixels or differences, in any number of chunks, are read without Pillow, and as it does."""
    encoded = encode_plain(image, filter_type, n_chunks)
    decoded = decode_plain(encoded)
    if filter_type == 0:
        np.testing.assert_array_equal(decoded, image)
    np.testing.assert_array_equal(decoded, read_with_pillow(encoded))
    assert decoded.flags.writeable
    assert decoded.flags.c_contiguous


@given(IMAGES, st.sampled_from([2, 3, 4]))
def test_filtered_rows_go_to_pillow(image, filter_type):
    """Rows with another filter are not taken for pixels."""
    encoded = encode_plain(image, filter_type)
    assert decode_plain(encoded) is None
    np.testing.assert_array_equal(decode_image(encoded), read_with_pillow(encoded))


def test_rows_of_two_filters_go_to_pillow():
    """A row of pixels among rows of differences is read right."""
    rows = np.array([[1, 7, 1, 1], [0, 7, 1, 1]], np.uint8)
    encoded = write_png(2, 3, GREY, [zlib.compress(rows.tobytes())])
    assert decode_plain(encoded) is None
    assert decode_image(encoded).tolist() == [[7, 8, 9], [7, 1, 1]]


@given(IMAGES, st.sampled_from(["PNG", "JPEG"]))
def test_anything_of_pillow(image, kind):
    """What Pillow writes is read as Pillow reads it."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind)
    decoded = decode_image(buffer.getvalue())
    np.testing.assert_array_equal(decoded, read_with_pillow(buffer.getvalue()))
    assert decoded.flags.writeable


@pytest.mark.parametrize("kind", [(1, 0, 0, 0, 0), GREY_16_BIT, RGB, INTERLACED])
def test_other_kinds_of_png_go_to_pillow(kind):
    """One bit, sixteen, colour or interlaced: not the short way."""
    assert decode_plain(encode_plain(np.zeros((2, 3), np.uint8), kind=kind)) is None


@pytest.mark.parametrize("filter_type", [0, 1])
@given(st.data())
def test_one_flipped_byte_never_gives_other_pixels(filter_type, data):
    """A damaged PNG is an error or the same pixels, whichever byte was hit."""
    encoded = bytearray(encode_plain(np.arange(60, dtype=np.uint8).reshape(5, 12), filter_type))
    image = decode_image(bytes(encoded))
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(st.integers(1, 255))
    try:
        decoded = decode_image(bytes(encoded))
    except Exception:  # Pillow raises many kinds; that it raises is what counts
        return
    np.testing.assert_array_equal(decoded, image)


@pytest.mark.parametrize("encoded", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff"])
def test_no_image(encoded):
    """Bytes of no image, or of another format, are an error."""
    with pytest.raises(OSError, match=r"cannot identify|truncated|broken"):
        decode_image(encoded)


def test_truncated_image():
    """A PNG that ends early is an error."""
    encoded = encode_plain(np.random.default_rng(0).integers(0, 256, (20, 30), np.uint8))
    for end in range(33, len(encoded) - 12, 50):
        with pytest.raises((OSError, SyntaxError, ValueError)):
            decode_image(encoded[:end])


# -- more than the header tells --------------------------------------------------------------------


def pack_zeros(n_bytes):
    """Return what inflates to zeros, a multiple of 16 MiB, made without them."""
    deflate = zlib.compressobj(9, wbits=-15)
    block = deflate.compress(bytes(1 << 24)) + deflate.flush(zlib.Z_FULL_FLUSH)
    checksum = struct.pack(">HH", n_bytes % 65521, 1)
    return b"\x78\x01" + block * (n_bytes >> 24) + b"\x03\x00" + checksum


_MEASURE = """
import json, pathlib, resource, sys
from digit_sequence.codec.decoding import decode_image
encoded = pathlib.Path(sys.argv[1]).read_bytes()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    got = list(decode_image(encoded).shape)
except OSError as error:
    got = str(error)
print(json.dumps([got, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before]))
"""


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (GREY, "PNG: expected 28 x 160 pixels as its header says, got more"),
        (GREY_16_BIT, [28, 160]),
        (RGB, [28, 160, 3]),
        (INTERLACED, [28, 160]),
    ],
)
def test_bomb_takes_what_its_header_tells(kind, expected, tmp_path):
    """Pixels of 2 GiB under a header of 28 x 160 are not inflated, whoever decodes them."""
    path = tmp_path / "bomb.png"
    path.write_bytes(write_png(28, 160, kind, [pack_zeros(1 << 31)]))
    command = [sys.executable, "-c", _MEASURE, path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    got, added_kib = json.loads(done.stdout)
    assert got == expected
    assert added_kib < 20_000


@pytest.mark.parametrize("filter_type", [0, 1])
def test_one_byte_more_is_an_error(filter_type):
    """The pixels end where the header says, to the byte."""
    packed = [zlib.compress(bytes([filter_type, 7, 7]) * 2 + b"\0" * more) for more in (0, 1)]
    assert decode_image(write_png(2, 2, GREY, packed[:1])).shape == (2, 2)
    with pytest.raises(OSError, match="expected 2 x 2 pixels as its header says, got more"):
        decode_image(write_png(2, 2, GREY, packed[1:]))


@pytest.mark.parametrize("kind", [GREY, RGB])
def test_header_of_a_huge_png(kind):
    """What says that it is huge is refused before anything is reserved for it."""
    encoded = write_png(2, MAX_PIXELS // 2 + 1, kind, [zlib.compress(b"")])
    with pytest.raises(OSError, match=r"expected at most 67,108,864 pixels, got 2 x 33,554,433"):
        decode_image(encoded)


def test_header_of_a_huge_jpeg():
    """And so is a JPEG."""
    buffer = io.BytesIO()
    Image.new("L", (16, 16)).save(buffer, "JPEG")
    encoded = bytearray(buffer.getvalue())
    sizes = encoded.index(b"\xff\xc0") + 5
    encoded[sizes : sizes + 4] = struct.pack(">HH", 8200, 8200)
    with pytest.raises(OSError, match=r"expected at most 67,108,864 pixels, got 8,200 x 8,200"):
        decode_image(bytes(encoded))


def _encode(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["L", "1", "RGB", "P", "LA", "RGBA", "CMYK", "I;16"])
def test_crops_of_any_kind_become_grey(mode):
    """Dark left half, bright right half, of any kind of image; what is transparent is white."""
    halves = np.zeros((6, 8), np.uint8)
    halves[:, 4:] = 255
    if mode == "I;16":
        image = Image.fromarray(halves.astype(np.uint16) * 257)
    elif mode in ("LA", "RGBA"):
        image = Image.fromarray(np.zeros((6, 8), np.uint8)).convert(mode)
        image.putalpha(Image.fromarray(255 - halves))
    else:
        image = Image.fromarray(halves).convert(mode)
    found = decode_picture(_encode(image, "TIFF" if mode == "CMYK" else "PNG"))
    np.testing.assert_array_equal(found, halves)


def test_a_cameras_turn_is_undone():
    """The orientation that a camera notes is applied."""
    upright = np.zeros((4, 10), np.uint8)
    upright[:, 5:] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter, clockwise
    turned = Image.fromarray(np.rot90(upright).copy())
    np.testing.assert_array_equal(decode_picture(_encode(turned, "TIFF", exif=exif)), upright)
