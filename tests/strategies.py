"""Everything that the blocks canvas, glyph and line may hold, from what transforms declare."""

from __future__ import annotations

import base64
import contextlib
import math
from collections.abc import Collection, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import numpy as np
from hypothesis import strategies as st
from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from digit_sequence.base.blocks import Block, find_bounds
from digit_sequence.codec.encoding import encode_image
from digit_sequence.config.canvas import MIN_INK_ROWS
from digit_sequence.transforms.registry import TRANSFORMS
from digit_sequence.transforms.transform import Transform

TEXTURE = (
    "data:"
    + base64.b64encode(
        encode_image((np.arange(40 * 50) % 97 + 120).astype(np.uint8).reshape(40, 50), "png")
    ).decode()
)
"""A picture of paper, as a config carries it."""


def numbers(kind: Any) -> st.SearchStrategy[float]:
    """Draw a number of an annotated type."""
    bounds = find_bounds(kind)
    assert bounds.low is not None
    assert bounds.high is not None
    if get_args(kind)[0] is int:
        return st.integers(int(bounds.low), int(bounds.high))
    unit = 10 ** (bounds.decimals or 2)
    steps = st.integers(round(bounds.low * unit), round(bounds.high * unit))
    return steps.map(lambda step: step / unit)


def values(kind: Any) -> st.SearchStrategy[Any]:  # noqa: PLR0911, C901 - a case a line
    """Draw a value of the type of a field, as YAML has it."""
    if kind is str or kind == dict[str, Any]:  # a file of the user's, or its content
        return st.nothing()
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated and arguments[0] is str and isinstance(arguments[1], BeforeValidator):
        return st.just(TEXTURE)
    if origin is Annotated and arguments[0] is str:
        (pattern,) = (
            part.metadata[0].pattern for part in arguments[1:] if hasattr(part, "metadata")
        )
        return st.from_regex(pattern, fullmatch=True)
    if origin is Annotated and get_origin(arguments[0]) in (tuple, dict, Union, UnionType):
        kind = arguments[0]
        origin, arguments = get_origin(kind), get_args(kind)
    if origin is tuple:
        return st.lists(numbers(arguments[0]), min_size=2, max_size=2).map(sorted)
    if origin is dict:
        return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=3)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, UnionType):
        return st.one_of(*(values(kind) for kind in arguments))
    if kind is NoneType:
        return st.none()
    if isinstance(kind, type) and issubclass(kind, Block):
        return blocks(kind)
    return numbers(kind)


