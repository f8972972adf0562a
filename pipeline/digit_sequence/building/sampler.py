"""A plan together with the digits it is drawn from: any sample of a dataset, at any time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.characters import CHARACTERS, SIGNS, SPACE, encode_text
from digit_sequence.base.engines import Engine, choose_engine
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.names import SplitName
from digit_sequence.codec.encoding import encode_image
from digit_sequence.codec.sheet import SHOWN, write_sheet
from digit_sequence.config.model import Config
from digit_sequence.plan.plan import Plan, make_plan
from digit_sequence.render.draw import Rendered, fit_batch, render_batch
from digit_sequence.render.recipe import Recipes, draw_recipes, missing_glyphs
from digit_sequence.sources.bank import GlyphBank
from digit_sequence.sources.bank_cache import load_bank
from digit_sequence.sources.mix import MixSettings
from digit_sequence.sources.mixing import add_per_part, share_glyphs
from digit_sequence.sources.pools import (
    GlyphPool,
    check_disjoint,
    check_writers,
)
from digit_sequence.sources.signs import add_signs
from digit_sequence.store.glyphs import load_glyphs
from digit_sequence.store.plan_file import load_plan
from digit_sequence.store.storage import Storage
from digit_sequence.transforms.transform import Choice


@dataclass(frozen=True)
class Sampler:
    """Draws the samples of a plan."""

    plan: Plan
    bank: GlyphBank
    """The glyphs of the source: what a dataset carries."""
    glyphs: GlyphBank
    """What is drawn from: these, and those that a choice of the config adds."""
    pools: Mapping[SplitName, GlyphPool]
    engine: Engine

    def draw(self, split: SplitName, start: int, stop: int) -> Rendered:
        """Draw and render the samples with ordinals `start` to `stop` - 1 of a split.

        Each is the same whatever others are drawn with it.
        """
        identities = self.plan.splits[split].identities(start, stop, self.engine)
        return self.draw_numbers(split, *identities)

    def draw_ordinals(self, split: SplitName, ordinals: NDArray[np.int64]) -> Rendered:
        """Draw and render the samples with some ordinals, (B,), of a split, as `draw` does."""
        return self.draw_numbers(split, *self.plan.splits[split].identify(ordinals, self.engine))

    def draw_numbers(
        self, split: SplitName, numbers: list[str], indices: NDArray[np.int64]
    ) -> Rendered:
        """Draw and render some numbers by their sample indices, (B,), planned or not."""
        return self.render(self.draw_recipes(split, numbers, indices))

    def draw_recipes(
        self, split: SplitName, numbers: list[str], indices: NDArray[np.int64]
    ) -> Recipes:
        """Draw the recipes of some numbers by their sample indices, (B,), planned or not."""
        config, pool = self.plan.config, self.pools[split]
        return draw_recipes(config, pool, split, numbers, indices, self.engine)

    def render(self, recipes: Recipes) -> Rendered:
        """Render recipes, its own or changed ones."""
        return render_batch(recipes, self.glyphs, self.plan.config, self.engine)

    def configure(self, config: Config) -> Sampler:
        """Return what draws the same samples by other settings of the canvas and of transforms.

        Its plan is for drawing alone: it has the fingerprint of this one.
        """
        plan = replace(self.plan, config=config)
        own = _list_glyph_settings(self.plan.config)
        if all(own.get(name) == it for name, it in _list_glyph_settings(config).items()):
            return replace(self, plan=plan)
        return _make_sampler(plan, self.bank, self.engine)

    def fit_batch(self, split: SplitName) -> int:
        """Return how many samples of a split to draw at a time, at least one."""
        glyph_pixels = self.plan.splits[split].numbers.max_digits * self.bank.images[0].size
        return fit_batch(self.plan.config, glyph_pixels, self.engine)

    def _repr_html_(self) -> str:
        """Return the first samples of each split, drawn for a notebook."""
        return write_sheet(
            {
                f"{name}: {split.n_samples:,} samples": self._list_tiles(name)
                for name, split in self.plan.splits.items()
            }
        )

    def _list_tiles(self, split: SplitName) -> Iterator[tuple[str, bytes]]:
        rendered = self.draw(split, 0, min(SHOWN, self.plan.splits[split].n_samples))
        for number, image in zip(rendered.recipes.numbers, rendered.cut(), strict=True):
            yield number, encode_image(image, "png", engine=self.engine)


def open_sampler(config: Config, engine: str | None = None, is_tried: bool = True) -> Sampler:
    """Plan the dataset of a config.

    Parameters
    ----------
    config : Config
    engine : str, optional
    is_tried : bool
        As of `choose_engine`.

    Raises
    ------
    ConfigError
        If a number needs a digit that its split has no glyph of, or the plan is impossible.
    SourceError
        If the digits cannot be read, or a glyph would be in two splits.
    """
    bank = load_bank(config.source)
    return _make_sampler(make_plan(config, bank.digest), bank, engine, is_tried)


def open_output(storage: Storage, engine: str | None = None) -> Sampler:
    """Take up the plan of a dataset directory, with the digits it was planned with.

    Raises
    ------
    OutputError
        If there is no plan in it, or its digits are missing or changed.
    """
    plan = load_plan(storage)
    return _make_sampler(plan, load_glyphs(storage, plan), engine)


def _list_signs(plan: Plan, bank: GlyphBank) -> str:
    """Return the signs that a source needs glyphs of: of a mix by glyph those that no part has."""
    source = plan.config.source
    is_one = isinstance(source, MixSettings) and source.per == "glyph"
    known = {CHARACTERS[code] for code in np.unique(bank.digits)} if is_one else set()
    return "".join(it for it in plan.alphabet if it in SIGNS and it not in known)


def _list_glyph_settings(config: Config) -> dict[str, Any]:
    """Return what the added glyphs of each choice follow from."""
    return {it.name: it.glyph_settings for it in config.transforms if isinstance(it, Choice)}


def _make_sampler(
    plan: Plan, bank: GlyphBank, engine: str | None, is_tried: bool = True
) -> Sampler:
    source = plan.config.source
    glyphs: GlyphBank = bank
    pools: Mapping[SplitName, GlyphPool] = share_glyphs(bank, source)
    choices = {it.name: it for it in plan.config.transforms if isinstance(it, Choice)}
    for choice in choices.values():
        glyphs, pools = add_per_part(choice.add_glyphs, glyphs, pools, source)
    signs = _list_signs(plan, bank)
    if signs:
        glyphs, pools = add_per_part(
            lambda bank, pools: add_signs(bank, pools, signs), glyphs, pools, source
        )
    check_disjoint(pools)
    if source.split_by == "writer":
        check_writers(pools)
    for name, split in plan.splits.items():
        starts = pools[name].starts
        codes = encode_text("".join(split.numbers.characters() - {SPACE}))
        lacking = [CHARACTERS[code] for code in codes if starts[code] == starts[code + 1]]
        if lacking:
            raise ConfigError(missing_glyphs(name, lacking))
        if mixed := pools[name].mixed:
            for part, found in mixed.find_lacking(codes).items():
                raise ConfigError(missing_glyphs(name, (CHARACTERS[code] for code in found), part))
    return Sampler(plan, bank, glyphs, pools, choose_engine(engine, is_tried))
