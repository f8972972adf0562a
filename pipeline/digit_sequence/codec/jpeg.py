"""JPEG (ITU-T T.81) of grey images: the bytes of libjpeg-turbo, which defines them.

Of an image of 200 x 28 pixels the library takes a fifth of its time to get ready, and much of the
rest for blocks of one level. The compiled engine takes the header from the library, once for each
quality, and what it says: divisors and Huffman codes. It codes the pixels with the same arithmetic
(the library's slow integer transform, which is the exact one), in six tenths of the time.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from imagecodecs import jpeg8_encode
from numpy.typing import NDArray

from digit_sequence.base.engines import Engine
from digit_sequence.base.images import cut_images
from digit_sequence.codec.groups import run_kernel

BLOCK = 8
"""Rows and columns of a block."""
ZIGZAG = np.array(
    sorted(
        range(64), key=lambda at: (at // 8 + at % 8, at // 8 if (at // 8 + at % 8) % 2 else at % 8)
    )
)
"""The places of a block, row by row, in the order in which their coefficients stand in the file."""
MAX_BLOCK_BITS = 20 + 63 * 26
"""Of a block: its level, and all other coefficients, of the longest codes and values."""
_QUANTISATION, _FRAME, _CODE, _SCAN = 0xDB, 0xC0, 0xC4, 0xDA
_END = b"\xff\xd9"


@dataclass(frozen=True)
class Tables:
    """What a header says, and the header."""

    header: bytes
    """Of an image of 8 x 8 pixels, up to where the pixels' bits begin."""
    size_at: int
    """Where in it height and width are."""
    divisors: NDArray[np.int32]
    """(64,) of the coefficients, in zigzag order; these are 8 times as large as T.81's."""
    levels: NDArray[np.int64]
    """(256,) by the count of bits of a difference of levels: its code, as of `rest`."""
    rest: NDArray[np.int64]
    """(256,) by 16 times the count of zeros before a coefficient, and the count of its bits: the
    code, with room for these bits behind it, and in the high half how many bits both have."""


def encode_jpegs(
    images: NDArray[np.uint8], widths: NDArray[np.int64], quality: int, engine: Engine
) -> Iterator[bytes]:
    """Yield the file of each image.

    Parameters
    ----------
    images, widths
        As of `cut_images`.
    quality : int
        1 to 100.
    engine : {"skimage", "numba"}
        Changes the speed and nothing else.
    """
    if engine != "numba":
        # They are bytes, unless it is given a buffer.
        return (bytes(jpeg8_encode(image, level=quality)) for image in cut_images(images, widths))
    return _encode_compiled(images, widths, quality)


def _encode_compiled(
    images: NDArray[np.uint8], widths: NDArray[np.int64], quality: int
) -> Iterator[bytes]:
    from digit_sequence.codec.jpeg_kernels import encode_into  # noqa: PLC0415 - is optional

    tables = read_tables(quality)
    kernel = partial(encode_into, ZIGZAG, tables.divisors, tables.levels, tables.rest)
    height = images.shape[1]
    n_blocks = -(-height // BLOCK) * -(-images.shape[2] // BLOCK)
    # A byte of ones is followed by one of zeros.
    room = 2 * (n_blocks * MAX_BLOCK_BITS // 8 + BLOCK)
    coded = run_kernel(kernel, images, widths, room)
    for width, bits in zip(widths.tolist(), coded, strict=True):
        yield b"".join((_make_header(quality, height, width), bits, _END))


@lru_cache(256)
def _make_header(quality: int, height: int, width: int) -> bytes:
    """Return what the file of an image begins with."""
    tables = read_tables(quality)
    head, tail = tables.header[: tables.size_at], tables.header[tables.size_at + 4 :]
    return head + struct.pack(">HH", height, width) + tail


@lru_cache(100)
def read_tables(quality: int) -> Tables:
    """Return what the library's headers say at some quality, 1 to 100."""
    whole = bytes(jpeg8_encode(np.zeros((BLOCK, BLOCK), np.uint8), level=quality))
    place, codes, divisors, size_at = 2, [], np.empty(0, np.int32), 0
    while True:
        name, size = struct.unpack_from(">xBH", whole, place)
        begin, place = place + 4, place + 2 + size
        if name == _QUANTISATION:
            divisors = 8 * np.frombuffer(whole[begin + 1 : place], np.uint8).astype(np.int32)
        elif name == _FRAME:
            size_at = begin + 1
        elif name == _CODE:
            codes.append(_read_code(whole[begin + 1 : place]))
        elif name == _SCAN:
            return Tables(whole[:place], size_at, divisors, *codes)


def _read_code(segment: bytes) -> NDArray[np.int64]:
    """Return a Huffman code, as of `Tables.rest`: counts of codes by length, then their symbols."""
    strings, code, symbols = np.zeros(256, np.int64), 0, iter(segment[16:])
    for length, count in enumerate(segment[:16], 1):
        for _ in range(count):
            symbol = next(symbols)
            n_bits = symbol & 15
            strings[symbol] = length + n_bits << 32 | code << n_bits
            code += 1
        code <<= 1
    return strings
