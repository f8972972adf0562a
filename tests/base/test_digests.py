"""Digests: those that others compute too."""

from __future__ import annotations

from digit_sequence.base.digests import hash_contents


def test_known_digests():
    """XXH3-128 as its specification has it: of nothing, and of contents one after another."""
    assert hash_contents([]) == "99aa06d3014798d86001c324468d497f"
    assert hash_contents([b"ab", b"", memoryview(b"c")]) == "06b05ab6733a618578af5f94892f3950"
