"""A block whose keys are kinds of numbers, exactly one of which is given."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import getdoc
from typing import Any, ClassVar, Self, TypeVar

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    create_model,
    model_serializer,
    model_validator,
)

from digit_sequence.base.blocks import NO_DOCSTRINGS, Block
from digit_sequence.numbers.kind import NumberKind

Kinds = Mapping[str, type[NumberKind]]


class OneKind(Block):
    """Which numbers: exactly one kind is given."""

    kinds: ClassVar[Kinds]
    """The kinds that have a field here, by name."""

    @property
    def kind(self) -> NumberKind:
        """The kind that is given."""
        given = {name: getattr(self, name) for name in self.kinds}
        name = next(name for name in given if given[name] is not None)
        return self.kinds[name](given[name])

    @model_validator(mode="before")
    @classmethod
    def _check_one(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            given = [key for key in value if key in cls.kinds and value[key] is not None]
            if len(given) != 1 and set(value) <= set(cls.model_fields):
                raise ValueError(
                    f"expected exactly one of {', '.join(cls.kinds)}, "
                    f"got {' and '.join(given) or 'none'}"
                )
        return value

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        self.kind.check()
        return self

    @model_serializer(mode="wrap")
    def _leave_out_others(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the other kinds: a plan is the same whatever packages are installed."""
        return {name: value for name, value in serialize(self).items() if value is not None}


AnyChoice = TypeVar("AnyChoice", bound=OneKind)


def make_choice(name: str, base: type[AnyChoice], kinds: Kinds) -> type[AnyChoice]:
    """Return a block of a name with the fields of `base`, and one for each of some kinds."""
    fields: dict[str, Any] = {
        key: (kind.Settings | None, Field(None, description=(getdoc(kind) or "").splitlines()[0]))
        for key, kind in kinds.items()
    }
    made: type[AnyChoice] = create_model(
        name, __base__=base, __doc__=base.__doc__, __cls_kwargs__=NO_DOCSTRINGS, **fields
    )
    made.kinds = kinds
    return made
