"""The reference of configs and label columns says something about every key and column."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from digit_sequence.base.blocks import Block
from digit_sequence.config.looks import list_looks
from digit_sequence.config.model import Config
from digit_sequence.look.reference import describe_config, make_schema
from digit_sequence.numbers.registry import NUMBER_KINDS
from digit_sequence.transforms.registry import TRANSFORMS

CONFIGS = Path(__file__).parents[2] / "configs"


def list_blocks(kind: Any) -> Iterator[type[Block]]:
    """Yield every block that a type holds, at any depth."""
    if isinstance(kind, type) and issubclass(kind, Block):
        yield kind
        for field in kind.model_fields.values():
            yield from list_blocks(field.annotation)
    for inner in get_args(kind):
        yield from list_blocks(inner)


BLOCKS = list(dict.fromkeys(list_blocks(Config)))


@pytest.mark.parametrize("block", BLOCKS)
def test_every_field_has_a_description(block: type[Block]) -> None:
    """Each field of each block of a config has a sentence, and so has the block."""
    assert (block.__doc__ or "").strip()
    assert [name for name, field in block.model_fields.items() if not field.description] == []


def test_blocks_are_all_walked() -> None:
    """The walk finds the blocks of all transforms."""
    assert {
        transform.Settings for transform in TRANSFORMS.values() if transform.Settings in BLOCKS
    } == {
        transform.Settings
        for transform in TRANSFORMS.values()
        if isinstance(transform.Settings, type) and issubclass(transform.Settings, Block)
    }


def test_no_cell_of_meanings_is_empty() -> None:
    """Every row of every table ends with a meaning."""
    rows = [line for line in describe_config().splitlines() if line.startswith("| `")]
    assert len(rows) > 50
    assert [row for row in rows if re.search(r"\|\s*\|$", row)] == []


def test_kinds_have_sections_with_a_picture() -> None:
    """Each kind of numbers has a section, which shows it."""
    sections = re.split(r"\n#+ ", describe_config())
    for name in NUMBER_KINDS:
        (section,) = [it for it in sections if it.startswith(f"`splits.numbers.{name}`\n")]
        assert f"![{name}](gallery/numbers.{name}.png)" in section


def test_looks_are_listed() -> None:
    """The page has a row for each look, and editors complete their names."""
    page = describe_config()
    for name, meaning in list_looks().items():
        assert f"| `{name}` | {meaning} |" in page
    names, path, several, none = make_schema()["properties"]["look"]["anyOf"]
    assert names == {"enum": list(list_looks())}
    assert (path["type"], several["type"], none["type"]) == ("string", "object", "null")


def test_schema_takes_a_part_of_a_transform() -> None:
    """Over a look, a config may give some settings of a transform."""
    definitions = make_schema()["$defs"]
    (noise, _) = definitions["LineSection"]["properties"]["noise"]["anyOf"]
    assert "required" not in definitions[noise["$ref"].removeprefix("#/$defs/")]
    assert definitions["Split"]["required"] == ["numbers"]


def test_files_are_up_to_date() -> None:
    """The pages beside the configs are those that `make reference` writes."""
    assert (CONFIGS / "README.md").read_text(encoding="utf-8") == describe_config()
    assert json.loads((CONFIGS / "schema.json").read_text(encoding="utf-8")) == make_schema()
