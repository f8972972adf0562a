"""What of a config can be changed in a page: its ranges, numbers and switches, as controls."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from digit_sequence.base.blocks import Block, find_bounds
from digit_sequence.base.columns import Column
from digit_sequence.config.canvas import Canvas
from digit_sequence.config.model import Config, Hand
from digit_sequence.transforms.registry import TRANSFORMS
from digit_sequence.transforms.transform import Transform, list_drawn_fields

Kind = Literal["range", "number", "switch", "choice", "text"]


@dataclass(frozen=True)
class Control:
    """A key of the config, or a value of a recipe, with what it may be."""

    path: str
    """Dotted; of a recipe the label column."""
    about: str
    kind: Kind
    value: Any
    low: float | None = None
    high: float | None = None
    """Ends of its slider."""
    step: float = 1
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """A block of the config."""

    name: str
    about: str
    controls: tuple[Control, ...]
    columns: tuple[Column, ...] = ()
    """Label columns that it draws."""
    values: Mapping[str, Control] = field(default_factory=dict)
    """As of `list_values`."""


def list_groups(config: Config) -> Iterator[Group]:
    """Yield the blocks of a config without looks whose change draws the same number otherwise."""
    yield Group("canvas", _tell(Canvas), tuple(_list_controls("canvas", config.canvas)))
    if config.hand:
        yield Group("hand", _tell(Hand), tuple(_list_controls("hand", config.hand)))
    for transform in config.transforms:
        path = f"{transform.section}.{transform.name}"
        yield Group(
            path,
            _tell(type(transform)),
            tuple(_list_transform(path, transform)),
            (*transform.columns, *transform.measured),
            list_values(transform),
        )


def list_unused(config: Config) -> dict[str, tuple[str, Any]]:
    """Return the transforms that are off, by path: what each does, and settings that show it."""
    used = {transform.name for transform in config.transforms}
    return {
        f"{it.section}.{it.name}": (_tell(it), it.example)
        for name, it in TRANSFORMS.items()
        if name not in used and it.example is not None
    }


def list_values(transform: Transform) -> dict[str, Control]:
    """Return what changes the values that a transform has drawn, by label column.

    A value of a sample changes by the setting that it is drawn from: a range of that value alone.
    Those of digits change one by one, within their range.
    """
    settings = transform.settings
    if not (isinstance(settings, Block) and transform.columns):
        return {}
    controls = {}
    for column, name in _match_fields(transform, settings):
        bounds, example = getattr(settings, name), (transform.example or {}).get(name)
        path = f"{transform.section}.{transform.name}.{name}"
        control = _make_control(path, type(settings).model_fields[name], bounds, example)
        if control.kind == "range" and column.per == "sample":
            controls[column.name] = control
        elif control.kind == "range" and type(transform).draw is Transform.draw:
            low, high = bounds
            controls[column.name] = replace(
                control, path=column.name, kind="number", low=low, high=high
            )
    return controls


def _match_fields(transform: Transform, settings: Block) -> Iterator[tuple[Column, str]]:
    """Yield label columns with the field that each is drawn from."""
    fields = list_drawn_fields(settings)
    if type(transform).draw is Transform.draw:
        yield from zip(transform.columns, fields, strict=True)
    elif len(transform.columns) == len(fields) == 1:
        if _is_alike(transform.columns[0], getattr(settings, fields[0])):
            yield transform.columns[0], fields[0]
    else:
        for column in transform.columns:
            own = (it for it in fields if f"_{column.name}".endswith(f"_{it}"))
            yield from ((column, it) for it in own if _is_alike(column, getattr(settings, it)))


def _is_alike(column: Column, bounds: Any) -> bool:
    """Tell whether a column has values as a range has; what follows from one often has others."""
    kinds = {"float64": float, "int16": int, "int32": int, "int64": int}
    return isinstance(bounds, tuple) and type(bounds[0]) is kinds.get(column.type)


def _list_transform(path: str, transform: Transform) -> Iterator[Control]:
    settings = transform.settings
    if isinstance(settings, Block):
        yield from _list_controls(path, settings, transform.example)
    else:
        annotation = type(transform).Settings
        about = FieldInfo.from_annotation(annotation)
        yield _make_control(path, about, settings, transform.example)


def _list_controls(path: str, block: Block, example: Any = None) -> Iterator[Control]:
    examples = example if isinstance(example, Mapping) else {}
    for name, about in type(block).model_fields.items():
        value = getattr(block, name)
        yield _make_control(f"{path}.{name}", about, value, examples.get(name))


def _make_control(path: str, info: FieldInfo, value: Any, example: Any) -> Control:
    """Return the control of a field, by its type; its slider reaches beyond the example's."""
    about = " ".join((info.description or "").split()).replace("`", "")
    kind = _strip(info.annotation)
    if get_origin(kind) is Literal:
        return Control(path, about, "choice", value, options=tuple(map(str, get_args(kind))))
    if kind is bool:
        return Control(path, about, "switch", value)
    if isinstance(value, tuple) and len(value) == 2 and get_origin(kind) is tuple:
        return _fit(Control(path, about, "range", list(value)), get_args(kind)[0], example)
    if kind in (int, float) and isinstance(value, int | float):
        whole = Annotated[(kind, *info.metadata)] if info.metadata else kind
        return _fit(Control(path, about, "number", value), whole, example)
    text = json.dumps(value, default=_dump, ensure_ascii=False)
    return Control(path, about, "text", text)


def _strip(annotation: Any) -> Any:
    """Return a type without marks, and without None."""
    if get_origin(annotation) is Annotated:
        return _strip(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
        return _strip(kinds[0]) if len(kinds) == 1 else annotation
    return annotation


def _dump(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, Block) else str(value)


def _fit(control: Control, kind: Any, example: Any) -> Control:
    """Give a control the ends and the step of its slider."""
    bounds = find_bounds(kind)
    numbers = [*_list_numbers(control.value), *_list_numbers(example)]
    is_integer = _strip(kind) is int
    room = (max(numbers) - min(numbers)) / 2 or max(abs(numbers[0]), 1)
    low, high = min(numbers) - room, max(numbers) + room
    ends = [it for it in (bounds.low, bounds.high) if it is not None]
    if len(ends) == 2 and ends[1] - ends[0] <= 4 * (high - low):
        low, high = ends
    low = low if bounds.low is None else max(low, bounds.low)
    high = high if bounds.high is None else min(high, bounds.high)
    decimals = 0 if is_integer else bounds.decimals or 2
    step = 10.0**-decimals
    return replace(control, low=round(low, decimals), high=round(high, decimals), step=step)


def _list_numbers(value: Any) -> list[float]:
    values = value if isinstance(value, list | tuple) else [value]
    return [it for it in values if isinstance(it, int | float) and not isinstance(it, bool)]


def _tell(thing: Any) -> str:
    """Return the first paragraph of a docstring."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split()).replace("`", "")
