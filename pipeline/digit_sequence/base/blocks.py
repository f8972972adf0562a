"""Blocks of a config, and the ranges that their fields hold.

A variant (a source, a number kind, a transform, ...) declares its block beside its code; `config`
assembles them. Strings below a field are its line in the reference.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, reduce
from operator import getitem
from pathlib import Path, PurePath
from typing import Annotated, Any, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationInfo,
    create_model,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_after_validator_function

from digit_sequence.base.home import expand_home


class Block(BaseModel):
    """A block of the config: frozen, no unknown keys, no silent conversion."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


AnyBlock = TypeVar("AnyBlock", bound=Block)
NO_DOCSTRINGS = {"use_attribute_docstrings": False}
"""Of a block that is made without source code, which pydantic would look for in all modules."""


def retype_field(block: type[AnyBlock], name: str, kind: Any, **options: Any) -> type[AnyBlock]:
    """Return a block in which one field is of another type, for what registries alone know.

    Parameters
    ----------
    block : type of Block
    name : str
        Of the field, whose sentence stays.
    kind : type
    **options
        Of the field, as pydantic's `Field` takes them.
    """
    about = block.model_fields[name].description
    field: Any = (kind, Field(description=about, **options))
    made: type[AnyBlock] = create_model(
        block.__name__,
        __base__=block,
        __doc__=block.__doc__,
        __cls_kwargs__=NO_DOCSTRINGS,
        **{name: field},
    )
    return made


Probability = Annotated[float, Field(ge=0, le=1)]


def shorten(value: object, width: int = 80) -> str:
    """Return ``repr(value)``, cut in its middle to `width` characters; of None: nothing."""
    if value is None:
        return "nothing"
    try:
        text = repr(value)
    except ValueError:  # Python prints no integer of more than 4,300 digits
        return "an integer too long to print"
    half = (width - 5) // 2
    return text if len(text) <= width else f"{text[:half]} ... {text[-half:]}"


def _to_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


AS_TUPLE = BeforeValidator(_to_tuple)
"""Takes a list, as YAML has it, where a tuple is meant."""


def check_order(value: tuple[float, float]) -> tuple[float, float]:
    """Return a range [low, high]; a ValueError if low is above high."""
    if value[0] > value[1]:
        raise ValueError(f"expected [low, high] with low <= high, got {shorten(list(value))}")
    return value


AS_RANGE = (AS_TUPLE, AfterValidator(check_order))
"""What makes a range of ``tuple[Low, High]``: ``Annotated[tuple[X, X], *AS_RANGE]``."""


def match_text(pattern: str, words: str) -> tuple[Any, Any]:
    """Return what makes text of one pattern of ``str``, and says in words what it must be."""

    def check(value: object) -> object:
        if isinstance(value, str) and not re.fullmatch(pattern, value):
            raise ValueError(f"expected {words}, got {shorten(value)}")
        return value

    return Field(pattern=f"^{pattern}$"), BeforeValidator(check)


@dataclass(frozen=True)
class Decimals:
    """In the type of a field: refuses a bound that lies between the values that can be drawn."""

    count: int
    """Digits after the point, four at most."""

    def __get_pydantic_core_schema__(self, kind: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_after_validator_function(self.check, handler(kind))

    def check(self, value: float) -> float:
        """Return a bound; a ValueError if it has more digits."""
        if abs(round(value, self.count) - value) > 1e-9:
            raise ValueError(f"expected at most {self.count} decimals, got {value}")
        return value


@dataclass(frozen=True)
class Bounds:
    """Which numbers a field takes."""

    low: float | None = None
    high: float | None = None
    decimals: int = 0


def find_bounds(kind: Any) -> Bounds:
    """Return the bounds of an annotated number.

    >>> find_bounds(Annotated[float, Field(ge=0, le=5), Decimals(3)])
    Bounds(low=0, high=5, decimals=3)
    """
    low = high = None
    decimals = 0
    for part in get_args(kind)[1:]:
        if isinstance(part, Decimals):
            decimals = part.count
        for limit in (part, *getattr(part, "metadata", ())):
            low = getattr(limit, "ge", low)
            high = getattr(limit, "le", high)
    return Bounds(low, high, decimals)


# -- fields that only the machine of a build understands ------------------------------------------


def _resolve(path: str, place: ValidationInfo) -> str:
    """Take a path relative to the folder that the block is read from, if there is one.

    Without a folder it is as a dataset has published it, or as a program has given it.
    """
    folder: Path | None = place.context
    if folder is None:
        return os.path.expanduser(path)  # noqa: PTH111 - a name such as ~a stays as it is
    return str(folder / expand_home(path, folder))


_PATH = AfterValidator(_resolve)
InputPath = Annotated[str, _PATH]
"""A file or folder to read: given relative to the config file, published by its last part only."""


class _Unpublished:
    """What a dataset does not repeat."""


UNPUBLISHED = _Unpublished()
"""Marks a field that a dataset does not repeat: ``Annotated[str, UNPUBLISHED]``."""


def list_paths(block: Block) -> list[str]:
    """List the paths that a block gives in fields of `InputPath`, at any depth."""
    return [value for _, value in _find_marked(block, _PATH) if value is not None]


def local_fields(kind: type[Block]) -> dict[str, FieldInfo]:
    """Return the fields of a block, by name, that are paths of inputs or not published."""
    marked = _list_marked(kind, _PATH) | _list_marked(kind, UNPUBLISHED)
    return {key: field for key, field in kind.model_fields.items() if key in marked}


def publish_block(block: Block) -> dict[str, Any]:
    """Return a block in plain JSON values that are the same wherever it was read.

    Of each path its last part is kept, if it is given, and of unpublished fields nothing.
    """
    tree = block.model_dump(mode="json")
    for (*parents, key), path in _find_marked(block, _PATH):
        node = reduce(getitem, parents, tree)
        del node[key]
        if path:
            node[key] = PurePath(path).name
    for (*parents, key), _ in _find_marked(block, UNPUBLISHED):
        del reduce(getitem, parents, tree)[key]
    return tree


def _find_marked(block: Block, mark: object) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the place and the value of each field with a mark."""
    marked = _list_marked(type(block), mark)
    for key in type(block).model_fields:
        value = getattr(block, key)
        if key in marked:
            yield (key,), value
            continue
        for place, inner in value.items() if isinstance(value, dict) else ((None, value),):
            if isinstance(inner, Block):
                above = (key,) if place is None else (key, place)
                yield from (((*above, *rest), found) for rest, found in _find_marked(inner, mark))


@cache
def _list_marked(kind: type[Block], mark: object) -> frozenset[str]:
    """Return the fields of a block whose type has a mark."""
    fields = kind.model_fields.items()
    return frozenset(key for key, it in fields if _has_mark(it.rebuild_annotation(), mark))


def _has_mark(annotation: Any, mark: object) -> bool:
    """Return whether a type has a mark, alone or in a union."""
    return mark in getattr(annotation, "__metadata__", ()) or any(
        _has_mark(part, mark) for part in get_args(annotation)
    )
