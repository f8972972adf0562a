"""The splits of a config: which numbers each shows, how many samples, and in which looks."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from digit_sequence.base.blocks import Block
from digit_sequence.base.names import SplitName
from digit_sequence.config.sections import LookWeights
from digit_sequence.numbers.choice import OneKind, make_choice
from digit_sequence.numbers.exclude import Exclude
from digit_sequence.numbers.registry import NUMBER_KINDS


class _Numbers(OneKind):
    """Which numbers a split shows: exactly one of these."""


if TYPE_CHECKING:  # a type checker does not know what the registry holds
    Numbers = _Numbers
else:
    Numbers = make_choice("Numbers", _Numbers, NUMBER_KINDS)


class Split(Block):
    """What one split holds; exactly one of `samples` and `samples_per_number`, or no end."""

    numbers: Numbers
    """Which numbers it shows."""
    samples: int | None = Field(None, ge=1, le=10**12)
    """How many samples in all; the numbers take turns. null: they have no end, for training that
    draws while it learns and never sees one twice; such a split is not built."""
    samples_per_number: int | None = Field(None, ge=1, le=10**12)
    """How many samples of each number; of a number that is listed twice, twice as many."""
    exclude: Exclude | None = None
    """Numbers that it never shows: those of other splits, a list, or a file."""
    look: LookWeights | None = None
    """Looks of the config that it is drawn in, by weight, in place of the config's weights; or the
    name of one."""

    @property
    def is_endless(self) -> bool:
        """Whether its samples have no end."""
        return self.samples is None and self.samples_per_number is None

    @property
    def has_paths(self) -> bool:
        """Whether it names files of numbers."""
        is_excluded = self.exclude is not None and self.exclude.file is not None
        return self.numbers.kind.has_paths or is_excluded

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        has_both = None not in (self.samples, self.samples_per_number)
        if has_both or (self.is_endless and "samples" not in self.model_fields_set):
            raise ValueError("expected exactly one of samples, samples_per_number")
        kind = self.numbers.kind
        if self.samples_per_number is not None and kind.is_endless:
            has_count = "count" in getattr(kind.Settings, "model_fields", ())
            raise ValueError(
                f"expected samples, or numbers.{kind.name}.count with samples_per_number"
                if has_count
                else f"expected samples with numbers.{kind.name} by weight, got samples_per_number"
            )
        return self

    @model_serializer(mode="wrap")
    def _leave_out_unused(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is not asked for."""
        optional = ("exclude", "look")
        return {name: it for name, it in serialize(self).items() if name not in optional or it}


def order_splits(splits: Mapping[SplitName, Split]) -> list[SplitName]:
    """Return the names of the splits, each after those whose numbers it excludes.

    Raises
    ------
    ValueError
        If one excludes itself, a split that is not there, or one that excludes it.
    """
    before: dict[SplitName, tuple[SplitName, ...]] = {}
    for name, split in splits.items():
        before[name] = split.exclude.splits if split.exclude else ()
        others = [other for other in splits if other != name]
        for other in before[name]:
            if other not in others:
                raise ValueError(
                    f"splits.{name}.exclude.splits: expected other splits of the config "
                    f"({', '.join(others) or 'there are none'}), got {other}"
                )
    try:
        return list(TopologicalSorter(before).static_order())
    except CycleError as error:
        circle = " and ".join(sorted(set(error.args[1])))
        raise ValueError(
            f"splits: expected no splits that exclude each other, got {circle}; leave exclude out "
            "of one of them"
        ) from None
