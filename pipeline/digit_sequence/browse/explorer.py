"""What the page asks of one dataset, or of two beside each other, as documents of JSON.

Every text in them may be anybody's: they hold text alone, which the page shows as text.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, ValidationError

from digit_sequence.base.blocks import AnyBlock, Block
from digit_sequence.base.characters import INKED
from digit_sequence.base.columns import MASKS, POLYGONS
from digit_sequence.base.errors import ConfigError, PipelineError
from digit_sequence.base.text import escape, escape_line
from digit_sequence.browse.collection import Collection
from digit_sequence.browse.controls import list_groups, list_unused
from digit_sequence.browse.index import Index, UnreadableError
from digit_sequence.browse.question import Question
from digit_sequence.browse.redraw import Change, find_config, redraw
from digit_sequence.codec.polygons import trace_polygons
from digit_sequence.config.messages import describe_problems
from digit_sequence.config.model import Config
from digit_sequence.report.columns import list_columns
from digit_sequence.report.subject import Picture
from digit_sequence.report.tiles import make_tile
from digit_sequence.store.labels import COLUMNS, PIXEL_HASH

MOST_FOUND = 20_000
"""Samples of a question that can be paged through."""
MOST_SHOWN = 200
"""On a page."""
_MOST_ROWS = 1000
"""Of a table that a query gives."""
_MOST_WORDS = 40
"""Different texts of a column that are offered to choose from."""
_MOST_LETTERS = 400
"""Of a value that is shown."""
_MOST_CORNERS = 4000
"""Of the polygons of a sample that are drawn."""
_KEPT = 4
"""Questions whose answers are kept."""

Document = dict[str, Any]


class PageRequest(Block):
    """Some of the samples that a question finds."""

    question: Question = Question()
    start: int = Field(0, ge=0)
    count: int = Field(60, ge=1, le=MOST_SHOWN)
    with_masks: bool = False


class SampleRequest(Block):
    """One sample."""

    key: str = Field(max_length=1000)


class DrawRequest(Change):
    """One sample, drawn anew."""

    key: str = Field(max_length=1000)


@dataclass(frozen=True)
class Found:
    """The samples that a question finds."""

    total: int
    keys: Sequence[str]
    values: Sequence[str | None]
    """What each is sorted by."""


class Explorer:
    """Answers what the page asks of one collection.

    Parameters
    ----------
    collection : Collection
    origin : str
        As the user has given it, for commands.
    """

    def __init__(self, collection: Collection, origin: str) -> None:
        self._collection, self._origin = collection, origin
        self._lock = threading.Lock()
        """Of all that reads or draws, which keeps caches."""
        self._index = Index(collection.open_rows)
        self._found: OrderedDict[str, Found] = OrderedDict()

    def describe(self) -> Document:
        """Return what there is: splits, columns with their ranges, faults."""
        collection = self._collection
        with self._lock:
            rows = collection.read_some()
        meanings = {it.name: it.meaning for it in (*COLUMNS, PIXEL_HASH, MASKS, POLYGONS)}
        meanings |= {name: column.meaning for name, column in list_columns().items()}
        columns = [
            {"name": escape_line(name), "meaning": meanings.get(name, "")}
            | _sum_up(rows[name] if name in rows.column_names else None)
            for name in collection.schema.names
        ]
        return {
            "name": escape_line(collection.name),
            "kind": collection.kind,
            "samples": dict(collection.samples),
            "columns": columns,
            "faults": self._list_faults(),
        }

    def _list_faults(self) -> list[str]:
        return [escape_line(fault)[:2000] for fault in self._collection.faults[:20]]

    def stop(self) -> None:
        """End what runs, at the end of the program."""
        self._index.stop()

    # -- pages ------------------------------------------------------------------------------------

    def show_page(self, request: PageRequest) -> Document:
        """Return some of the samples of a question, or the table of a query without keys."""
        question = request.question
        if question.split not in self._collection.samples:
            question = question.model_copy(update={"split": ""})
        found: Found | Document
        stop = request.start + request.count
        if question.is_open:
            counts = self._collection.samples
            total = counts[question.split] if question.split else sum(counts.values())
            keys = self._collection.list_keys(question.split, request.start, stop)
            return self._show(Found(total, keys, [None] * len(keys)), total, request)
        found = self._find(question)
        if not isinstance(found, Found):
            return found | {"faults": self._list_faults()}
        part = slice(request.start, stop)
        shown = Found(found.total, found.keys[part], found.values[part])
        return self._show(shown, len(found.keys), request)

    def _show(self, found: Found, n_reachable: int, request: PageRequest) -> Document:
        with self._lock:
            pictures = self._collection.load(found.keys, request.with_masks)
        samples = [
            _show_picture(key, picture) | {"value": _show(value)}
            for key, value, picture in zip(found.keys, found.values, pictures, strict=True)
        ]
        return {
            "total": found.total,
            "reachable": n_reachable,
            "samples": samples,
            "faults": self._list_faults(),
        }

    def _find(self, question: Question) -> Found | Document:
        """Return what a question finds; of the last ones it is kept."""
        name = question.model_dump_json()
        if name in self._found:
            self._found.move_to_end(name)
            return self._found[name]
        found = self._ask(question) if question.is_query else self._search(question)
        if isinstance(found, Found):
            self._found[name] = found
            while len(self._found) > _KEPT:
                self._found.popitem(last=False)
        return found

    def _search(self, question: Question) -> Found:
        """Find the samples of a condition."""
        schema = self._collection.schema
        rows = self._read(question.write_query(schema), MOST_FOUND).rows
        total = len(rows)
        if total == MOST_FOUND:
            condition = question.write_condition(schema)
            ((total,),) = self._read(f"SELECT count(*) FROM labels WHERE {condition}", 1).rows
        keys = [self._collection.name_sample(split, ordinal) for split, ordinal, _ in rows]
        return Found(total, keys, [value for _, _, value in rows])

    def _ask(self, question: Question) -> Found | Document:
        """Ask a query: it gives keys, or a table to be shown."""
        answer = self._read(question.where, MOST_FOUND)
        if "key" in answer.head:
            place = answer.head.index("key")
            keys = [str(row[place]) for row in answer.rows]
            return Found(len(keys), keys, [None] * len(keys))
        rows = [list(map(_show, row)) for row in answer.rows[:_MOST_ROWS]]
        return {"head": list(map(escape_line, answer.head)), "rows": rows}

    def _read(self, query: str, most: int) -> Any:
        """Ask the index; where a label file cannot be read, once more without it."""
        try:
            return self._index.ask(query, most)
        except UnreadableError:
            self._collection.open_rows(is_thorough=True)
            self._index.close()
        try:
            return self._index.ask(query, most)
        except UnreadableError as error:
            raise ConfigError(f"label rows cannot be read: {error}") from error

    # -- one sample -------------------------------------------------------------------------------

    def show_sample(self, request: SampleRequest) -> Document:
        """Return all that is known of a sample, and what of it can be changed."""
        key, collection = request.key, self._collection
        with self._lock:
            split, ordinal = collection.find_key(key)
            row = collection.read_row(key)
            (picture,) = collection.load([key], with_masks=True)
            document: Document = {
                "picture": _show_picture(key, picture),
                "row": [[escape_line(name), _show(value)] for name, value in row.items()],
                "command": collection.write_command(self._origin, key),
                "groups": [],
            }
            try:
                config = find_config(collection.sampler, row)
                drawn = redraw(collection.sampler, split, ordinal, config, _take_change(row))
            except PipelineError as error:
                return document | {"why_not": escape(error)}
        return (
            document
            | {
                "fragment": write_fragment(_take_sections(config)),
                "unused": [
                    {"name": name, "about": about, "example": example}
                    for name, (about, example) in list_unused(config).items()
                ],
                "seed": config.seed,
                "number": row["number"],
                "sample_index": row["sample_index"],
            }
            | _show_recipe(drawn.config, drawn.row)
        )

    def draw(self, request: DrawRequest) -> Document:
        """Return a sample that is drawn anew."""
        collection = self._collection
        with self._lock:
            split, ordinal = collection.find_key(request.key)
            config = find_config(collection.sampler, collection.read_row(request.key))
            drawn = redraw(collection.sampler, split, ordinal, config, request)
        settings = request.settings
        return {
            "picture": _show_picture(request.key, drawn.picture),
            "fragment": write_fragment(_nest(settings) if settings else _take_sections(config)),
            "command": collection.write_command(self._origin, request.key, settings),
        } | _show_recipe(drawn.config, drawn.row)


def parse_request(kind: type[AnyBlock], content: bytes) -> AnyBlock:
    """Return what the page asks, checked.

    Raises
    ------
    ConfigError
        If it is no such request.
    """
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        raise ConfigError(describe_problems(error, "request", kind)) from None


def _take_change(row: Mapping[str, Any]) -> Change:
    """Return a change that changes nothing."""
    return Change(number=row["number"], sample_index=row["sample_index"])


def _take_sections(config: Config) -> Document:
    tree = config.model_dump(mode="json")
    return {name: tree[name] for name in ("canvas", "glyph", "line")}


def _nest(settings: Mapping[str, Any]) -> Document:
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


def _show_recipe(config: Config, row: Mapping[str, Any]) -> Document:
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


def _show_picture(key: str, picture: Picture | str) -> Document:
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
    return INKED[code] if 0 <= code < len(INKED) else "?"


def _trace(picture: Picture) -> list[list[str]]:
    """Return the polygons of each digit as points of SVG."""
    if not picture.masks:
        return []
    masks = np.stack(picture.masks)
    traced = trace_polygons(masks, np.zeros((len(masks), 2), np.int64))
    if sum(len(ring) for rings in traced for ring in rings) > 2 * _MOST_CORNERS:
        return []
    return [[" ".join(map(str, ring)) for ring in rings] for rings in traced]


def _sum_up(values: pa.ChunkedArray | None) -> Document:
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


def _show(value: Any) -> str:
    """Return a value as a page shows it."""
    if value is None:
        return ""
    if isinstance(value, float):
        text = f"{value:.6g}"
    elif isinstance(value, list | tuple):
        text = ", ".join(map(_show, value))
    elif isinstance(value, dict):
        text = "{" + ", ".join(f"{name} {_show(it)}" for name, it in value.items()) + "}"
    else:
        text = str(value)
    return escape_line(text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]} ...")
