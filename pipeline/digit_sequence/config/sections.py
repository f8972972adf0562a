"""The sections of a config whose keys are transforms, and looks, which have one of each.

Transforms that are left out are off, or as they are.
"""

from __future__ import annotations

from inspect import getdoc
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)
from pydantic.fields import FieldInfo

from digit_sequence.base.blocks import Block, match_text, shorten
from digit_sequence.base.columns import Column
from digit_sequence.transforms.registry import TRANSFORMS


class Section(Block):
    """A block whose keys are transforms; those that are left out are off, or as they are."""

    @model_serializer(mode="wrap")
    def _leave_out_others(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is off: a plan is the same whatever packages are installed."""
        return {name: value for name, value in serialize(self).items() if value is not None}


class GlyphSection(Section):
    """How each digit is drawn, in this order."""


class LineSection(Section):
    """How digits stand together, and the whole canvas."""


def _fill_sections() -> None:
    """Give each section a field for each of its transforms."""
    for name, section in (("glyph", GlyphSection), ("line", LineSection)):
        section.__pydantic_fields__ = {
            transform.name: FieldInfo.from_annotated_attribute(
                transform.Settings | None if transform.default is None else transform.Settings,
                Field(transform.default, description=getdoc(transform)),
            )
            for transform in TRANSFORMS.values()
            if transform.section == name
        }
        section.model_rebuild(force=True)


_fill_sections()


class Look(Block):
    """A named set of transforms and their ranges."""

    glyph: GlyphSection = GlyphSection()
    """How each digit is drawn."""
    line: LineSection = LineSection()
    """How digits stand together, and the whole canvas."""


Weight = Annotated[float, Field(ge=0, le=1e9)]


class WeightedLook(Look):
    """A look, and how often it is chosen."""

    weight: Weight = 1.0
    """How often, in proportion to the weights of the others; 0: never."""


LOOK_NAME = "[A-Za-z0-9_.-]{1,64}"
LookName = Annotated[
    str, *match_text(LOOK_NAME, "a name of 1 to 64 of A to Z, a to z, 0 to 9, _, . and -")
]
LOOK = Column("look", "string", "the look that the sample is drawn in, of those of the config")
"""The label column of a config that gives a look; also the purpose of the words that choose it."""


def _choose_looks(looks: dict[str, WeightedLook] | None) -> dict[str, WeightedLook] | None:
    """Leave out looks that are never chosen; their order is that of their names, for any config."""
    if looks is None:
        return None
    chosen = {name: looks[name] for name in sorted(looks) if looks[name].weight > 0}
    if not chosen:
        raise ValueError(
            "expected at least one look with a weight above 0, got "
            + shorten({name: look.weight for name, look in looks.items()})
        )
    return chosen


Looks = Annotated[dict[LookName, WeightedLook] | None, AfterValidator(_choose_looks)]


def _check_weights(weights: dict[str, float]) -> dict[str, float]:
    """Refuse weights by which no look is chosen."""
    if not any(weights.values()):
        raise ValueError(
            f"expected at least one look with a weight above 0, got {shorten(weights)}; looks that "
            "are not named here are left out"
        )
    return weights


def _weigh_name(value: Any) -> Any:
    """Return the weights that a name alone stands for."""
    return {value: 1.0} if isinstance(value, str) else value


LookWeights = Annotated[
    dict[str, Weight],
    AfterValidator(_check_weights),
    BeforeValidator(_weigh_name, json_schema_input_type=str | dict[str, Weight]),
]
"""Weights of looks, by name; or the name of one."""


def renew_sections(*blocks: type[Block]) -> None:
    """Give blocks the sections as they are by now."""
    for block in blocks:
        block.model_fields["glyph"].default = GlyphSection()
        block.model_fields["line"].default = LineSection()
        block.model_rebuild(force=True)


@TRANSFORMS.follow
def _renew() -> None:
    """Make the sections anew when other transforms are registered."""
    _fill_sections()
    renew_sections(Look, WeightedLook)
