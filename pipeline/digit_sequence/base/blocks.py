"""Blocks of a config, and the ranges that their fields hold.

A variant (a source, a number kind, a transform, ...) declares its block beside its code; `config`
assembles them. Strings below a field are its line in the reference.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


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


def limit_decimals(count: int) -> AfterValidator:
    """Return what refuses a bound that lies between the values that can be drawn."""

    def check(value: float) -> float:
        if abs(round(value, count) - value) > 1e-9:
            raise ValueError(f"expected at most {count} decimals, got {value}")
        return value

    return AfterValidator(check)
