"""JPEG (ITU-T T.81) of grey images: the bytes of libjpeg-turbo, which defines them.

Of an image of 200 x 28 pixels the library takes a fifth of its time to get ready, and much of the
rest for blocks of one level. The compiled engine takes the header from the library, once for each
quality, and what it says: divisors and Huffman codes. It codes the pixels with the same arithmetic
(the library's slow integer transform, which is the exact one), in six tenths of the time.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache, partial

import numpy as np
from imagecodecs import jpeg8_encode
from numpy.typing import NDArray

from digit_sequence.base.engines import Engine
from digit_sequence.base.images import cut_images
from digit_sequence.codec.groups import run_kernel
from digit_sequence.codec.jpeg_tables import BLOCK, MAX_BLOCK_BITS, ZIGZAG, read_tables

_END = b"\xff\xd9"


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
