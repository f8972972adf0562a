"""Compressing: every decoder reads it, both engines write it, and it is as small as libpng's."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from imagecodecs import png_decode, spng_decode
from PIL import Image

from conftest import draw_glyph
from digit_sequence.base.engines import choose_engine
from digit_sequence.codec.decoding import decode_image, decode_plain
from digit_sequence.codec.deflate import pack_rows
from digit_sequence.codec.encoding import encode_image
from digit_sequence.codec.tokens import ZLIB, find_depths, join_zeros

has_numba = choose_engine() == "numba"


def make_image(width, runs):
    """Return an image of some (level, length), one after another, the last row cut off."""
    pixels = np.repeat([level for level, _ in runs], [length for _, length in runs])
    width = min(width, len(pixels))
    return pixels[: len(pixels) // width * width].reshape(-1, width).astype(np.uint8)


def make_fibonacci(n_levels):
    """Return an image whose levels occur so that a Huffman code is as deep as can be."""
    counts = [1, 1]
    while len(counts) < n_levels:
        counts.append(counts[-1] + counts[-2])
    pixels = np.repeat(np.arange(n_levels, dtype=np.uint8), counts)
    return np.random.default_rng(0).permutation(pixels)[None]


LEVELS = st.one_of(st.integers(0, 255), st.sampled_from([0, 255]))
IMAGES = st.one_of(
    arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=40)),
    st.builds(
        make_image,
        st.sampled_from([1, 2, 7, 200, 4000]),
        st.lists(st.tuples(LEVELS, st.integers(1, 600)), min_size=1, max_size=40),
    ),
)
BLACK, RAMP = np.zeros((28, 200), np.uint8), np.arange(6000, dtype=np.uint8).reshape(30, 200)
NOISE = np.random.default_rng(0).integers(0, 256, (50, 3000), np.uint8)


def read_with_pillow(encoded):
    """Return the pixels that Pillow reads, which looks at no checksum of a chunk."""
    with Image.open(io.BytesIO(encoded)) as image:
        assert (image.format, image.mode) == ("PNG", "L")
        return np.array(image)


def read_with_opencv(encoded):
    """Return the pixels that OpenCV reads, if it is there."""
    cv2 = pytest.importorskip("cv2", reason="needs OpenCV")
    return cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED)


DECODERS = (decode_plain, read_with_pillow, png_decode, spng_decode)


@pytest.mark.parametrize("engine", ["skimage", "numba"])
@example(image=BLACK)
@example(image=BLACK[:1, :1])
@example(image=NOISE)
@example(image=NOISE.reshape(-1, 1)[:3000])
@example(image=make_fibonacci(22))
@given(image=IMAGES)
def test_every_decoder_reads_it(image, engine):
    """The short way of our reader, Pillow and two more libraries give the pixels back."""
    if engine == "numba" and not has_numba:
        pytest.skip("needs numba")
    encoded = encode_image(image, "png", engine=engine)
    for decode in DECODERS:
        np.testing.assert_array_equal(decode(encoded), image)


@pytest.mark.extras
@given(image=IMAGES)
def test_opencv_reads_it(image):
    """And so does OpenCV."""
    np.testing.assert_array_equal(read_with_opencv(encode_image(image, "png")), image)


@pytest.mark.skipif(not has_numba, reason="needs numba")
@example(image=NOISE)
@example(image=RAMP)
@example(image=make_fibonacci(22))
@given(image=IMAGES)
def test_engines_write_the_same(image):
    """Compiled loops give the very bytes, of whole images and of a part of wider ones."""
    expected = encode_image(image, "png")
    assert encode_image(image, "png", engine="numba") == expected
    part = np.hstack([image, image])[:, : image.shape[1]]
    assert encode_image(part, "png", engine="numba") == expected


def test_rows_by_hand():
    """The filter's byte and 258 more like it: bit by bit."""
    packed = pack_rows(np.zeros((1, 258), np.uint8))
    bits = "".join(f"{byte:08b}"[::-1] for byte in packed[2:-4])
    assert packed.startswith(ZLIB)
    assert packed.endswith(zlib.adler32(bytes(259)).to_bytes(4))
    # The last block, of a code of its own; 286 symbols, 2 distances.
    assert bits[:13] == "1" + "01" + "10111" + "10000"
    # Three symbols are as rare; the first two, the byte and the end, are joined. The distance is 0.
    assert bits.rstrip("0").endswith("10" + "0" + "0" + "11")
    assert zlib.decompress(packed) == bytes(259)


