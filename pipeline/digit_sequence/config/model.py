"""The config: a YAML file, checked as a whole, becomes frozen models.

Every class below is one block of the file and every field one key; README.md shows them as a
table. Blocks of `glyph` and `line` that are left out are off. Execution settings (scheduler,
workers) are no part of a config, because they change no byte.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from inspect import getdoc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, Union, get_args

from pydantic import (
    Field,
    PlainSerializer,
    PlainValidator,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    create_model,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.fields import FieldInfo

from digit_sequence.base.blocks import (
    Block,
    shorten,
)
from digit_sequence.base.columns import Column
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.files import is_remote
from digit_sequence.base.home import expand_home
from digit_sequence.base.names import SplitName
from digit_sequence.config.yaml import parse_yaml
from digit_sequence.containers import CONTAINERS
from digit_sequence.containers.sidecars import BRIEF, SIDECARS
from digit_sequence.numbers.kind import NumberKind
from digit_sequence.numbers.registry import NUMBER_KINDS
from digit_sequence.sources.registry import SOURCES
from digit_sequence.sources.source import SourceBlock
from digit_sequence.transforms.registry import TRANSFORMS
from digit_sequence.transforms.transform import Transform

MAX_CONFIG_BYTES = 16_000_000
MAX_PROBLEMS = 20
"""Problems of a config that a message tells, at most."""

MIN_DIGIT_WIDTH = 4
"""Columns that a digit keeps, at least, when its line is shrunk to the canvas."""

# -- source, numbers and splits --------------------------------------------------------------------

if TYPE_CHECKING:  # a type checker does not know what the registries hold
    SourceConfig = SourceBlock
else:
    SourceConfig = Union[tuple(source.Settings for source in SOURCES.values())]  # noqa: UP007


class _Numbers(Block):
    """Which numbers a split shows: exactly one of these."""

    @property
    def kind(self) -> NumberKind:
        """The kind that is given."""
        given = {name: getattr(self, name) for name in NUMBER_KINDS}
        name = next(name for name in given if given[name] is not None)
        return NUMBER_KINDS[name](given[name])

    @model_validator(mode="before")
    @classmethod
    def _check_one(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            given = [key for key in value if key in cls.model_fields and value[key] is not None]
            if len(given) != 1 and set(value) <= set(cls.model_fields):
                raise ValueError(
                    f"expected exactly one of {', '.join(cls.model_fields)}, "
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


if TYPE_CHECKING:
    Numbers = _Numbers
else:
    Numbers = create_model(
        "Numbers",
        __base__=_Numbers,
        __doc__=_Numbers.__doc__,
        **{
            name: (kind.Settings | None, Field(None, description=getdoc(kind).splitlines()[0]))
            for name, kind in NUMBER_KINDS.items()
        },
    )


class Split(Block):
    """What one split holds; exactly one of `samples` and `samples_per_number`."""

    numbers: Numbers
    """Which numbers it shows."""
    samples: int | None = Field(None, ge=1, le=10**12)
    """How many samples in all; the numbers take turns."""
    samples_per_number: int | None = Field(None, ge=1, le=10**12)
    """How many samples of each number; of a number that is listed twice, twice as many."""

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.samples is None) == (self.samples_per_number is None):
            raise ValueError("expected exactly one of samples, samples_per_number")
        kind = self.numbers.kind
        if self.samples_per_number is not None and kind.is_endless:
            raise ValueError(
                f"expected samples, or numbers.{kind.name}.count with samples_per_number"
            )
        return self


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
    canvas: Canvas = Canvas()
    """The image that a line of digits is placed on."""
    glyph: GlyphSection = GlyphSection()
    """How each digit is drawn."""
    line: LineSection = LineSection()
    """How digits stand together, and the whole canvas."""
    output: Output = Output()
    """What is written."""

    @property
    def transforms(self) -> tuple[Transform, ...]:
        """The transforms that are on, in order."""
        chosen = (
            (transform, getattr(getattr(self, transform.section), transform.name))
            for transform in TRANSFORMS.values()
        )
        return tuple(make(settings) for make, settings in chosen if settings is not None)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The label columns of the transforms that are on: drawn, and measured."""
        return tuple(
            column
            for transform in self.transforms
            for column in (*transform.columns, *transform.measured)
        )

    @model_validator(mode="after")
    def _check_legible(self) -> Self:
        """Refuse what would leave digits without ink."""
        for transform in self.transforms:
            transform.check(self.canvas.height, self.canvas.widest)
        return self


@TRANSFORMS.follow
def _renew_sections() -> None:
    """Make the sections anew when other transforms are registered."""
    _fill_sections()
    Config.model_fields["glyph"].default = GlyphSection()
    Config.model_fields["line"].default = LineSection()
    Config.model_rebuild(force=True)


# -- reading --------------------------------------------------------------------------------------


