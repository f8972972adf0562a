"""A sample that is drawn anew: its own number or another, by changed settings or a changed recipe.

Settings are checked as those of a config file. Values of digits may be any that the settings allow
to be drawn. What is not changed is drawn as it was, since each transform has random words of
its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import Block, shorten
from digit_sequence.base.characters import find_unknown
from digit_sequence.base.columns import MASKS, POLYGONS
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.names import SplitName
from digit_sequence.browse.controls import Control, list_values
from digit_sequence.building.sampler import Sampler
from digit_sequence.config.loading import find_block, parse_config
from digit_sequence.config.model import Config
from digit_sequence.config.sections import LOOK
from digit_sequence.live.rows import finish_images
from digit_sequence.plan.plan import Shard
from digit_sequence.render.recipe import Recipes
from digit_sequence.report.subject import Picture, make_pictures
from digit_sequence.sources.pools import GlyphPool
from digit_sequence.store.label_rows import make_rows
from digit_sequence.store.label_schema import make_schema

_ROOTS = ("seed", "canvas", "hand", "glyph", "line")
"""Blocks of a config that may change."""
_MOST_LETTERS = 64


class Change(Block):
    """What is to be other than it was."""

    number: str
    sample_index: int = Field(ge=0, lt=2**63)
    settings: dict[str, Any] = Field(default_factory=dict)
    """Keys of the config, dotted; null switches a transform off."""
    recipe: dict[str, list[float]] = Field(default_factory=dict)
    """Label columns: a value of each digit."""
    glyphs: list[int] = Field(default_factory=list)
    """How many glyphs of the split farther that of each digit is to be; empty: as drawn."""


@dataclass(frozen=True)
class Drawn:
    """A sample as it was drawn anew."""

    picture: Picture
    row: dict[str, Any]
    """Its label row."""
    config: Config
    """Of the sample alone, without looks."""


def find_config(sampler: Sampler, row: dict[str, Any]) -> Config:
    """Return the config of a sample alone: that of its look."""
    config = sampler.plan.config
    looks = config.per_look
    return looks.get(row.get(LOOK.name, ""), config) if looks else config


def change_config(config: Config, settings: dict[str, Any]) -> Config:
    """Return a config without looks with some keys replaced.

    Raises
    ------
    ConfigError
        If a value is not valid.
    """
    if not settings:
        return config
    tree = config.model_dump(mode="json")
    for path, value in settings.items():
        *parents, key = path.split(".")
        if path.partition(".")[0] not in _ROOTS:
            raise ConfigError(f"{path[:80]}: expected a key of {', '.join(_ROOTS)}")
        block = find_block(tree, parents)
        if block is None:
            raise ConfigError(f"{path[:80]}: {'.'.join(parents)} holds no keys")
        block[key] = value
    return parse_config(tree, "config")


def redraw(sampler: Sampler, split: str, ordinal: int, config: Config, change: Change) -> Drawn:
    """Draw a sample anew.

    Parameters
    ----------
    sampler : Sampler
    split : str
    ordinal : int
    config : Config
        As of `find_config`.
    change : Change

    Raises
    ------
    PipelineError
        If that cannot be drawn: says why.
    """
    changed = change_config(config, change.settings)
    _check_number(change.number, changed)
    own = sampler.configure(changed)
    name = cast(SplitName, split)
    indices = np.array([change.sample_index], np.int64)
    recipes = own.draw_recipes(name, [change.number], indices)
    recipes = recipes.apply(_change_recipe(changed, recipes, change.recipe))
    recipes = replace(recipes, glyph_ids=_step_glyphs(own.pools[name], recipes, change.glyphs))
    rendered = own.render(recipes)
    columns = [column for column in changed.columns if column not in (MASKS, POLYGONS)]
    rows = make_rows(
        Shard(name, 0, ordinal, ordinal + 1), 0, rendered, make_schema((*columns, MASKS))
    )
    widths = int(rendered.widths[0])
    image = finish_images(rendered, changed)[0, :, :widths]
    (picture,) = make_pictures(split, rows, [image])
    (row,) = rows.drop_columns([MASKS.name]).to_pylist()
    return Drawn(picture, row, changed)


def _check_number(number: str, config: Config) -> None:
    is_spaced = number == " ".join(number.split())
    if not (number and is_spaced) or find_unknown(number) or len(number) > _MOST_LETTERS:
        raise ConfigError(
            f"number: expected 1 to {_MOST_LETTERS} digits and signs, got {shorten(number)}"
        )
    needed = len(number) * config.least_columns
    if needed > config.canvas.widest:
        raise ConfigError(
            f"canvas.width: expected at least {needed} columns for {number}, got "
            f"{config.canvas.widest}"
        )


def _step_glyphs(pool: GlyphPool, recipes: Recipes, steps: list[int]) -> NDArray[np.int32]:
    """Return glyphs that stand farther in the pool than those of a recipe, of the same digits."""
    glyph_ids = recipes.glyph_ids.copy()
    if steps and len(steps) != len(glyph_ids):
        raise ConfigError(f"glyphs: expected {len(glyph_ids)} steps, got {len(steps)}")
    for slot, step in enumerate(steps):
        digit = recipes.digits[slot]
        own = pool.ids[pool.starts[digit] : pool.starts[digit + 1]]
        if step:
            place = np.flatnonzero(own == glyph_ids[slot])  # none of one that a transform added
            glyph_ids[slot] = own[(int(place[0] if len(place) else 0) + step) % len(own)]
    return glyph_ids


def _change_recipe(
    config: Config, recipes: Recipes, wanted: dict[str, list[float]]
) -> dict[str, NDArray[Any]]:
    """Return columns of a recipe with other values, each within what could be drawn."""
    controls: dict[str, Control] = {}
    for transform in config.transforms if wanted else ():
        if any(recipes.drawn[column.name].any() for column in transform.columns):
            controls |= {
                name: it for name, it in list_values(transform).items() if it.kind == "number"
            }
    found = {}
    for name, values in wanted.items():
        control = controls.get(name)
        if control is None or control.low is None or control.high is None:
            raise ConfigError(f"{name[:80]}: expected a value that was drawn for this sample")
        drawn = recipes.drawn[name]
        if len(values) != len(drawn):
            raise ConfigError(f"{name}: expected {len(drawn)} values, got {len(values)}")
        for value, own in zip(values, drawn.tolist(), strict=True):
            if not (control.low <= value <= control.high or value == own):
                raise ConfigError(
                    f"{name}: expected {control.low:g} to {control.high:g}, as its settings say, "
                    f"got {value:g}; widen these"
                )
        unit = round(1 / control.step)
        found[name] = (np.round(np.array(values) * unit) / unit).astype(drawn.dtype)
    return found
