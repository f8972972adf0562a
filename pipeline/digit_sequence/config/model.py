"""The config: a YAML file, checked as a whole, becomes frozen models.

Every class below is one block of the file and every field one key; README.md shows them as a
table. The blocks `splits`, `canvas` and `output` are in modules of these names, those of `glyph`,
`line` and `look` in `sections`, and what a registry holds with its variants. Blocks of `glyph` and
`line` that are left out are off. Execution settings (scheduler, workers) are no part of a config,
because they change no byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self, Union

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from digit_sequence.base.blocks import Block, Probability, shorten
from digit_sequence.base.columns import MASKS, POLYGONS, Column
from digit_sequence.base.names import SplitName
from digit_sequence.config.canvas import MIN_DIGIT_WIDTH, Canvas, check_rows
from digit_sequence.config.output import Output
from digit_sequence.config.sections import LOOK, GlyphSection, LineSection, Looks, renew_sections
from digit_sequence.config.splits import Numbers, Split, order_splits
from digit_sequence.sources.hands import HAND, LACKED, WRITERS
from digit_sequence.sources.mix import MixSettings, list_columns
from digit_sequence.sources.registry import SOURCES, open_source
from digit_sequence.sources.source import SourceBlock
from digit_sequence.transforms.registry import TRANSFORMS
from digit_sequence.transforms.transform import Choice, Transform

if TYPE_CHECKING:  # a type checker does not know what the registries hold
    SourceConfig = SourceBlock
else:
    SourceConfig = Union[tuple(source.Settings for source in SOURCES.values())]  # noqa: UP007


class Hand(Block):
    """Numbers whose digits one writer wrote, of a source whose writers are known.

    The writer is drawn among those of the split who wrote the most of the number's digits, as a
    rule all of them; a digit that this writer did not write is another's, and the label row says of
    how many that is so. Slant of the line, pen and spacing are those of the line in any case.
    """

    same: Probability = 1.0
    """Share of the samples that are each of one writer, 0 to 1."""


class Labels(Block):
    """What label rows say of each digit beside its box."""

    masks: Literal["rle"] | None = None
    """The pixels of its ink, whatever other ink lies on them, as run lengths of COCO: a column."""
    polygons: bool = False
    """The outlines of the same pixels: a column."""


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
    def least_columns(self) -> int:
        """Columns of the canvas that each character of the longest number needs, at least."""
        return max([MIN_DIGIT_WIDTH, *(it.least_columns for it in self.transforms)])

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
        order_splits(self.splits)
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


@TRANSFORMS.follow
def _renew_config() -> None:
    """Take the sections as they are when other transforms are registered."""
    renew_sections(Config)


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
