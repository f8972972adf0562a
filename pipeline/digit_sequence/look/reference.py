"""The reference of configs and label columns, and their JSON Schema, from what the models declare.

``make reference`` writes configs/README.md and configs/schema.json by this module; a test compares.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from digit_sequence.base.blocks import Block, find_bounds
from digit_sequence.base.columns import MASKS, NUMBER_DIGITS, POLYGONS, Column
from digit_sequence.config.looks import list_looks
from digit_sequence.config.model import Config
from digit_sequence.config.sections import LOOK, GlyphSection, LineSection, WeightedLook
from digit_sequence.look.gallery import list_shown
from digit_sequence.numbers.registry import NUMBER_KINDS
from digit_sequence.sources.hands import HAND, LACKED, WRITERS
from digit_sequence.sources.mix import ORIGIN, ORIGINS
from digit_sequence.store.label_schema import COLUMNS, PIXEL_HASH
from digit_sequence.transforms.registry import TRANSFORMS
from digit_sequence.transforms.transform import Transform

_BEGIN = """\
<!-- Written by `make reference` from the models in pipeline/digit_sequence. -->
# Configs

A config is a YAML file. A block that is left out is off, or has the default shown; an unknown key
is an error that lists the valid ones. Pairs are `[low, high]`, both included. Paths of inputs are
relative to the config file, and `~` is the home directory in every path. `--set section.key=value`
overrides a key on the command line.

Digits that look wrong are told of, once a command and with the key that mends them: ink on the
border of the images (`source.ink`), faint ink (`source.ink`, `source.ink_threshold`), digits that
look turned (`source.transpose`). Programs get a `SourceWarning`.

[Guides](guides.md) begin with your own digits, numbers, paper or crops.

[`schema.json`](schema.json) is the JSON Schema of all this: editors that read the first line of the
configs here complete keys and mark mistakes.
"""

_JOBS = """\
## Configs for jobs

Each is a beginning for a config of your own: change the numbers and the look.

| config | numbers | test is unseen by |
| --- | --- | --- |
| [zip.yaml](zip.yaml) | ZIP codes; or a file, by weight | a slice for each split |
| [amounts.yaml](amounts.yaml) | amounts such as 1,234.50, as Benford's law says | `exclude` |
| [dates.yaml](dates.yaml) | dates in three formats, with the signs between | slices of the days |
| [meter.yaml](meter.yaml) | meter readings, balanced over pairs of digits | `exclude` |
| [exam-marks.yaml](exam-marks.yaml) | marks, and numbers of students | slices of the students |
| [codes.yaml](codes.yaml) | codes with check digits, cards in groups | slices of each kind |

![ZIP codes](gallery/zip.png)
![Amounts](gallery/amounts.png)
![Dates](gallery/dates.png)
![Meter readings](gallery/meter.png)
![Exam marks](gallery/exam-marks.png)
![Codes](gallery/codes.png)

[mdw-zip.yaml](mdw-zip.yaml), [mdw-amounts.yaml](mdw-amounts.yaml) and
[mdw-times.yaml](mdw-times.yaml) are the three benchmarks of Wagstaff, "Realistic Handwritten
Multi-Digit Writer Number Recognition Challenges" (2025), by their recipe: each number of one
writer, no writer in two splits, 10,000 numbers for test.

`--dry-run` states what a split never shows: `train shows none of the 987 numbers of val and test`.
"""


_LOOKS = """\
A look is a named set of transforms and their ranges: a file with the keys `glyph` and `line`, as
[those of this program](../pipeline/digit_sequence/config/looks). A config gives the name of one
(`look: scan`), the path of a file of your own, relative to the config (`look: my/forms.yaml`, whose
name is `forms`), or several by weight (`look: {clean: 1, scan: 3}`): then each sample draws its
look, and has the transforms of that one.