@pytest.mark.parametrize(
    ("weights", "depths"),
    [([3, 3], [1, 1]), ([1, 1, 2, 4], [3, 3, 2, 1]), ([1, 1, 1, 1, 4], [3, 3, 3, 3, 1])],
)
def test_depths_by_hand(weights, depths):
    """The two lightest are joined, again and again."""
    found = [0] * 2 * len(weights)
    find_depths([*weights, *[0] * len(weights)], found, len(weights))
    assert found[: len(weights)] == depths


@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=286).map(sorted))
def test_depths_are_of_a_whole_code(weights):
    """Shares of all leaves are one, and a heavier leaf is never deeper."""
    depths = [0] * 2 * len(weights)
    find_depths([*weights, *[0] * len(weights)], depths, len(weights))
    depths = depths[: len(weights)]
    assert sum(2 ** (max(depths) - depth) for depth in depths) == 2 ** max(depths)
    assert depths == sorted(depths, reverse=True)


def test_zeros_by_hand():
    """Up to two stand for themselves, up to ten are 17 and up to 138 are 18."""
    lengths = [5, 0, 0, 5, *[0] * 3, 5, 5, 5, 5, *[0] * 10, 1, *[0] * 150]
    symbols, rest = [0] * len(lengths), [0] * len(lengths)
    n_symbols = join_zeros(lengths, len(lengths), symbols, rest)
    assert symbols[:n_symbols] == [5, 0, 0, 5, 17, 5, 5, 5, 5, 17, 1, 18, 18]
    assert rest[:n_symbols] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 127, 1]


def pack_with_libpng(image):
    """Return the size that libpng gets with its strategy of run lengths, rows as they are."""
    rows = np.zeros((len(image), image.shape[1] + 1), np.uint8)
    rows[:, 1:] = image
    pack = zlib.compressobj(9, zlib.DEFLATED, 15, 9, zlib.Z_RLE)
    return len(pack.compress(rows.tobytes()) + pack.flush())


def draw_pictures():
    """Return pictures of several kinds by their names."""
    digits = np.hstack([draw_glyph(digit, digit) for digit in range(8)])
    random = np.random.default_rng(0)
    noise, slope = random.normal(100, 8, digits.shape), np.arange(digits.shape[1]) // 4
    pictures = {
        "digits": digits,
        "negative": 255 - digits,
        "paper": (digits // 2 + noise).clip(0, 255),
        "shadow": (digits // 2 + slope).clip(0, 255),
        "two levels": np.where(digits > 100, 255, 0),
        "noise": random.integers(0, 256, digits.shape),
    }
    return {name: picture.astype(np.uint8) for name, picture in pictures.items()}


@pytest.mark.parametrize("name", draw_pictures())
def test_it_is_as_small_as_libpng(name):
    """No kind of picture is more than 5 % larger."""
    image = draw_pictures()[name]
    assert len(pack_rows(image)) <= 1.05 * pack_with_libpng(image)


def test_differences_where_they_are_shorter():
    """A slope is told by its differences, ground of one level is not."""
    slope = np.tile((np.arange(200) % 251).astype(np.uint8), (28, 1))
    filters = [zlib.decompress(pack_rows(image))[0] for image in (slope, BLACK)]
    assert filters == [1, 0]
    assert len(pack_rows(slope)) < pack_with_libpng(slope)


def test_a_flipped_byte_is_never_other_pixels():
    """Whatever byte of a file is damaged, it is an error or the same pixels."""
    image = (np.indices((9, 21)).prod(axis=0) % 7).astype(np.uint8)
    encoded = encode_image(image, "png")
    for place in range(len(encoded)):
        for flip in (1, 16, 128, 255):
            damaged = bytearray(encoded)
            damaged[place] ^= flip
            try:
                decoded = decode_image(bytes(damaged))
            except Exception:  # Pillow raises many kinds; that it raises is what counts
                continue
            np.testing.assert_array_equal(decoded, image)
