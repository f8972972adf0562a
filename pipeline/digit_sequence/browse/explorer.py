"""What the page asks of one dataset, and what it gets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import Field, ValidationError

from digit_sequence.base.blocks import AnyBlock, Block
from digit_sequence.base.characters import INKED
from digit_sequence.base.columns import MASKS, POLYGONS
from digit_sequence.base.errors import ConfigError, PipelineError
from digit_sequence.base.text import escape, escape_line
from digit_sequence.browse.collection import Collection
from digit_sequence.browse.controls import list_unused
from digit_sequence.browse.documents import (
    Document,
    nest,
    show,
    show_picture,
    show_recipe,
    sum_up,
    take_sections,
    write_fragment,
)
from digit_sequence.browse.index import Answer, Index, UnreadableError, check_wanted
from digit_sequence.browse.question import Question
from digit_sequence.browse.redraw import Change, find_config, redraw
from digit_sequence.config.messages import describe_problems
from digit_sequence.report.columns import list_columns
from digit_sequence.store.label_schema import COLUMNS, PIXEL_HASH

MOST_FOUND = 20_000
"""Samples of a question that can be paged through."""
MOST_SHOWN = 200
"""On a page."""
_MOST_ROWS = 1000
"""Of a table that a query gives."""
_KEPT = 4
"""Questions whose answers are kept."""
Read = Callable[[str, int], Answer]
"""Asks a query of a question: some rows, at most."""


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

    Who asks may go before the answer is there: each request comes with an event that is set then,
    and raises `CancelledError` where the answer would cost more.

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
        self._index = Index(self._open_rows)
        self._found: dict[str, Found] = {}

    @contextmanager
    def _hold(self, has_gone: threading.Event) -> Iterator[None]:
        with self._lock:
            check_wanted(has_gone)
            yield

    def _open_rows(self, is_thorough: bool = False) -> Any:
        with self._lock:
            return self._collection.open_rows(is_thorough)

    def describe(self) -> Document:
        """Return what there is: splits, columns with their ranges, faults."""
        collection = self._collection
        with self._lock:
            rows = collection.read_some()
        meanings = {it.name: it.meaning for it in (*COLUMNS, PIXEL_HASH, MASKS, POLYGONS)}
        meanings |= {name: column.meaning for name, column in list_columns().items()}
        columns = [
            {"name": escape_line(name), "meaning": meanings.get(name, "")}
            | sum_up(rows[name] if name in rows.column_names else None)
            for name in collection.schema.names
        ]
        return {
            "name": escape_line(collection.name),
            "kind": collection.kind,
            "samples": dict(collection.samples),
            "columns": columns,
            "characters": INKED,
            "faults": self._list_faults(),
        }

    def _list_faults(self) -> list[str]:
        return [escape_line(fault)[:2000] for fault in self._collection.faults[:20]]

    def stop(self) -> None:
        """End what runs, at the end of the program."""
        self._index.stop()

    # -- pages ------------------------------------------------------------------------------------

    def show_page(self, request: PageRequest, has_gone: threading.Event) -> Document:
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
            return self._show(Found(total, keys, [None] * len(keys)), total, request, has_gone)
        found = self._find(question, has_gone)
        if not isinstance(found, Found):
            return found | {"faults": self._list_faults()}
        part = slice(request.start, stop)
        shown = Found(found.total, found.keys[part], found.values[part])
        return self._show(shown, len(found.keys), request, has_gone)

    def _show(
        self, found: Found, n_reachable: int, request: PageRequest, has_gone: threading.Event
    ) -> Document:
        with self._hold(has_gone):
            pictures = self._collection.load(found.keys, request.with_masks)
        samples = [
            show_picture(key, picture) | {"value": show(value)}
            for key, value, picture in zip(found.keys, found.values, pictures, strict=True)
        ]
        return {
            "total": found.total,
            "reachable": n_reachable,
            "samples": samples,
            "faults": self._list_faults(),
        }

    def _find(self, question: Question, has_gone: threading.Event) -> Found | Document:
        """Return what a question finds; of the last ones it is kept."""
        name = question.model_dump_json()
        if kept := self._found.get(name):
            return kept
        read = partial(self._read, has_gone)
        found = self._ask(question, read) if question.is_query else self._search(question, read)
        if isinstance(found, Found):
            with self._lock:
                kept_last = list(self._found.items())[1 - _KEPT :]
                self._found = dict([*kept_last, (name, found)])
        return found

    def _search(self, question: Question, read: Read) -> Found:
        """Find the samples of a condition."""
        schema = self._collection.schema
        rows = read(question.write_query(schema), MOST_FOUND).rows
        total = len(rows)
        if total == MOST_FOUND:
            condition = question.write_condition(schema)
            ((total,),) = read(f"SELECT count(*) FROM labels WHERE {condition}", 1).rows
        keys = [self._collection.name_sample(split, ordinal) for split, ordinal, _ in rows]
        return Found(total, keys, [value for _, _, value in rows])

    def _ask(self, question: Question, read: Read) -> Found | Document:
        """Ask a query: it gives keys, or a table to be shown."""
        answer = read(question.where, MOST_FOUND)
        if "key" in answer.head:
            place = answer.head.index("key")
            keys = [str(row[place]) for row in answer.rows]
            return Found(len(keys), keys, [None] * len(keys))
        rows = [list(map(show, row)) for row in answer.rows[:_MOST_ROWS]]
        return {"head": list(map(escape_line, answer.head)), "rows": rows}

    def _read(self, has_gone: threading.Event, query: str, most: int) -> Answer:
        """Ask the index; where a label file cannot be read, once more without it."""
        try:
            return self._index.ask(query, most, has_gone)
        except UnreadableError:
            self._open_rows(is_thorough=True)
            self._index.close()
        try:
            return self._index.ask(query, most, has_gone)
        except UnreadableError as error:
            raise ConfigError(f"label rows cannot be read: {error}") from error

    # -- one sample -------------------------------------------------------------------------------

    def show_sample(self, request: SampleRequest, has_gone: threading.Event) -> Document:
        """Return all that is known of a sample, and what of it can be changed."""
        key, collection = request.key, self._collection
        with self._hold(has_gone):
            split, ordinal = collection.find_key(key)
            row = collection.read_row(key)
            (picture,) = collection.load([key], with_masks=True)
            document: Document = {
                "picture": show_picture(key, picture),
                "row": [[escape_line(name), show(value)] for name, value in row.items()],
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
                "fragment": write_fragment(take_sections(config)),
                "unused": [
                    {"name": name, "about": about, "example": example}
                    for name, (about, example) in list_unused(config).items()
                ],
                "seed": config.seed,
                "number": row["number"],
                "sample_index": row["sample_index"],
            }
            | show_recipe(drawn.config, drawn.row)
        )

    def draw(self, request: DrawRequest, has_gone: threading.Event) -> Document:
        """Return a sample that is drawn anew."""
        collection = self._collection
        with self._hold(has_gone):
            split, ordinal = collection.find_key(request.key)
            config = find_config(collection.sampler, collection.read_row(request.key))
            drawn = redraw(collection.sampler, split, ordinal, config, request)
        settings = request.settings
        return {
            "picture": show_picture(request.key, drawn.picture),
            "fragment": write_fragment(nest(settings) if settings else take_sections(config)),
            "command": collection.write_command(self._origin, request.key, settings),
        } | show_recipe(drawn.config, drawn.row)


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
