"""What the headers of libjpeg-turbo's grey files say: the size, divisors, and Huffman codes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from imagecodecs import jpeg8_encode
from numpy.typing import NDArray

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