def blocks(block: type[Block]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw a block; a transform is drawn to be applied always, or at times."""
    fields = {
        name: values(
            Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        )
        for name, field in block.model_fields.items()
    }
    if "probability" in fields:
        fields["probability"] = st.sampled_from([1.0, 1.0, 0.5, 0.0])
    return st.fixed_dictionaries(fields)


def transforms(
    section: str, only: Collection[str] | None = None
) -> st.SearchStrategy[dict[str, Any]]:
    """Draw a section: each of its transforms, or some of them, on or off."""
    fields = {}
    for transform in TRANSFORMS.values():
        if transform.section == section and (only is None or transform.name in only):
            drawn = values(transform.Settings)
            fields[transform.name] = drawn if transform.default is not None else st.none() | drawn
    return st.fixed_dictionaries(fields)


def ranges(low: float, high: float, decimals: int = 2) -> st.SearchStrategy[list[float]]:
    """Draw [low, high] with low <= high; integers if `decimals` is 0."""
    unit = 10**decimals
    steps = st.integers(round(low * unit), round(high * unit))
    return st.lists(
        steps.map(lambda step: step / unit if decimals else step), min_size=2, max_size=2
    ).map(sorted)


ROOMY = {"height": 112, "width": 300}
"""A canvas that is a place for every transform at its widest."""
canvases = st.fixed_dictionaries(
    {
        "height": st.integers(8, 128),
        "width": st.integers(48, 400),
        "align": st.sampled_from(["left", "center", "right"]),
    }
)
glyph_transforms = transforms("glyph")
line_transforms = transforms("line")
number_texts = st.text("0123456789", min_size=1, max_size=8)


def make_legible(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of a config's tree the transforms that its canvas is no place for."""
    tree = {key: dict(value) if isinstance(value, dict) else value for key, value in tree.items()}
    canvas = {"height": 28, "width": 200} | tree.get("canvas", {})
    for transform in TRANSFORMS.values():
        settings = tree.get(transform.section, {}).get(transform.name)
        if isinstance(settings, dict) and not _is_legible(transform, settings, canvas):
            del tree[transform.section][transform.name]
    shares = _find_least_shares(tree)
    while canvas["height"] * math.prod(shares.values()) < MIN_INK_ROWS:
        section, name = min(shares, key=lambda place: shares[place])
        del shares[section, name], tree[section][name]
    return tree


def _find_least_shares(tree: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """Return the share of its rows that each transform leaves a digit, of those below 1."""
    shares = {}
    for transform in TRANSFORMS.values():
        settings = tree.get(transform.section, {}).get(transform.name)
        if isinstance(settings, dict):
            with contextlib.suppress(ValueError):  # a config says better what is wrong with it
                checked = transform.Settings.model_validate(settings)
                shares[transform.section, transform.name] = transform(checked).find_least_share()
    return {place: share for place, share in shares.items() if share < 1}


def _is_legible(
    transform: type[Transform], settings: dict[str, Any], canvas: Mapping[str, Any]
) -> bool:
    try:
        checked = transform.Settings.model_validate(settings)
    except ValueError:
        return True  # a config says better what is wrong with it
    try:
        transform(checked).check(canvas["height"], int(np.max(canvas["width"])))
    except ValueError:
        return False
    return True


def trees() -> st.SearchStrategy[dict[str, Any]]:
    """Draw canvas, transforms and seed of a config: all that is in the registry by now."""
    return st.fixed_dictionaries(
        {
            "seed": st.integers(0, 2**62),
            "canvas": canvases,
            "glyph": transforms("glyph"),
            "line": transforms("line"),
        }
    ).map(make_legible)


def fill(kind: Any, probability: float = 0.5) -> Any:
    """Return the settings of a transform: its ranges as wide as they may be, without 0 as an end.

    Parameters
    ----------
    kind : type
        `Transform.Settings`.
    probability : float
        How often it is to be applied.
    """
    if isinstance(kind, type) and issubclass(kind, Block):
        settings = {
            name: fill(Annotated[(field.annotation, *field.metadata)])
            for name, field in kind.model_fields.items()
            if field.metadata and get_origin(field.annotation) is tuple
        }
        settings |= {
            name: TEXTURE if field.annotation is str else _find_middle(field)
            for name, field in kind.model_fields.items()
            if field.annotation in (float, str)
        }
        return settings | (
            {"probability": probability} if "probability" in kind.model_fields else {}
        )
    if get_origin(kind) is Literal:
        return get_args(kind)[0]
    low_kind = get_args(get_args(kind)[0])[0]
    bounds = find_bounds(low_kind)
    assert bounds.low is not None
    assert bounds.high is not None
    step = 1 if get_args(low_kind)[0] is int else 10**-bounds.decimals
    return [bounds.low or step, bounds.high]


def _find_middle(field: FieldInfo) -> float:
    """Return a value of a field, half way between its bounds."""
    bounds = find_bounds(Annotated[(float, *field.metadata)])
    assert bounds.low is not None
    assert bounds.high is not None
    return (bounds.low + bounds.high) / 2


def fill_sections(probability: float = 0.5) -> dict[str, dict[str, Any]]:
    """Return the sections of a config that applies every transform, on a roomy canvas."""
    sections: dict[str, dict[str, Any]] = {"glyph": {}, "line": {}}
    for transform in TRANSFORMS.values():
        sections[transform.section][transform.name] = fill(transform.Settings, probability)
    sections["line"]["height"]["share"][0] = (
        0.25  # the smallest digit of the lowest line is legible
    )
    return sections
