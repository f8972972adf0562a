"""IDX, the file format of MNIST.

An IDX file, plain or gzipped, of unsigned bytes; all integers are big-endian and of 32 bits:

=======================  ==========================  =================
bytes                    images                      labels
=======================  ==========================  =================
0 to 3                   0x00000803 (uint8, 3 axes)  0x00000801 (1 axis)
4 to 7                   count                       count
8 to 11, 12 to 15        rows, columns
8 or 16 to the last one  pixels, row by row          digits 0 to 9
=======================  ==========================  =================
"""

from __future__ import annotations

import gzip
import io
import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.characters import DIGITS, encode_text
from digit_sequence.base.errors import SourceError
from digit_sequence.sources.source import RawGlyphs

MAX_SIDE = 256
"""Rows or columns of a glyph, at most; as `source.size` of a folder."""
MAX_GLYPHS = 2**31 - 1
"""Glyph ids are int32."""
IMAGES_MAGIC = 0x00000803
LABELS_MAGIC = 0x00000801
_CHUNK_BYTES = 1 << 20
_UNCHECKED_BYTES = 1 << 28
_MAX_RATIO = 100
"""What compression makes of digits, at most: of MNIST it is 5, of zeros 1,000."""


def bound_bytes(on_disk: int) -> int:
    """Return how many bytes of digits a file of `on_disk` bytes can hold, at most."""
    return max(_UNCHECKED_BYTES, _MAX_RATIO * on_disk)


def read_plain(origin: Path | bytes, limit: int, where: object) -> bytearray:
    """Read at most `limit` bytes of a plain or gzipped file, holding no more than it has."""
    content = bytearray()
    try:
        with _open_plain(origin) as stream:
            while chunk := stream.read(min(_CHUNK_BYTES, limit - len(content))):
                content += chunk
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{where}: expected a readable file, got: {error}") from error
    return content


@contextmanager
def _open_plain(origin: Path | bytes) -> Iterator[io.BufferedIOBase]:
    """Open a file or its content; gzip is told by its magic number, whatever the name says."""
    with io.BytesIO(origin) if isinstance(origin, bytes) else origin.open("rb") as stream:
        is_gzip = stream.read(2) == b"\x1f\x8b"
        stream.seek(0)
        if not is_gzip:
            yield stream
        else:
            with gzip.GzipFile(fileobj=stream) as plain:
                yield plain


def parse_shape(header: bytes | bytearray, magic: int, where: object) -> tuple[int, ...]:
    """Return the shape that an IDX header declares."""
    n_axes = magic & 0xFF
    if len(header) < 4 * (1 + n_axes):
        raise SourceError(
            f"{where}: expected an IDX header of {4 * (1 + n_axes)} bytes, got {len(header)} bytes"
        )
    found, count, *sides = struct.unpack_from(f">{1 + n_axes}I", header)
    if found != magic:
        raise SourceError(
            f"{where}: expected the magic number 0x{magic:08x} of IDX with uint8 and "
            f"{n_axes} {'axis' if n_axes == 1 else 'axes'}, got 0x{found:08x}"
        )
    if not 1 <= count <= MAX_GLYPHS:
        raise SourceError(f"{where}: expected a count from 1 to {MAX_GLYPHS:,}, got {count:,}")
    if any(not 1 <= side <= MAX_SIDE for side in sides):
        raise SourceError(
            f"{where}: expected 1 to {MAX_SIDE} rows and columns, got {sides[0]:,} x {sides[1]:,}"
        )
    return (count, *sides)


def parse_idx(content: bytearray, magic: int, where: object) -> NDArray[np.uint8]:
    """Return the array of a whole IDX file."""
    shape = parse_shape(content, magic, where)
    n_header, n_bytes = 4 * (1 + len(shape)), math.prod(shape)
    if len(content) != n_header + n_bytes:
        got = f"{len(content) - n_header:,}" if len(content) < n_header + n_bytes else "more"
        raise SourceError(
            f"{where}: expected {n_bytes:,} bytes after the header, for {shape}, got {got}"
        )
    return np.frombuffer(content, np.uint8, offset=n_header).reshape(shape)


def pair_glyphs(
    images: bytearray, labels: bytearray, files: Sequence[Path], part: int, classes: str = DIGITS
) -> RawGlyphs:
    """Put the contents of a file of images and of a file of labels together.

    `classes` has the character of each label.
    """
    pixels = parse_idx(images, IMAGES_MAGIC, files[0])
    digits = parse_idx(labels, LABELS_MAGIC, files[1])
    if len(pixels) != len(digits):
        raise SourceError(
            f"{files[1]}: expected {len(pixels):,} labels, as many as images in {files[0]}, "
            f"got {len(digits):,}"
        )
    if digits.max() >= len(classes):
        row, last = int(digits.argmax()), len(classes) - 1
        what = f"a digit 0-{last}" if classes == DIGITS else f"a label from 0 to {last}"
        raise SourceError(f"{files[1]}: row {row}: expected {what}, got {digits[row]}")
    digits = np.frombuffer(encode_text(classes), np.uint8)[digits]
    has_ink = pixels.any(axis=(1, 2))
    if not has_ink.all():
        raise SourceError(
            f"{files[0]}: row {int(has_ink.argmin())}: expected a glyph with ink, "
            "got an image of zeros"
        )
    return RawGlyphs(pixels, digits, np.full(len(digits), part, np.uint8))
