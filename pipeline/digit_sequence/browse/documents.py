"""What the page shows, as documents of JSON: pictures, recipes, columns, values.

Every text in them may be anybody's: they hold text alone, which the page shows as text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from digit_sequence.base.characters import CHARACTERS
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.text import escape_line
from digit_sequence.browse.controls import list_groups
from digit_sequence.codec.polygons import trace_polygons
from digit_sequence.config.model import Config
from digit_sequence.report.subject import Picture
from digit_sequence.report.tiles import make_tile

_MOST_WORDS = 40
"""Different texts of a column that are offered to choose from."""
_MOST_LETTERS = 400
"""Of a value that is shown."""
_MOST_CORNERS = 4000
"""Of the polygons of a sample that are drawn."""

Document = dict[str, Any]


def take_sections(config: Config) -> Document:
    """Return the blocks of a config that say how its numbers look."""
    tree = config.model_dump(mode="json")
    return {name: tree[name] for name in ("canvas", "glyph", "line")}


def nest(settings: Mapping[str, Any]) -> Document:
    """Return dotted keys as a tree."""
    tree: Document = {}
    for path, value in settings.items():
        *parents, key = path.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                raise ConfigError(f"{path}: expected one change of {parent}, got two")
        node[key] = value
    return tree


def write_fragment(tree: Any, depth: int = 0) -> str:
    """Return a part of a config as YAML, a key a line but for blocks without blocks.

    >>> print(write_fragment({"line": {"blur": {"sigma": [0.5, 1]}}, "seed": 3}))
    line:
      blur: {"sigma": [0.5, 1]}
    seed: 3
    """
    lines = []
    for name, value in tree.items():
        if isinstance(value, dict) and any(isinstance(it, dict) for it in value.values()):
            lines += [f"{'  ' * depth}{name}:", write_fragment(value, depth + 1)]
        else:
            lines.append(f"{'  ' * depth}{name}: {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines)


def show_recipe(config: Config, row: Mapping[str, Any]) -> Document:
    """Return the blocks of a config, with what was drawn by each."""
    groups = []
    for group in list_groups(config):
        names = [column.name for column in group.columns if column.name in row]
        values = {name: row[name] for name in names}
        groups.append(
            {
                "name": group.name,
                "about": group.about,
                "controls": [vars(control) for control in group.controls],
                "is_applied": not names or any(map(_is_something, values.values())),
                "values": [
                    {
                        "name": column.name,
                        "meaning": column.meaning,
                        "values": [*values[column.name]]
                        if column.per == "digit"
                        else [values[column.name]],
                        "per": column.per,
                        "control": vars(group.values[column.name])
                        if column.name in group.values
                        else None,
                    }
                    for column in group.columns
                    if column.name in values
                ],
            }
        )
    return {"groups": groups}


def _is_something(value: Any) -> bool:
    return any(map(bool, value)) if isinstance(value, list) else bool(value)


def show_picture(key: str, picture: Picture | str) -> Document:
    """Return an image with its boxes, masks and polygons; or what is wrong with it."""
    if isinstance(picture, str):
        return {"key": key, "fault": escape_line(picture)[:2000]}
    tile = make_tile(picture)
    codes = picture.boxes[:, 0].tolist()
    return {
        "key": key,
        "number": escape_line(tile.title),
        "look": escape_line(picture.look),
        "width": tile.width,
        "height": tile.height,
        "image": tile.image,
        "mask": tile.mask,
        "boxes": [
            [_name_code(code), box.left, box.top, box.width, box.height]
            for code, box in zip(codes, tile.boxes, strict=True)
        ],
        "polygons": _trace(picture),
    }


def _name_code(code: int) -> str:
    return CHARACTERS[code] if 0 <= code < len(CHARACTERS) else "?"


def _trace(picture: Picture) -> list[list[str]]:
    """Return the polygons of each digit as points of SVG."""
    if not picture.masks:
        return []
    masks = np.stack(picture.masks)
    traced = trace_polygons(masks, np.zeros((len(masks), 2), np.int64))
    if sum(len(ring) for rings in traced for ring in rings) > 2 * _MOST_CORNERS:
        return []
    return [[" ".join(map(str, ring)) for ring in rings] for rings in traced]


def sum_up(values: pa.ChunkedArray | None) -> Document:
    """Return of which kind the values of a column are, and their range or words."""
    if values is None:
        return {"kind": "other"}
    array = values.combine_chunks()
    is_list = pa.types.is_list(array.type)
    array = array.flatten() if is_list else array
    per = {"per": "digit"} if is_list else {}
    kind = array.type
    if pa.types.is_boolean(kind):
        return {"kind": "flag", **per}
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        ends = pc.min_max(array).as_py()
        return {"kind": "number", "low": _finite(ends["min"]), "high": _finite(ends["max"]), **per}
    if pa.types.is_string(kind):
        words = array.unique()
        few = words.to_pylist() if len(words) <= _MOST_WORDS else []
        return {"kind": "text", "words": sorted(escape_line(it) for it in few if it), **per}
    return {"kind": "other", **per}


def _finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None


def show(value: Any) -> str:
    """Return a value as the page shows it."""
    if value is None:
        return ""
    if isinstance(value, float):
        text = f"{value:.6g}"
    elif isinstance(value, list | tuple):
        text = ", ".join(map(show, value))
    elif isinstance(value, dict):
        text = "{" + ", ".join(f"{name} {show(it)}" for name, it in value.items()) + "}"
    else:
        text = str(value)
    return escape_line(text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]} ...")
