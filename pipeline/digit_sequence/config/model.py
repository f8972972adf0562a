"""The config: a YAML file, checked as a whole, becomes frozen models.

Every class below is one block of the file and every field one key; README.md shows them as a
table. Blocks of `glyph` and `line` that are left out are off. Execution settings (scheduler,
workers) are no part of a config, because they change no byte.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, Union

from pydantic import (
    Field,
    PlainSerializer,
    PlainValidator,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_serializer,
    model_validator,
)

from digit_sequence.base.blocks import Block, Probability, shorten
from digit_sequence.base.columns import MASKS, POLYGONS, Column
from digit_sequence.base.files import is_remote
from digit_sequence.base.home import expand_home
from digit_sequence.base.names import SplitName
from digit_sequence.config.sections import (
    LOOK,
    GlyphSection,
    LineSection,
    Looks,
    LookWeights,
    renew_sections,
)
from digit_sequence.containers import CONTAINERS
from digit_sequence.containers.sidecars import BRIEF, SIDECARS
from digit_sequence.numbers.choice import OneKind, make_choice
from digit_sequence.numbers.exclude import Exclude
from digit_sequence.numbers.registry import NUMBER_KINDS
from digit_sequence.sources.hands import HAND, LACKED, WRITERS
from digit_sequence.sources.mix import MixSettings, list_columns
from digit_sequence.sources.registry import SOURCES, open_source
from digit_sequence.sources.source import SourceBlock
from digit_sequence.transforms.registry import TRANSFORMS
from digit_sequence.transforms.transform import Choice, Transform

MIN_DIGIT_WIDTH = 4
"""Columns that a digit keeps, at least, when its line is shrunk to the canvas."""
MIN_INK_ROWS = 4
"""Rows of the canvas that the ink of a digit keeps, at least, in a line that is not shrunk."""

# -- source, numbers and splits --------------------------------------------------------------------

if TYPE_CHECKING:  # a type checker does not know what the registries hold
    SourceConfig = SourceBlock
else:
    SourceConfig = Union[tuple(source.Settings for source in SOURCES.values())]  # noqa: UP007


class _Numbers(OneKind):
    """Which numbers a split shows: exactly one of these."""


if TYPE_CHECKING:
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


class Hand(Block):
    """Numbers whose digits one writer wrote, of a source whose writers are known.

    The writer is drawn among those of the split who wrote the most of the number's digits, as a
    rule all of them; a digit that this writer did not write is another's, and the label row says of
    how many that is so. Slant of the line, pen and spacing are those of the line in any case.
    """

    same: Probability = 1.0
    """Share of the samples that are each of one writer, 0 to 1."""


# -- rendering ------------------------------------------------------------------------------------


def _check_width(value: Any) -> int | tuple[int, int]:
    """Return the width of a canvas, or the least and the greatest one."""
    is_range = isinstance(value, list | tuple)
    ends = list(value) if is_range else [value, value]
    if len(ends) == 2 and all(type(end) is int for end in ends) and 8 <= ends[0] <= ends[1] <= 8192:
        return (ends[0], ends[1]) if is_range else ends[0]
    range_too = "" if type(value) is int else ", or [low, high] of these"
    raise ValueError(f"expected 8 to 8,192 columns{range_too}, got {shorten(value)}")


_COLUMNS = {"type": "integer", "minimum": 8, "maximum": 8192}
_WIDTH = (
    PlainValidator(_check_width),
    PlainSerializer(lambda width: width),
    WithJsonSchema(
        {"anyOf": [_COLUMNS, {"type": "array", "items": _COLUMNS, "minItems": 2, "maxItems": 2}]}
    ),
)


class Canvas(Block):
    """The image that a line of digits is placed on."""

    height: int = Field(28, ge=8, le=512)
    """Rows; digits are scaled to it."""
    width: Annotated[int | tuple[int, int], *_WIDTH] = 200
    """Columns, 8 to 8192; a longer line is shrunk to them, which its label row says. [low, high]:
    each image is as wide as its line, within these."""
    align: Literal["left", "center", "right"] = "center"
    """Where a line stands that is shorter than the canvas."""

    @property
    def widest(self) -> int:
        """Columns of an image, at most."""
        return self.width if isinstance(self.width, int) else self.width[1]

    @property
    def narrowest(self) -> int:
        """Columns of an image, at least."""
        return self.width if isinstance(self.width, int) else self.width[0]


class Labels(Block):
    """What label rows say of each digit beside its box."""

    masks: Literal["rle"] | None = None
    """The pixels of its ink, whatever other ink lies on them, as run lengths of COCO: a column."""
    polygons: bool = False
    """The outlines of the same pixels: a column."""


class Output(Block):
    """What is written."""

    uri: str | None = None
    """Directory, ~ for the home directory; default: data/ and the config's file name."""
    container: str = Field("webdataset", json_schema_extra=lambda it: it.update(enum=[*CONTAINERS]))
    """How images become files: a name of the registry of containers."""
    sidecar: str = Field(BRIEF, json_schema_extra=lambda it: it.update(enum=[*SIDECARS]))
    """What stands beside each image in a tar: key, number and boxes (brief), the whole label row
    (full), or the number alone (text)."""
    image: Literal["png", "jpeg"] = "png"
    """How an image is encoded."""
    quality: int = Field(95, ge=1, le=100)
    """JPEG quality."""
    shard_samples: int = Field(1000, ge=1, le=100_000)
    """Samples of one shard."""

    @field_validator("uri")
    @classmethod
    def _expand_uri(cls, value: str | None) -> str | None:
        return value if value is None or is_remote(value) else expand_home(value)

    @field_validator("container")
    @classmethod
    def _check_container(cls, value: str) -> str:
        if value not in CONTAINERS:
            raise ValueError(f"expected one of {', '.join(CONTAINERS)}, got {shorten(value)}")
        return value

    @field_validator("sidecar")
    @classmethod
    def _check_sidecar(cls, value: str, given: ValidationInfo) -> str:
        if value not in SIDECARS:
            raise ValueError(f"expected one of {', '.join(SIDECARS)}, got {shorten(value)}")
        container = given.data.get("container")
        if container and value not in (BRIEF, *CONTAINERS[container].sidecars):
            raise ValueError(
                f"expected {BRIEF} with the container {container}, which has nothing beside its "
                f"images, got {value}"
            )
        return value


