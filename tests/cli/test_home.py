"""Paths in the home directory, on the command line."""

from __future__ import annotations

import pytest

from digit_sequence.cli.program import expand_word


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("~/x", "/h/x"),
        ("~", "/h"),
        ("--output=~/x", "--output=/h/x"),
        ("-o~/x", "-o/h/x"),
        ("--set=output.uri=~/x", "--set=output.uri=~/x"),  # the config expands it
        ("x~/y", "x~/y"),
        ("-o", "-o"),
    ],
)
def test_home_on_the_command_line(word, expected, monkeypatch):
    """`~` is the home directory where a shell leaves it as it is, after `--output=`."""
    monkeypatch.setenv("HOME", "/h")
    assert expand_word(word) == expected
