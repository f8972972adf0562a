"""Images to bytes and back.

Reading is in `decoding`. JPEG is written by libjpeg-turbo, through imagecodecs: at 200 x 28 pixels
imageio spends most of its time around the encoder. PNG is written here: run lengths suit ground of
one level better than what libraries search for, and take half of their time (`deflate`).
"""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache

import numpy as np
from imagecodecs import jpeg8_encode
from numpy.typing import NDArray

from digit_sequence.base.engines import Engine
from digit_sequence.codec.decoding import GREY_8_BIT, PNG_BEGIN, decode_image
from digit_sequence.codec.deflate import pack_rows

__all__ = ["EXTENSIONS", "decode_image", "encode_image"]

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
    image_format : {"png", "jpeg"}
    quality : int
        Of JPEG, 1 to 100.
    engine : {"skimage", "numba"}
        Changes the speed and nothing else.
    """
    if image_format == "jpeg":
        return bytes(jpeg8_encode(image, level=quality))  # they are, unless it is given a buffer
    return _encode_png(image, engine)


def _encode_png(image: NDArray[np.uint8], engine: Engine) -> bytes:
    """Encode a PNG (ISO/IEC 15948) of grey bytes."""
    height, width = image.shape
    pixels = pack_rows(image, engine)
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
