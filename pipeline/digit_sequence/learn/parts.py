"""The parts of a config that can be left out: a transform, a group of them, a look.

=====================  =========================================================================
key                    what it leaves out
=====================  =========================================================================
line.noise, noise      a transform
glyph, line            all transforms of a section
cell, ink, mark, page  all transforms of a package of transforms; choice too
look.fax, fax          a look of several: the others are chosen in its place
=====================  =========================================================================

Where two have one name, a section comes first, then a look, a transform, a package.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from digit_sequence.base.blocks import shorten
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.text import suggest
from digit_sequence.config.loading import parse_config
from digit_sequence.config.model import Config
from digit_sequence.transforms.registry import TRANSFORMS

BASE = "base"
"""The variant with everything."""
NAME = "[A-Za-z0-9_.,+-]{1,64}"

_OURS = ["digit_sequence", "transforms"]
"""Transforms of other packages are in none of ours."""
Place = tuple[str, str]
"""Section and name of a transform; or "look" and the name of a look."""
Places = frozenset[Place]


@dataclass(frozen=True)
class Variant:
    """A config, and what was left out of it."""

    name: str
    """`BASE`, or that of what is left out."""
    config: Config


def list_parts(config: Config) -> dict[str, Places]:
    """Return what of a config can be left out, by key."""
    blocks = tuple(config.look.values()) if config.look else (config,)
    transforms = {
        (it.section, it.name): it.__module__.split(".")
        for it in TRANSFORMS.values()
        if any(getattr(getattr(block, it.section), it.name) != it.default for block in blocks)
    }
    looks = [("look", name) for name in config.look or {}] if len(blocks) > 1 else []
    parts: dict[str, Places] = {}
    for pairs in (
        [(".".join(place), place) for place in (*looks, *transforms)],
        [(place[0], place) for place in transforms],
        [(place[1], place) for place in looks],
        [(place[1], place) for place in transforms],
        [(path[2], place) for place, path in transforms.items() if path[:2] == _OURS],
    ):
        found: defaultdict[str, set[Place]] = defaultdict(set)
        for key, place in pairs:
            found[key].add(place)
        parts = {key: frozenset(places) for key, places in found.items()} | parts
    return parts


def make_variants(config: Config, without: Sequence[str]) -> list[Variant]:
    """Return the config, and one variant of it for each text that says what to leave out.

    Parameters
    ----------
    config : Config
    without : sequence of str
        ``KEY``, ``KEY,KEY`` or ``NAME=KEY,KEY``.

    Raises
    ------
    ConfigError
        If there is no such key (lists them), or what is left is no config.
    """
    parts = list_parts(config)
    variants = {BASE: Variant(BASE, config)}
    for text in without:
        label, equals, listed = text.rpartition("=")
        name = label if equals else text
        where = f"--without {text[:80]}"
        if not re.fullmatch(NAME, name) or name in variants:
            raise ConfigError(
                f"{where}: expected a name that is no other's, of 64 letters, digits and - _ . , + "
                f"at most, got {shorten(name)}; NAME={listed[:80]} gives it one"
            )
        keys = listed.split(",")
        if unknown := [key for key in keys if key not in parts]:
            raise ConfigError(f"{where}: {_describe_unknown(unknown[0], parts)}")
        places = frozenset[Place]().union(*(parts[key] for key in keys))
        variant = Variant(name, leave_out(config, places, where))
        for other in variants.values():
            if variant.config == other.config:
                raise ConfigError(f"{where}: leaves out the same as {other.name}")
        variants[name] = variant
    return list(variants.values())


def _describe_unknown(key: str, parts: Mapping[str, Places]) -> str:
    """Say which keys there are; the short ones of single transforms and looks go unsaid."""
    exact = {place[1] for places in parts.values() for place in places}
    listed = ", ".join(name for name in parts if name not in exact)
    return f"expected what the config has, of {listed}, got {shorten(key)}{suggest(key, parts)}"


def leave_out(config: Config, places: Places, where: str) -> Config:
    """Return a config without some transforms and looks.

    Parameters
    ----------
    config : Config
    places : frozenset of (str, str)
        Of `list_parts`.
    where : str
        For messages.

    Raises
    ------
    ConfigError
        If what is left is no config.
    """
    tree = config.model_dump(mode="json")
    looks = {name for kind, name in places if kind == "look"}
    if config.look:
        splits = [split for split in tree["splits"].values() if "look" in split]
        for block in (tree, *splits):
            block["look"] = {
                name: look for name, look in block["look"].items() if name not in looks
            }
    for block in tree["look"].values() if config.look else (tree,):
        for section, name in places:
            block.get(section, {}).pop(name, None)
    return parse_config(tree, where)
