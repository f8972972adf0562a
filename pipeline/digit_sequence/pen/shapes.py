"""Reading shapes: strokes of a few points, as ``shapes.yaml`` says them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.blocks import shorten
from digit_sequence.base.yaml import parse_yaml

ADDITIONS = ("bar", "upstroke", "foot")
"""What can be added to a glyph: see `additions`."""
MAX_POINTS = 24
"""Of a stroke."""
MAX_STROKES = 8
"""Of a shape."""
MAX_SHAPES = 24
"""Of a digit."""
MIN_HEIGHT = 0.5
"""Of a digit: what is lower is none, but a dot or a dash."""
_POINT = re.compile(r"(-?[0-9]*\.?[0-9]+),(-?[0-9]*\.?[0-9]+)(!?)")
_NAME = re.compile("[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True, eq=False)
class Stroke:
    """A line that a pen draws without leaving the paper; equal to itself alone."""

    points: NDArray[np.float64]
    """(P, 2) down and across, in heights of the shape."""
    corners: NDArray[np.bool_]
    """(P,) where the curve through them has a corner."""


@dataclass(frozen=True)
class Shape:
    """One way to write a digit, or a mark."""

    name: str
    strokes: tuple[Stroke, ...] = ()
    additions: tuple[str, ...] = ()
    """What makes it of a glyph of the source, where it has no strokes."""
    weight: float = 1.0
    """How often it is taken, beside the others of its digit."""


@cache
def load_shapes() -> dict[str, Shape]:
    """Return the shapes of this package: of digits as ``7/hook``, of marks as ``comma``."""
    tree = _read_tree()
    del tree["signs"]
    marks = {name: _parse_shape(name, value, name) for name, value in tree.pop("marks").items()}
    return parse_shapes(tree) | marks


@cache
def load_signs() -> dict[str, Shape]:
    """Return the shapes of signs, by sign and name: ``,/hook``."""
    return {
        f"{sign}/{name}": _parse_shape(name, value, f"signs.{sign}.{name}")
        for sign, shapes in _read_tree()["signs"].items()
        for name, value in shapes.items()
    }


def _read_tree() -> dict[str, Any]:
    """Read the shapes of this package."""
    path = Path(__file__).with_name("shapes.yaml")
    tree: dict[str, Any] = parse_yaml(path.read_text(encoding="utf-8"), path.name)
    return tree


def parse_shapes(tree: object) -> dict[str, Shape]:
    """Return shapes of digits, by digit and name: ``7/hook``.

    Parameters
    ----------
    tree : object
        What a YAML file of shapes holds, see ``shapes.yaml``.

    Raises
    ------
    ValueError
        Where it is not as ``shapes.yaml`` explains: names the place.
    """
    if not isinstance(tree, Mapping) or set(tree) != {"digits"}:
        got = shorten(list(tree)) if isinstance(tree, Mapping) else "no keys"
        raise ValueError(f"expected one key, digits, got {got}")
    digits = tree["digits"]
    if not isinstance(digits, Mapping) or not digits:
        raise ValueError(
            f"digits: expected some of the digits 0 to 9 and their shapes, got {shorten(digits)}"
        )
    found: dict[str, Shape] = {}
    for key, shapes in digits.items():
        digit = str(key)
        is_twice = any(name.startswith(f"{digit}/") for name in found)
        if isinstance(key, bool) or not re.fullmatch("[0-9]", digit) or is_twice:
            raise ValueError(f"digits: expected each of 0 to 9 once at most, got {shorten(key)}")
        if not isinstance(shapes, Mapping) or not 1 <= len(shapes) <= MAX_SHAPES:
            raise ValueError(
                f"digits.{digit}: expected 1 to {MAX_SHAPES} shapes by name, got {shorten(shapes)}"
            )
        for name, value in shapes.items():
            place = f"digits.{digit}.{name if isinstance(name, str) else shorten(name)}"[:80]
            shape = found[f"{digit}/{name}"] = _parse_shape(name, value, place)
            if shape.strokes and (height := _find_height(shape)) < MIN_HEIGHT:
                raise ValueError(
                    f"{place}: expected strokes of a digit from about 0 down to 1, {MIN_HEIGHT:g} "
                    f"at least, got {height:g}"
                )
    return found


def _find_height(shape: Shape) -> float:
    """Return how far down its lowest point is below its highest."""
    rows = np.concatenate([stroke.points[:, 0] for stroke in shape.strokes])
    return float(np.ptp(rows))


def _parse_shape(name: object, value: object, where: str) -> Shape:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            f"{where}: expected a name of 1 to 32 of a to z, 0 to 9 and _, got {shorten(name)}"
        )
    block = value if isinstance(value, Mapping) else {"strokes": value}
    if not set(block) <= {"strokes", "add", "weight"} or ("strokes" in block) == ("add" in block):
        raise ValueError(
            f"{where}: expected strokes or add, and weight if it is not 1, got "
            f"{shorten(list(block))}"
        )
    weight = block.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight <= 1000:
        raise ValueError(
            f"{where}.weight: expected a number above 0, up to 1000, got {shorten(weight)}"
        )
    parts = block.get("strokes", block.get("add"))
    if not isinstance(parts, list) or not 1 <= len(parts) <= MAX_STROKES:
        raise ValueError(f"{where}: expected a list of 1 to {MAX_STROKES}, got {shorten(parts)}")
    if "strokes" in block:
        strokes = tuple(_parse_stroke(part, f"{where}[{i}]") for i, part in enumerate(parts))
        return Shape(name, strokes=strokes, weight=float(weight))
    for part in parts:
        if part not in ADDITIONS or parts.count(part) > 1:
            raise ValueError(
                f"{where}.add: expected each of {', '.join(ADDITIONS)} once at most, got "
                f"{shorten(part)}"
            )
    return Shape(name, additions=tuple(parts), weight=float(weight))


def _parse_stroke(text: object, where: str) -> Stroke:
    words = text.split() if isinstance(text, str) else []
    points = [_POINT.fullmatch(word) for word in words]
    if not 1 <= len(points) <= MAX_POINTS or None in points:
        wrong = next((word for word, point in zip(words, points, strict=True) if not point), text)
        raise ValueError(
            f'{where}: expected 1 to {MAX_POINTS} points "across,down", such as ".1,.25", got '
            f"{shorten(wrong)}"
        )
    found = [point.groups() for point in points if point]
    across, down = (np.array([float(groups[axis]) for groups in found]) for axis in (0, 1))
    beyond = (abs(across) > 3) | (abs(down - 0.5) > 1)
    if beyond.any():
        raise ValueError(
            f"{where}: expected across from -3 to 3 and down from -0.5 to 1.5, got "
            f"{words[int(beyond.argmax())]!r}"
        )
    return Stroke(np.stack([down, across], axis=-1), np.array([bool(g[2]) for g in found]))


def dump_shapes(tree: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a tree of shapes with text for keys, as JSON has it."""
    return {"digits": {str(digit): dict(shapes) for digit, shapes in tree["digits"].items()}}
