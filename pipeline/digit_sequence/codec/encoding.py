"""Images to bytes and back.

Reading is in `decoding`. Writing calls imagecodecs (libjpeg-turbo and libdeflate): at 200 x 28
pixels imageio spends most of its time around the encoder, and does not offer what makes PNG both
small and fast here: unfiltered rows, which suit ground of one level, in one pass of libdeflate.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
from imagecodecs import deflate_encode, jpeg8_encode
from numpy.typing import NDArray

from digit_sequence.codec.decoding import GREY_8_BIT, PNG_BEGIN, decode_image

__all__ = ["EXTENSIONS", "decode_image", "encode_image"]

EXTENSIONS = {"png": ".png", "jpeg": ".jpg"}
"""File extension of each image format."""
_CRC_OF_IDAT = zlib.crc32(b"IDAT")
_PNG_END = b"\0\0\0\0IEND" + zlib.crc32(b"IEND").to_bytes(4)


def encode_image(image: NDArray[np.uint8], image_format: str, quality: int = 95) -> bytes:
    """Encode a grey image.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W)
    image_format : {"png", "jpeg"}
    quality : int
        Of JPEG, 1 to 100.
    """
    if image_format == "jpeg":
        return bytes(jpeg8_encode(image, level=quality))  # they are, unless it is given a buffer
    return _encode_png(image)


def _encode_png(image: NDArray[np.uint8]) -> bytes:
    """Encode a PNG (ISO/IEC 15948) of grey bytes without row filters."""
    height, width = image.shape
    rows = np.zeros((height, width + 1), np.uint8)  # the first of a row says: no filter
    rows[:, 1:] = image
    pixels = deflate_encode(rows.tobytes(), level=1)
    header = PNG_BEGIN + struct.pack(">II5B", width, height, *GREY_8_BIT)
    return b"".join(
        [
            *(header, zlib.crc32(header[12:]).to_bytes(4)),
            *(len(pixels).to_bytes(4), b"IDAT", pixels),
            *(zlib.crc32(pixels, _CRC_OF_IDAT).to_bytes(4), _PNG_END),
        ]
    )