def load_config(path: str | Path, overrides: Iterable[str] = ()) -> Config:
    """Read and check a config file.

    Paths of inputs in it are taken relative to the file; ``output.uri`` is not. ``~`` at the
    beginning of a path is the home directory.

    Parameters
    ----------
    path : path
        A YAML file.
    overrides : iterable of str
        ``section.key=value``, the value in YAML, applied before the checks.

    Raises
    ------
    ConfigError
        With the problems of the file at once, a line each, `MAX_PROBLEMS` at most.
    """
    path = Path(expand_home(str(path)))
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_CONFIG_BYTES + 1)
        if len(raw) > MAX_CONFIG_BYTES:
            raise ConfigError(
                f"{path}: expected at most {MAX_CONFIG_BYTES:,} bytes, got more; put long lists of "
                "numbers into a file (numbers.file)"
            )
        text = raw.decode()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected UTF-8 text, got byte {error.start}") from error
    tree = parse_yaml(text, str(path))
    for override in overrides if isinstance(tree, dict) else ():
        _apply_override(tree, override)
    return parse_config(tree, str(path), path.parent.absolute())


def parse_config(tree: object, where: str, folder: Path | None = None) -> Config:
    """Check a config that is already a tree of dicts, lists and scalars.

    Parameters
    ----------
    tree : object
        What the YAML file holds.
    where : str
        What to call it in messages.
    folder : Path, optional
        What paths of inputs in it are relative to; without it they are left as they are.
    """
    if not isinstance(tree, dict):
        raise ConfigError(f"{where}: expected keys and values, got {shorten(tree)}")
    try:
        return Config.model_validate(tree, context=folder)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        lines = [f"{where}: {_describe(problem)}" for problem in problems[:MAX_PROBLEMS]]
        if len(problems) > MAX_PROBLEMS:
            lines.append(f"{where}: and {len(problems) - MAX_PROBLEMS:,} more problems")
        raise ConfigError("\n".join(lines)) from None


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
        splits[name] = split.model_copy(update={"numbers": numbers})
    return config.model_copy(update={"splits": splits})


def _apply_override(tree: dict[str, Any], override: str) -> None:
    dotted, equals, text = override.partition("=")
    if not equals or not all(dotted.split(".")):
        raise ConfigError(f"--set: expected section.key=value, got {shorten(override)}")
    *parents, key = dotted.split(".")
    node: Any = tree
    for parent in parents:
        if isinstance(node, dict) and node.get(parent) is None:
            node[parent] = {}
        node = node.get(parent) if isinstance(node, dict) else None
    if not isinstance(node, dict):
        raise ConfigError(f"--set: {dotted}: {'.'.join(parents)} holds no keys")
    node[key] = parse_yaml(text, f"--set {dotted}")


def _describe(problem: Mapping[str, Any]) -> str:
    """Turn one of pydantic's errors into `path.to.key: expected, got`."""
    place = list(problem["loc"])
    if place[:1] == ["source"] and len(place) > 1:
        del place[1]  # the name of the source, which is no key
    if place and place[-1] == "[key]":
        place.pop()
    message = problem["msg"]
    match problem["type"]:
        case "extra_forbidden":
            valid = _valid_keys(problem["loc"][:-1])
            near = difflib.get_close_matches(str(place[-1])[:80], valid, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            message = f"unknown key; expected one of {', '.join(valid)}{hint}"
        case "missing":
            message = "expected a value, got none"
        case "union_tag_not_found":
            place.append("name")
            message = f"expected one of {', '.join(SOURCES)}, got none"
        case "union_tag_invalid":
            place.append("name")
            message = f"expected one of {', '.join(SOURCES)}, got {shorten(problem['ctx']['tag'])}"
        case "value_error":
            message = message.removeprefix("Value error, ")
        case "model_type" | "model_attributes_type":
            keys = ", ".join(_valid_keys(problem["loc"]))
            message = f"expected a block with the keys {keys}, got {shorten(problem['input'])}"
        case _:
            message = re.sub(r"^\w+ should (be|have) ", "expected ", message)
            message = re.sub(r" after validation, not \d+$", "", message)
            message = f"{message}, got {shorten(problem['input'])}"
    return f"{'.'.join(map(_shorten_step, place))}: {message}" if place else message


def _shorten_step(step: str | int) -> str:
    """Return a key or a position, cut to what a line of a message has room for."""
    text = str(step)
    return text if len(text) <= 80 else f"{text[:80]}..."


def _valid_keys(place: Sequence[str | int]) -> list[str]:
    """List the keys of the block at `place`."""
    block: Any = Config
    for depth, step in enumerate(place):
        if depth == 1 and place[0] == "source":
            block = SOURCES[str(step)].Settings
        elif block is Config and step == "splits":
            block = dict
        elif block is dict:
            block = Split
        elif isinstance(block, type) and issubclass(block, Block):
            annotation: Any = block.model_fields[str(step)].annotation
            blocks = [
                kind
                for kind in (annotation, *get_args(annotation))
                if isinstance(kind, type) and issubclass(kind, Block)
            ]
            block = blocks[0] if blocks else block
    return list(block.model_fields)
