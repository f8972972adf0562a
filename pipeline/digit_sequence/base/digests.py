"""Which digest is for what.

=========  ========================================================================================
SHA-256    what a person or another program compares: shards, plan, dataset, card, downloads
XXH3-128   label rows, which are compared here alone: guards against accidents
XXH3-64    the pixels of an image, likewise
=========  ========================================================================================
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def hash_contents(contents: Iterable[bytes | memoryview]) -> str:
    """Return the SHA-256 of contents, one after another, in 64 hexadecimal digits.

    >>> hash_contents([b"ab", b"c"]) == hash_contents([b"abc"])
    True
    """
    digest = hashlib.sha256()
    for content in contents:
        digest.update(content)
    return digest.hexdigest()


def hash_pixels(image: NDArray[np.uint8]) -> int:
    """Return the XXH3-64 of an image's pixels, as a signed 64-bit integer."""
    from xxhash import xxh3_64_intdigest  # noqa: PLC0415 - who only reads does without it

    word = xxh3_64_intdigest(np.ascontiguousarray(image).data)
    return int(word - (word >> 63 << 64))


def hash_images(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return `hash_pixels` of each of a stack of images (N, H, W), in half the time."""
    from xxhash import xxh3_64_intdigest  # noqa: PLC0415 - as above

    size = images.shape[1] * images.shape[2]
    pixels = np.ascontiguousarray(images).reshape(-1).data
    words = [xxh3_64_intdigest(pixels[i : i + size]) for i in range(0, len(pixels), size)]
    return np.array(words, np.uint64).view(np.int64)
