"""Blocks of a config, and the ranges that their fields hold.

A variant (a source, a number kind, a transform, ...) declares its block beside its code; `config`
assembles them. Strings below a field are its line in the reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
)
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_after_validator_function


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
Probability = Annotated[float, Field(ge=0, le=1)]


def shorten(value: object, width: int = 80) -> str:
    """Return ``repr(value)``, cut in its middle to `width` characters."""
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
