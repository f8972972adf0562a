"""What is wrong with a config, in words: the place of a key, what was expected, what it got."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import ValidationError

from digit_sequence.base.blocks import Block, shorten
from digit_sequence.base.text import suggest
from digit_sequence.config.model import Config
from digit_sequence.config.sections import WeightedLook
from digit_sequence.sources.registry import MIX, SOURCES

_KINDS = {
    "bool_type": "true or false",
    "date_type": "a date such as 2024-12-31",
    "dict_type": "keys and values",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_type": "a whole number",
    "invalid_key": "a key that is text",
    "list_type": "a list",
    "string_type": "text",
    "tuple_type": "a list",
}
"""What pydantic's errors of type ask for, in the words of YAML instead of Python's."""
MAX_PROBLEMS = 20
"""Problems of a config that a message tells, at most."""


def describe_problems(error: ValidationError, where: str, root: type[Block] = Config) -> str:
    """Return the problems of a config, a line each, `MAX_PROBLEMS` at most.

    Parameters
    ----------
    error : ValidationError
    where : str
        What to call the file.
    root : type
        What its keys are those of.
    """
    problems = error.errors(include_url=False)
    looks: dict[str, list[str]] = {}
    for problem in problems[:MAX_PROBLEMS]:
        match problem["loc"]:
            case ("look", str(look), "glyph" | "line", *_):
                inner = {**problem, "loc": problem["loc"][2:]}
                looks.setdefault(_describe(inner, WeightedLook), []).append(look)
            case _:
                looks[_describe(problem, root)] = []
    lines = [f"{where}: {line}{_name_looks(names)}" for line, names in looks.items()]
    if len(problems) > MAX_PROBLEMS:
        lines.append(f"{where}: and {len(problems) - MAX_PROBLEMS:,} more problems")
    return "\n".join(lines)


def _name_looks(names: Sequence[str]) -> str:
    """Return which looks a problem is of, whether theirs or of what is laid over them."""
    if not names:
        return ""
    listed = " and ".join(map(_shorten_step, names))
    return f" (in the look{'s' * (len(names) > 1)} {listed})"


def _describe(problem: Mapping[str, Any], root: type[Block]) -> str:
    """Turn one of pydantic's errors into `path.to.key: expected, got`."""
    steps = enumerate(problem["loc"])
    place = [step for depth, step in steps if not _is_source(problem["loc"][:depth])]
    sources = SOURCES if len(place) == 1 else MIX.kinds
    if place and place[-1] == "[key]":
        place.pop()
    message = problem["msg"]
    match problem["type"]:
        case "extra_forbidden":
            valid = _valid_keys(root, problem["loc"][:-1])
            hint = suggest(place[-1], valid)
            message = f"unknown key; expected one of {', '.join(valid)}{hint}"
        case "missing":
            message = "expected a value, got none"
        case "union_tag_not_found":
            place.append("name")
            message = f"expected one of {', '.join(sources)}, got none"
        case "union_tag_invalid":
            place.append("name")
            name = problem["ctx"]["tag"]
            message = f"expected one of {', '.join(sources)}, got {shorten(name)}"
            message += suggest(name, sources)
        case "value_error":
            message = message.removeprefix("Value error, ")
        case "model_type" | "model_attributes_type":
            keys = ", ".join(_valid_keys(root, problem["loc"]))
            message = f"expected a block with the keys {keys}, got {shorten(problem['input'])}"
        case kind:
            message = re.sub(r"^\w+ should (be|have) ", "expected ", message)
            message = re.sub(r" after validation, not \d+$", "", message)
            message = f"expected {_KINDS[kind]}" if kind in _KINDS else message
            given = problem["input"]
            message += f", got {shorten(list(given) if isinstance(given, tuple) else given)}"
    return f"{'.'.join(map(_shorten_step, place))}: {message}" if place else message


def _shorten_step(step: str | int) -> str:
    """Return a key or a position, cut to what a line of a message has room for."""
    text = str(step)
    return text if len(text) <= 80 else f"{text[:80]}..."


def _valid_keys(root: type[Block], place: Sequence[str | int]) -> list[str]:
    """List the keys of the block at `place` below another."""
    kind: Any = root
    for depth, step in enumerate(place):
        if _is_source(place[:depth]):
            kind = SOURCES[str(step)].Settings
        elif get_origin(kind) is dict:
            kind = _find_keys(get_args(kind)[1])
        elif isinstance(step, str):  # a position in a list leads to no other block
            kind = _find_keys(kind.model_fields[step].annotation)
    return list(kind.model_fields)


def _is_source(place: Sequence[str | int]) -> bool:
    """Return whether what follows a place is the name of a source, which is no key."""
    match tuple(place):
        case ("source",) | ("source", MIX.name, "parts", _, "source"):
            return True
    return False


def _find_keys(annotation: Any) -> Any:
    """Return what has keys in the type of a field, alone or in a union: a block, or a dict."""
    if isinstance(annotation, type) and issubclass(annotation, Block):
        return annotation
    if get_origin(annotation) is dict:
        return annotation
    return next(filter(None, map(_find_keys, get_args(annotation))), None)
