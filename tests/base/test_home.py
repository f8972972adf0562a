"""Paths in the home directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from digit_sequence.base.errors import ConfigError
from digit_sequence.base.home import expand_home


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("~", "/h"),
        ("~/", "/h/"),
        ("~/a/~", "/h/a/~"),
        ("a/~", "a/~"),
        ("./~/a", "./~/a"),
        ("/~", "/~"),
        ("", ""),
    ],
)
def test_expand_home(path: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the beginning of a path is the home directory."""
    monkeypatch.setenv("HOME", "/h")
    assert expand_home(path) == expected


def test_unknown_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What looks like a home but is none is refused, unless there is a file of that name."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"~no\.body/x: expected a home directory ~no\.body, got"):
        expand_home("~no.body/x")
    (tmp_path / "~no.body").mkdir()
    assert expand_home("~no.body/x") == "~no.body/x"
    assert expand_home("~no.body/x", tmp_path) == "~no.body/x"
