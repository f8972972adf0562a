"""Images to bytes and back.

Reading is in `decoding`. JPEG is what libjpeg-turbo writes (`jpeg`). PNG is of our own making: run
lengths suit ground of one level better than what libraries search for (`deflate`).
"""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.engines import Engine
from digit_sequence.codec.decoding import GREY_8_BIT, PNG_SIGNATURE, decode_image
from digit_sequence.codec.deflate import pack_each
from digit_sequence.codec.jpeg import encode_jpegs

__all__ = ["EXTENSIONS", "add_text", "decode_image", "encode_image", "encode_images"]

EXTENSIONS = {"png": ".png", "jpeg": ".jpg"}
"""File extension of each image format."""


def encode_image(
    image: NDArray[np.uint8], image_format: str, quality: int = 95, engine: Engine = "skimage"
) -> bytes:
    """Encode a grey image.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W)
    image_format, quality, engine
        As of `encode_images`.
    """
    images, widths = np.ascontiguousarray(image)[None], np.array(image.shape[1:])
    (encoded,) = encode_images(images, widths, image_format, quality, engine)
    return encoded


def encode_images(
    images: NDArray[np.uint8],
    widths: NDArray[np.int64],
    image_format: str,
    quality: int = 95,
    engine: Engine = "skimage",
) -> list[bytes]:
    """Encode grey images of several widths.

    Parameters
    ----------
    images, widths
        As of `cut_images`.
    image_format : {"png", "jpeg"}
    quality : int
        Of JPEG, 1 to 100.
    engine : {"skimage", "numba"}
        Changes the speed and nothing else.
    """
    if image_format == "jpeg":
        return list(encode_jpegs(images, widths, quality, engine))
    packed = pack_each(images, widths, engine)
    height = images.shape[1]
    return [
        _wrap_png(height, width, pixels)
        for width, pixels in zip(widths.tolist(), packed, strict=True)
    ]


def add_text(png: bytes, keyword: str, text: str) -> bytes:
    """Return a PNG with a text of ASCII behind its header.

    >>> import io
    >>> from PIL import Image
    >>> png = encode_image(np.zeros((1, 1), np.uint8), "png")
    >>> Image.open(io.BytesIO(add_text(png, "Software", "mine"))).text
    {'Software': 'mine'}
    """
    header = len(_make_header(1, 1))
    chunk = _make_chunk(b"tEXt", f"{keyword}\0{text}".encode("ascii"))
    return b"".join([png[:header], *chunk, png[header:]])


def _make_chunk(name: bytes, content: bytes | memoryview) -> tuple[bytes | memoryview, ...]:
    """Return the parts of a chunk: length, name, content, and the checksum of both."""
    checksum = zlib.crc32(content, zlib.crc32(name))
    return len(content).to_bytes(4), name, content, checksum.to_bytes(4)


_PNG_END = b"".join(_make_chunk(b"IEND", b""))


def _wrap_png(height: int, width: int, pixels: bytes | memoryview) -> bytes:
    """Return a PNG (ISO/IEC 15948) of grey bytes."""
    return b"".join([_make_header(height, width), *_make_chunk(b"IDAT", pixels), _PNG_END])


@lru_cache(64)
def _make_header(height: int, width: int) -> bytes:
    """Return what a PNG begins with, up to the chunk of its pixels."""
    size = struct.pack(">II5B", width, height, *GREY_8_BIT)
    return b"".join([PNG_SIGNATURE, *_make_chunk(b"IHDR", size)])
