"""Registries hold variants by name, in order, and say which names there are."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from digit_sequence.base.errors import ConfigError
from digit_sequence.base.registry import Registry

BALL, KITE, DRUM = (SimpleNamespace(name=name) for name in ("ball", "kite", "drum"))


def make_registry() -> Registry[SimpleNamespace]:
    """Make a registry of a ball and a kite."""
    return Registry("toy", "digit_sequence.toys", BALL, KITE)


def test_variants_by_name() -> None:
    """It is a mapping, in the order that is given."""
    toys = make_registry()
    assert list(toys) == ["ball", "kite"]
    assert list(toys.values()) == [BALL, KITE]
    assert toys["kite"] is KITE
    assert len(toys) == 2
    assert "ball" in toys
    assert "drum" not in toys


def test_unknown_name() -> None:
    """The message lists the names."""
    with pytest.raises(ConfigError, match="toy: expected one of ball, kite, got 'drum'"):
        make_registry()["drum"]


def test_adding() -> None:
    """More variants stand after all others, until the block ends, however it ends."""
    toys = make_registry()
    with toys.adding(DRUM):
        assert list(toys.values()) == [BALL, KITE, DRUM]
        with toys.adding(SimpleNamespace(name="top")):
            assert list(toys) == ["ball", "kite", "drum", "top"]
        assert list(toys) == ["ball", "kite", "drum"]
    assert list(toys) == ["ball", "kite"]
    with pytest.raises(ZeroDivisionError), toys.adding(DRUM):
        raise ZeroDivisionError
    assert list(toys) == ["ball", "kite"]


def test_one_name_twice() -> None:
    """Two variants of one name are refused, whoever adds them."""
    message = "two toys are called ball; rename one of them"
    with pytest.raises(ConfigError, match=message):
        len(Registry("toy", "digit_sequence.toys", BALL, BALL))
    toys = make_registry()
    with pytest.raises(ConfigError, match=message), toys.adding(BALL):
        pass
    assert list(toys) == ["ball", "kite"]


def test_followers_are_told() -> None:
    """What is made of the variants is made anew when they change, and when they change back."""
    toys = make_registry()
    seen: list[list[str]] = []
    toys.follow(lambda: seen.append([*toys]))
    with toys.adding(DRUM):
        assert seen == [["ball", "kite", "drum"]]
    assert seen == [["ball", "kite", "drum"], ["ball", "kite"]]
