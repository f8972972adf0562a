"""Registries: the variants of one kind by name. One variant is one file and one line in it.

A package of its own adds a variant by an entry point, without a change here::

    [project.entry-points."digit_sequence.transforms"]
    sepia = "my_package.sepia:Sepia"
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Protocol, TypeVar

from digit_sequence.base.errors import ConfigError
from digit_sequence.base.text import suggest


class Named(Protocol):
    """What has the name that it goes by in a config or on the command line."""

    @property
    def name(self) -> str:
        """The name."""


Variant = TypeVar("Variant", bound=Named)


class Registry(Mapping[str, Variant]):
    """The variants of one kind, in order: those of this program, then those of other packages.

    Parameters
    ----------
    kind : str
        What they are, for messages: "transform".
    group : str
        Entry points of other packages: "digit_sequence.transforms".
    variants : variants
        Those of this program.
    """

    def __init__(self, kind: str, group: str, *variants: Variant) -> None:
        self.kind = kind
        self.group = group
        self._own = variants
        self._followers: list[Callable[[], None]] = []

    @cached_property
    def _variants(self) -> dict[str, Variant]:
        from importlib.metadata import entry_points  # noqa: PLC0415 - help does without

        others = (point.load() for point in entry_points(group=self.group))
        return self._name((*self._own, *others))

    def _name(self, variants: Iterable[Variant]) -> dict[str, Variant]:
        """Return variants by name."""
        found: dict[str, Variant] = {}
        for variant in variants:
            if variant.name in found:
                raise ConfigError(f"two {self.kind}s are called {variant.name}; rename one of them")
            found[variant.name] = variant
        return found

    def follow(self, renew: Callable[[], None]) -> Callable[[], None]:
        """Have a function called whenever the variants change: it renews what is made of them."""
        self._followers.append(renew)
        return renew

    @contextmanager
    def adding(self, *variants: Variant) -> Iterator[None]:
        """Hold more variants for a while, last in order: for tests, in this process alone."""
        before = self._variants
        self.__dict__["_variants"] = self._name((*before.values(), *variants))
        try:
            self._renew()
            yield
        finally:
            self.__dict__["_variants"] = before
            self._renew()

    def _renew(self) -> None:
        for renew in self._followers:
            renew()

    def __getitem__(self, name: str) -> Variant:
        try:
            return self._variants[name]
        except KeyError:
            valid = ", ".join(self._variants)
            raise ConfigError(
                f"{self.kind}: expected one of {valid}, got {name!r}{suggest(name, self._variants)}"
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self._variants

    def __iter__(self) -> Iterator[str]:
        return iter(self._variants)

    def __len__(self) -> int:
        return len(self._variants)
