"""Digests: those that others compute too."""

from __future__ import annotations

import hashlib

from digit_sequence.base.digests import hash_contents


def test_known_digests():
    """SHA-256 as others have it: of nothing, and of contents one after another."""
    assert hash_contents([]) == hashlib.sha256().hexdigest()
    assert hash_contents([b"ab", b"", memoryview(b"c")]) == hashlib.sha256(b"abc").hexdigest()