The config's own `glyph` and `line` are laid over each look, key by key: `line: {noise: {sigma: [1,
3]}}` leaves the probability of the noise as the look has it, and `line: {noise: null}` switches it
off. A look may also be written out in place of its weight: `look: {mine: {weight: 2, glyph: ...,
line: ...}}`. A built dataset holds the settings themselves, so files may change later.

Label rows have the columns of the transforms of all looks; where a sample's look leaves a transform
out, they say 0, or what stands for no change.
"""
_NUMBERS = "splits.numbers"
_LOOK_KINDS = "a name, a path that ends in `.yaml`, or weights of these"


def describe_config() -> str:
    """Return configs/README.md."""
    parts = [_BEGIN, _JOBS, "## The whole", _describe_block(Config)]
    for name, field in Config.model_fields.items():
        kind = field.annotation
        if name in {transform.section for transform in TRANSFORMS.values()}:
            parts += _describe_section(name, kind)
        elif name == LOOK.name:
            parts += _describe_looks()
        else:
            parts += _describe_field(name, kind)
    parts += [
        "## Label columns",
        "A label row has these columns, then those of the transforms that its config switches on, "
        f"then `{PIXEL_HASH.name}`.",
        describe_columns((*COLUMNS, PIXEL_HASH)),
        "Before those of the transforms stand what numbers with signs add, a mix of sources, a "
        "source that knows its writers, and `hand`; behind them what `labels` asks for.",
        describe_columns((NUMBER_DIGITS, ORIGIN, ORIGINS, WRITERS, HAND, LACKED, MASKS, POLYGONS)),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _describe_looks() -> Iterator[str]:
    yield f"## `{LOOK.name}`"
    yield _LOOKS
    rows = [f"| `{name}` | {meaning} |" for name, meaning in list_looks().items()]
    yield "\n".join(["| look | what it is |", "| --- | --- |", *rows])
    yield describe_columns([LOOK])


def describe_columns(columns: Iterable[Column]) -> str:
    """Return a table of label columns."""
    lines = ["| column | type | meaning |", "| --- | --- | --- |"]
    for column in columns:
        kind = f"list of {column.type}, one per digit" if column.per == "digit" else column.type
        lines.append(f"| `{column.name}` | {kind} | {column.meaning} |")
    return "\n".join(lines)


def make_schema() -> dict[str, Any]:
    """Return the JSON Schema of configs, as editors take it."""
    schema = Config.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["properties"][LOOK.name]["anyOf"] = _list_look_kinds()
    _need_nothing(schema["$defs"])
    return schema


def _list_look_kinds() -> list[dict[str, Any]]:
    """Return the schemas of what `look` may be in a file; a config that is read has but one."""
    path = {"pattern": r"\.yaml$", "type": "string"}
    weight = {"maximum": 1e9, "minimum": 0, "type": "number"}
    value = {"anyOf": [weight, {"$ref": f"#/$defs/{WeightedLook.__name__}"}]}
    several = {"additionalProperties": value, "minProperties": 1, "type": "object"}
    return [{"enum": list(list_looks())}, path, several, {"type": "null"}]


def _need_nothing(definitions: dict[str, Any]) -> None:
    """Make all settings of transforms optional, since a look may have what a config leaves out."""
    for section in (GlyphSection, LineSection):
        for field in definitions[section.__name__]["properties"].values():
            for kind in field.get("anyOf", ()):
                definitions.get(kind.get("$ref", "").rpartition("/")[2], {}).pop("required", None)


def _describe_section(name: str, section: Any) -> Iterator[str]:
    yield f"## `{name}`"
    yield inspect.getdoc(section) or ""
    for transform in TRANSFORMS.values():
        if transform.section == name:
            yield f"### `{name}.{transform.name}`"
            yield _describe_transform(transform)
            if transform in list_shown():
                yield f"![{transform.name}](gallery/{name}.{transform.name}.png)"
            if transform.columns or transform.measured:
                yield describe_columns((*transform.columns, *transform.measured))


def _describe_transform(transform: type[Transform]) -> str:
    about = " ".join((inspect.getdoc(transform) or "").split("\n\n")[0].split())
    if isinstance(transform.Settings, type) and issubclass(transform.Settings, Block):
        return f"{about}\n\n{_describe_block(transform.Settings)}"
    return f"{about}\n\nA value: {_describe_type(transform.Settings)}; default " + (
        f"`{_to_text(transform.default)}`."
    )


def _describe_field(
    name: str, kind: Any, level: int = 2, told: set[type[Block]] | None = None
) -> Iterator[str]:
    """Yield the sections of the blocks that a field holds, each block once."""
    told = set() if told is None else told
    blocks = [block for block in _find_blocks(kind) if block not in told]
    told.update(blocks)
    for block in blocks:
        variant = _find_name(block)
        yield f"{'#' * level} `{name}`" + (f": `{variant}`" if variant else "")
        yield f"{' '.join((inspect.getdoc(block) or '').split())}\n\n{_describe_block(block)}"
        yield from _show_kind(name)
        for key, field in block.model_fields.items():
            if name == _NUMBERS and not _find_blocks(field.annotation):
                yield f"{'#' * (level + 1)} `{name}.{key}`"
                yield field.description or ""
                yield from _show_kind(f"{name}.{key}")
            yield from _describe_field(f"{name}.{key}", field.annotation, level + 1, told)


def _show_kind(name: str) -> Iterator[str]:
    """Yield the picture of a kind of numbers, if the name is of one."""
    place, _, key = name.rpartition(".")
    if place == _NUMBERS and NUMBER_KINDS[key].example is not None:
        yield f"![{key}](gallery/numbers.{key}.png)"


def _describe_block(block: type[Block]) -> str:
    lines = ["| key | default | value | meaning |", "| --- | --- | --- | --- |"]
    for name, field in block.model_fields.items():
        meaning = " ".join((field.description or "").split())
        kind = _annotate(field)
        lines.append(
            f"| `{name}` | {_describe_default(field)} | {_describe_type(kind)} | {meaning} |"
        )
    return "\n".join(lines) if block.model_fields else ""


def _annotate(field: FieldInfo) -> Any:
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


def _describe_default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "needed"
    if field.default is None:
        return ""
    if isinstance(field.default, Block):
        return "see below"
    return f"`{_to_text(field.default)}`"


def _to_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _describe_type(kind: Any) -> str:  # noqa: PLR0911 - a case a line
    """Return in words which values a type takes."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        inner = arguments[0]
        if get_origin(inner) is not None:
            return _describe_type(inner)
        return _describe_number(kind, inner)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin in (Union, UnionType):
        kinds = [kind for kind in arguments if kind is not NoneType]
        if all(_find_blocks(kind) for kind in kinds) and len(kinds) > 1:
            return "a block"
        return " or ".join(dict.fromkeys(map(_describe_type, kinds)))
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return f"list of {_describe_type(arguments[0])}"
        return f"[low, high], {_describe_type(arguments[0])}"
    if origin is dict:
        pairs = f"{_describe_type(arguments[0])} to {_describe_type(arguments[1])}"
        return _LOOK_KINDS if arguments[1] is WeightedLook else pairs
    if isinstance(kind, type) and issubclass(kind, Block):
        return "a block"
    return {
        str: "text",
        int: "integer",
        float: "number",
        bool: "true or false",
        Any: "anything",
    }.get(kind, getattr(kind, "__name__", str(kind)))


def _describe_number(kind: Any, plain: Any) -> str:
    bounds = find_bounds(kind)
    name = _describe_type(plain)
    if bounds.low is None and bounds.high is None:
        return name
    if bounds.high is None:
        return f"{name}, {bounds.low:,} or more"
    if bounds.low is None:
        return f"{name}, up to {bounds.high:,}"
    return f"{name}, {bounds.low} to {bounds.high:,}"


def _find_blocks(kind: Any) -> list[type[Block]]:
    """Return the blocks that a type holds, sections of transforms left out."""
    if isinstance(kind, type):
        return [kind] if issubclass(kind, Block) else []
    return [block for inner in get_args(kind) for block in _find_blocks(inner)]


def _find_name(block: type[Block]) -> str | None:
    """Return the name that tells a variant from others."""
    field = block.model_fields.get("name")
    return (
        get_args(field.annotation)[0] if field and get_origin(field.annotation) is Literal else None
    )


def main() -> None:
    """Write both files into a folder, by default configs/."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "configs")
    (folder / "README.md").write_text(describe_config(), encoding="utf-8")
    schema = json.dumps(make_schema(), indent=1) + "\n"
    (folder / "schema.json").write_text(schema, encoding="utf-8")


if __name__ == "__main__":
    main()
