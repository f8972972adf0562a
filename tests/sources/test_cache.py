"""Where the cache is."""

from __future__ import annotations

from digit_sequence.sources.cache import cache_folder


def test_cache_folder(tmp_path, monkeypatch):
    """The environment names the cache; else it is the user's."""
    monkeypatch.setenv("DIGIT_SEQUENCE_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("DIGIT_SEQUENCE_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == cache_folder().absolute()
    assert cache_folder().name == "digit-sequence"
