"""Where the cache is."""

from __future__ import annotations

import os
import pwd

import pytest

from digit_sequence.base.errors import SourceError
from digit_sequence.sources.cache import cache_folder


def test_cache_folder(tmp_path, monkeypatch):
    """The environment names the cache; else it is the user's."""
    monkeypatch.setenv("DIGIT_SEQUENCE_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("DIGIT_SEQUENCE_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == cache_folder().absolute()
    assert cache_folder().name == "digit-sequence"


def test_cache_folder_in_the_home(tmp_path, monkeypatch):
    """`~` of the variable is the home directory."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DIGIT_SEQUENCE_CACHE", "~/cache")
    assert cache_folder() == tmp_path / "cache"


def test_no_home(monkeypatch):
    """A user without a home directory, as in a container, is told which variable to set."""
    for name in ("DIGIT_SEQUENCE_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)

    def find_nobody(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", find_nobody)
    assert os.path.expanduser("~") == "~"  # noqa: PTH111 - what the case needs
    with pytest.raises(SourceError, match="set the environment variable DIGIT_SEQUENCE_CACHE"):
        cache_folder()
