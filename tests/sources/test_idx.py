"""Pairs of IDX files, and whatever else such files may hold."""

from __future__ import annotations

import gzip
import shutil
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digit_sequence.base.errors import SourceError, SourceWarning
from digit_sequence.sources.bank_cache import load_bank
from digit_sequence.sources.idx import IdxSettings
from digit_sequence.sources.registry import read_source
from glyph_files import encode_idx, make_glyphs


@pytest.fixture
def pair(tmp_path):
    """Write a pair of IDX files and return it as a source."""
    images, digits = make_glyphs(12)
    (tmp_path / "images").write_bytes(encode_idx(images))
    (tmp_path / "labels").write_bytes(encode_idx(digits))
    return IdxSettings(name="idx", images=str(tmp_path / "images"), labels=str(tmp_path / "labels"))


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_idx_is_read_in_order(pair, compress):
    """A pair, plain or gzipped, becomes the arrays that it was made of."""
    for path in map(Path, (pair.images, pair.labels)):
        path.write_bytes(compress(path.read_bytes()))
    glyphs = read_source(pair)
    images, digits = make_glyphs(12)
    np.testing.assert_array_equal(glyphs.images, images)
    np.testing.assert_array_equal(glyphs.digits, digits)
    assert not glyphs.parts.any()
    assert glyphs.images.dtype == glyphs.digits.dtype == glyphs.parts.dtype == np.uint8


IMAGES = encode_idx(make_glyphs(12)[0])
LABELS = encode_idx(make_glyphs(12)[1])
BAD_PAIRS = {
    "empty file": (b"", LABELS, "images: expected an IDX header of 16 bytes, got 0 bytes"),
    "labels given as images": (LABELS, LABELS, "0x00000803 .* got 0x00000801"),
    "images given as labels": (IMAGES, IMAGES, "uint8 and 1 axis, got 0x00000803"),
    "little-endian": (struct.pack("<4I", 0x803, 12, 5, 5), LABELS, "got 0x03080000"),
    "no glyphs": (struct.pack(">4I", 0x803, 0, 5, 5), LABELS, "expected a count from 1"),
    "no columns": (struct.pack(">4I", 0x803, 12, 5, 0), LABELS, "got 5 x 0"),
    "too large": (struct.pack(">4I", 0x803, 12, 257, 5), LABELS, "1 to 256 rows .* got 257 x 5"),
    "one byte short": (IMAGES[:-1], LABELS, r"expected 300 bytes .* \(12, 5, 5\), got 299"),
    "one byte long": (IMAGES + b"\0", LABELS, "expected 300 bytes .* got more"),
    "one label short": (IMAGES, encode_idx(np.arange(11) % 10), "expected 12 labels, .* got 11"),
    "label 10": (IMAGES, encode_idx(np.arange(12)), "labels: row 11: expected a digit 0-9, got 11"),
    "no ink": (IMAGES[:41] + bytes(25) + IMAGES[66:], LABELS, "images: row 1: expected .* ink"),
    "truncated gzip": (gzip.compress(IMAGES)[:-1], LABELS, "images: expected a readable file"),
    "broken gzip": (b"\x1f\x8b" + IMAGES, LABELS, "images: expected a readable file"),
}


@pytest.mark.parametrize(("images", "labels", "message"), BAD_PAIRS.values(), ids=BAD_PAIRS)
def test_idx_names_what_is_wrong(pair, images, labels, message):
    """A malformed file is an error with the file, what was expected, what was found, a remedy."""
    Path(pair.images).write_bytes(images)
    Path(pair.labels).write_bytes(labels)
    with pytest.raises(SourceError, match=message) as caught:
        read_source(pair)
    assert "source.images and source.labels" in str(caught.value)


def test_idx_file_must_exist(pair):
    """A missing file is an error that names it and its key."""
    Path(pair.labels).unlink()
    with pytest.raises(SourceError, match=r"labels: expected an IDX file.*source\.labels"):
        read_source(pair)


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_idx_header_reserves_no_memory(pair, compress):
    """A header that declares 128 TiB in a file of 16 bytes is an error that costs nothing."""
    header = struct.pack(">4I", 0x803, 2**31 - 1, 256, 256)
    Path(pair.images).write_bytes(compress(header))
    tracemalloc.start()
    try:
        with pytest.raises(SourceError, match="got a header that declares 140,737,488,289,792"):
            read_source(pair)
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


