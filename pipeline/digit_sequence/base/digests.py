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


def hash_contents(contents: Iterable[bytes | memoryview]) -> str:
    """Return the SHA-256 of contents, one after another, in 64 hexadecimal digits.

    >>> hash_contents([b"ab", b"c"]) == hash_contents([b"abc"])
    True
    """
    digest = hashlib.sha256()
    for content in contents:
        digest.update(content)
    return digest.hexdigest()
