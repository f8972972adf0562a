"""Images to bytes and back, through imageio."""

from __future__ import annotations

from typing import Any

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray

from pipeline.config import Output
from pipeline.decoding import decode_image

__all__ = ["EXTENSIONS", "decode_image", "encode_image"]

EXTENSIONS = {"png": ".png", "jpeg": ".jpg"}
"""File extension of each image format."""


def encode_image(image: NDArray[np.uint8], output: Output) -> bytes:
    """Encode a grey image.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W)
    output : Output
        Says the format and, for JPEG, the quality.
    """
    options: dict[str, Any] = {"quality": output.quality} if output.image == "jpeg" else {}
    extension = EXTENSIONS[output.image]
    encoded: bytes = iio.imwrite("<bytes>", image, extension=extension, plugin="pillow", **options)
    return encoded