def test_gzip_of_zeros(pair):
    """A gigabyte of zeros in a megabyte is not unpacked, though the header declares it."""
    header = struct.pack(">4I", 0x803, 1 << 14, 256, 256)
    packed = gzip.compress(header) + gzip.compress(bytes(1 << 24)) * 64
    Path(pair.images).write_bytes(packed)
    tracemalloc.start()
    try:
        with pytest.raises(SourceError, match=r"images: expected at most 268,435,456 bytes in a"):
            read_source(pair)
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


def test_gzip_bomb_is_read_to_its_declared_size_only(pair):
    """More content than the header declares is not unpacked."""
    Path(pair.images).write_bytes(gzip.compress(IMAGES + bytes(50_000_000)))
    tracemalloc.start()
    try:
        with pytest.raises(SourceError, match=r"expected 300 bytes .* got more"):
            read_source(pair)
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


@given(
    which=st.sampled_from(["images", "labels"]),
    change=st.one_of(
        st.binary(max_size=80).map(lambda content: lambda old: content),
        st.tuples(st.integers(0, 30), st.binary(max_size=4)).map(
            lambda edit: lambda old: old[: edit[0]] + edit[1] + old[edit[0] + len(edit[1]) :]
        ),
        st.integers(0, 400).map(lambda end: lambda old: old[:end]),
    ),
    compress_first=st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_idx_fuzzed(tmp_path_factory, which, change, compress_first):
    """Whatever bytes a file has, it is read in full or is a SourceError that names it."""
    folder = tmp_path_factory.mktemp("fuzz")
    contents = {"images": IMAGES, "labels": LABELS}
    if compress_first:
        contents[which] = gzip.compress(contents[which], mtime=0)
    contents[which] = change(contents[which])
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    source = IdxSettings(name="idx", images=str(folder / "images"), labels=str(folder / "labels"))
    try:
        glyphs = read_source(source)
    except SourceError as error:
        assert str(folder / which) in str(error)  # noqa: PT017 - either outcome is fine
    else:
        assert len(glyphs.images) == len(glyphs.digits) == 12
    shutil.rmtree(folder)


def test_transpose(pair):
    """`transpose` exchanges rows and columns, as EMNIST needs it."""
    glyphs = read_source(pair.model_copy(update={"transpose": True}))
    np.testing.assert_array_equal(glyphs.images, make_glyphs(12)[0].transpose(0, 2, 1))


def write_bank(pair, images, digits):
    """Write images and digits as the files of a pair."""
    Path(pair.images).write_bytes(encode_idx(images))
    Path(pair.labels).write_bytes(encode_idx(digits))


@pytest.mark.parametrize("ink", ["dark", "auto"])
def test_dark_ink(pair, bank, ink):
    """Ink on white becomes bright ink on 0, as it is or found for each digit."""
    write_bank(pair, 255 - bank.images, bank.digits)
    glyphs = read_source(pair.model_copy(update={"ink": ink}))
    assert not glyphs.doubts
    assert np.abs(glyphs.images.astype(int) - bank.images).max() <= (0 if ink == "dark" else 8)
    (doubt,) = read_source(pair).doubts
    assert "set source.ink: auto, which tells ink from paper; now it is bright" in doubt


def test_blank_in_dark_ink(pair, bank):
    """A white image has no dark ink: it is named with the key."""
    images = 255 - bank.images
    images[3] = 255
    write_bank(pair, images, bank.digits)
    with pytest.raises(SourceError, match=r"images: row 3: .*ink \(dark\), .* see source\.ink"):
        read_source(pair.model_copy(update={"ink": "dark"}))


def test_emnist_is_doubted(pair, bank):
    """Transposed digits are built as they are, and told of, each time, from the cache as well."""
    write_bank(pair, bank.images.transpose(0, 2, 1), bank.digits)
    for _ in range(2):
        with pytest.warns(SourceWarning, match=r"source idx: .*source\.transpose: true") as caught:
            load_bank(pair)
        assert len(caught) == 1
    upright = load_bank(pair.model_copy(update={"transpose": True}))
    np.testing.assert_array_equal(upright.images, bank.images)
