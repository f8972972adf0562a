"""Images to bytes and back.

Reading is in `decoding`. Writing calls imagecodecs (libjpeg-turbo and libpng): at 200 x 28
pixels imageio spends most of its time around the encoder, and does not offer what makes PNG both
small and fast here: run lengths over unfiltered rows, for flat black or white ground.
"""

from __future__ import annotations

import numpy as np
from imagecodecs import PNG, jpeg8_encode, png_encode
from numpy.typing import NDArray

from digit_sequence.codec.decoding import decode_image

__all__ = ["EXTENSIONS", "decode_image", "encode_image"]

EXTENSIONS = {"png": ".png", "jpeg": ".jpg"}
"""File extension of each image format."""


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
        encoded = jpeg8_encode(image, level=quality)
    else:
        encoded = png_encode(image, level=1, strategy=PNG.STRATEGY.RLE, filter=PNG.FILTER.NO)
    return bytes(encoded)  # as they are, unless a buffer was given to fill