class Config(Block):
    """A whole config."""

    seed: int = Field(0, ge=0, lt=2**63)
    """What all random draws begin with: another seed is another dataset."""
    source: SourceConfig = Field(discriminator="name")
    """Where the glyphs come from."""
    splits: dict[SplitName, Split] = Field(min_length=1)
    """The parts of the dataset; no glyph is in two of them."""
    hand: Hand | None = None
    """Numbers whose digits one writer wrote."""
    canvas: Canvas = Canvas()
    """The image that a line of digits is placed on."""
    look: Looks = None
    """A named set of transforms, or several by weight; see below."""
    glyph: GlyphSection = GlyphSection()
    """How each digit is drawn; with a look, what is to be different from it."""
    line: LineSection = LineSection()
    """How digits stand together, and the whole canvas; likewise."""
    labels: Labels = Labels()
    """What label rows say of each digit beside its box."""
    output: Output = Output()
    """What is written."""

    @property
    def transforms(self) -> tuple[Transform, ...]:
        """The transforms that are on, in order; with looks those of one look after another."""
        chosen = (
            (transform, getattr(getattr(block, transform.section), transform.name))
            for block in (self.look.values() if self.look else (self,))
            for transform in TRANSFORMS.values()
        )
        return tuple(make(settings) for make, settings in chosen if settings is not None)

    @property
    def columns(self) -> tuple[Column, ...]:
        """Label columns of all that is on: parts of a mix, writers, look, transforms, shapes."""
        chosen = {it.name: (*it.columns, *it.measured) for it in self.transforms}
        return (
            *list_columns(self.source),
            *((WRITERS,) if self.has_writers else ()),
            *((HAND, LACKED) if self.hand else ()),
            *((LOOK,) if self.look else ()),
            *(column for name in TRANSFORMS for column in chosen.get(name, ())),
            *((MASKS,) if self.labels.masks else ()),
            *((POLYGONS,) if self.labels.polygons else ()),
        )

    @property
    def has_writers(self) -> bool:
        """Whether the source says who wrote its glyphs."""
        return open_source(self.source).has_writers

    @property
    def per_look(self) -> dict[str, Config]:
        """A config for each look, by name, as if its transforms were given and no look.

        `glyph` and `line` of the file are a part of each look by now.
        """
        return {
            name: self.model_copy(update={"look": None, "glyph": look.glyph, "line": look.line})
            for name, look in (self.look or {}).items()
        }

    def in_split(self, name: SplitName) -> Config:
        """Return the config with the weights that a split gives to looks."""
        split = self.splits.get(name)
        if split is None or split.look is None:
            return self
        weights = split.look
        looks = {
            look: block.model_copy(update={"weight": weights.get(look, 0.0)})
            for look, block in (self.look or {}).items()
        }
        return self.model_copy(update={"look": looks})

    @model_validator(mode="after")
    def _check_looks(self) -> Self:
        """Refuse looks of a split that the config has not."""
        for split, settings in self.splits.items():
            unknown = [name for name in settings.look or () if name not in (self.look or ())]
            if unknown:
                raise ValueError(
                    f"splits.{split}.look: expected looks of the config, "
                    f"{', '.join(self.look or ()) or 'which has none'}, got {shorten(unknown[0])}; "
                    "name it in look, with a weight above 0; a look of a file is called as the file"
                )
        return self

    @model_validator(mode="after")
    def _check_writers(self) -> Self:
        """Refuse to ask for writers whom the source does not know."""
        if not self.has_writers:
            asked = {"hand": self.hand, "source.split_by": self.source.split_by == "writer"}
            if keys := [key for key, value in asked.items() if value]:
                raise ValueError(
                    f"{keys[0]}: expected a source that says who wrote its digits, got "
                    f"{self.source.name} without; set source.writers, or leave {keys[0]} out"
                )
        return self

    @model_validator(mode="after")
    def _check_hand(self) -> Self:
        """Refuse a hand of which each digit may be of another source."""
        if self.hand and isinstance(self.source, MixSettings) and self.source.per == "glyph":
            raise ValueError(
                "hand: expected source.per: sample beside it, since a hand is of one part, got "
                "glyph"
            )
        return self

    @model_validator(mode="after")
    def _check_legible(self) -> Self:
        """Refuse what would leave digits without ink."""
        for name, config in (self.per_look or {"": self}).items():
            try:
                check_rows(config.transforms, self.canvas.height)
                for transform in config.transforms:
                    transform.check(self.canvas.height, self.canvas.widest)
            except ValueError as error:
                raise ValueError(f"{error} (in the look {name})" if name else error) from error
        choices: dict[str, Choice] = {}
        for choice in (it for it in self.transforms if isinstance(it, Choice)):
            if choices.setdefault(choice.name, choice).glyph_settings != choice.glyph_settings:
                raise ValueError(
                    f"{choice.section}.{choice.name}: expected looks whose added glyphs are the "
                    "same, got others in another look"
                )
        return self

    @model_validator(mode="after")
    def _check_excluded(self) -> Self:
        """Refuse splits that are not there, and circles."""
        order_splits(self)
        return self

    @model_serializer(mode="wrap")
    def _leave_out_unused(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is not asked for, and of looks the sections, which each has itself."""
        unused = {"glyph", "line"} if self.look else {"look"}
        if self.hand is None:
            unused.add("hand")
        if self.labels == Labels():
            unused.add("labels")
        return {name: value for name, value in serialize(self).items() if name not in unused}


def check_rows(transforms: Sequence[Transform], height: int) -> None:
    """Raise a ValueError if transforms leave a digit too few rows: each by itself, or all of them.

    Parameters
    ----------
    transforms : sequence of Transform
        Those of one look.
    height : int
        Rows of the canvas.
    """
    shares = {f"{it.section}.{it.name}": it.find_least_share() for it in transforms}
    rows = height * math.prod(shares.values())
    if round(rows, 6) < MIN_INK_ROWS:
        smaller = {key: f"{share:.3g}" for key, share in shares.items() if share < 1}
        raise ValueError(
            f"{', '.join(smaller) or 'canvas.height'}: expected to leave the ink of a digit "
            f"{MIN_INK_ROWS} of the {height} rows of the canvas, got {rows:.2g}, a share of "
            f"{' x '.join(smaller.values()) or 1}"
        )


@TRANSFORMS.follow
def _renew_config() -> None:
    """Take the sections as they are when other transforms are registered."""
    renew_sections(Config)


def order_splits(config: Config) -> list[SplitName]:
    """Return the names of the splits, each after those whose numbers it excludes.

    Raises
    ------
    ValueError
        If one excludes itself, a split that is not there, or one that excludes it.
    """
    before: dict[SplitName, tuple[SplitName, ...]] = {}
    for name, split in config.splits.items():
        before[name] = split.exclude.splits if split.exclude else ()
        others = [other for other in config.splits if other != name]
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


def inline_numbers(config: Config) -> Config:
    """Return the config with the numbers themselves in place of the files that hold them.

    Raises
    ------
    ConfigError
        If a file of numbers cannot be read, or holds something else; names the line.
    """
    splits = {}
    for name, split in config.splits.items():
        kind = split.numbers.kind.inline()
        numbers = Numbers.model_construct(**{kind.name: kind.settings})
        exclude = split.exclude and split.exclude.inline()
        splits[name] = split.model_copy(update={"numbers": numbers, "exclude": exclude})
    return config.model_copy(update={"splits": splits})
