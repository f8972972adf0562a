"""Which digest is for what.

=========  ========================================================================================
XXH3-128   shards and label rows: guards against accidents, at the speed of memory (``xxhsum -H2``)
XXH3-64    the pixels of an image, likewise
SHA-256    what a person compares, or that others have made: plan, dataset, card, downloads
=========  ========================================================================================
"""

from __future__ import annotations

from collections.abc import Iterable


def hash_contents(contents: Iterable[bytes | memoryview]) -> str:
    """Return the XXH3-128 of contents, one after another, in 32 hexadecimal digits.

    >>> hash_contents([b"ab", b"c"]) == hash_contents([b"abc"])
    True
    """
    from xxhash import xxh3_128  # noqa: PLC0415 - who only reads labels does without it

    digest = xxh3_128()
    for content in contents:
        digest.update(content)
    return digest.hexdigest()
