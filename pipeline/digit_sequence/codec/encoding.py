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
from digit_sequence.codec.decoding import GREY_8_BIT, PNG_BEGIN, decode_image
from digit_sequence.codec.deflate import pack_each
from digit_sequence.codec.jpeg import encode_jpegs

__all__ = ["EXTENSIONS", "decode_image", "encode_image", "encode_images"]

EXTENSIONS = {"png": ".png", "jpeg": ".jpg"}
"""File extension of each image format."""
_CRC_OF_IDAT = zlib.crc32(b"IDAT")
_PNG_END = b"\0\0\0\0IEND" + zlib.crc32(b"IEND").to_bytes(4)


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


def _wrap_png(height: int, width: int, pixels: bytes | memoryview) -> bytes:
    """Return a PNG (ISO/IEC 15948) of grey bytes."""
    return b"".join(
        [
            _make_header(height, width),
            *(len(pixels).to_bytes(4), b"IDAT", pixels),
            *(zlib.crc32(pixels, _CRC_OF_IDAT).to_bytes(4), _PNG_END),
        ]
    )


@lru_cache(64)
def _make_header(height: int, width: int) -> bytes:
    """Return what a PNG begins with, up to the chunk of its pixels."""
    header = PNG_BEGIN + struct.pack(">II5B", width, height, *GREY_8_BIT)
    return header + zlib.crc32(header[12:]).to_bytes(4)
