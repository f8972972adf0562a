"""Compare the engines on random configs: ``make engine-equality``.

Every config draws its canvas, transforms and ranges from what the registry declares, and every
sample of it is rendered by both engines; whatever differs is printed, and the exit code is then 1.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import hypothesis
import numpy as np
from hypothesis import HealthCheck, Phase, given, settings

from digit_sequence.base.errors import RenderError
from digit_sequence.config.loading import parse_config
from digit_sequence.config.model import Config
from digit_sequence.render.draw import render_batch
from digit_sequence.render.recipe import Recipes, draw_recipes
from digit_sequence.sources.bank import GlyphBank
from digit_sequence.sources.bank_cache import load_bank
from digit_sequence.sources.pools import GlyphPool, partition_glyphs
from strategies import trees

SAMPLES_PER_CONFIG = 100
_ROUND = 100
"""Configs drawn at a time."""


def draw_configs(seed: int, use: Callable[[Config], None]) -> None:
    """Call a function with random configs: what the registry declares, alone and with others."""

    @hypothesis.seed(seed)
    @settings(
        max_examples=_ROUND,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(trees())
    def draw(tree: Mapping[str, Any]) -> None:
        use(parse_config({**_REST, **tree}, "random config"))

    draw()


_REST = {
    "source": {"name": "mnist-5k"},
    "splits": {"train": {"numbers": {"random": {"lengths": [1, 12]}}, "samples": 10**6}},
}


def find_differences(
    config: Config, bank: GlyphBank, pool: GlyphPool, numbers: list[str]
) -> tuple[list[str], int]:
    """Return the names of what the engines draw differently, and how many glyphs both drew."""
    indices = np.arange(len(numbers))
    drawn: list[dict[str, Any]] = []
    for engine in ("skimage", "numba"):
        recipes = draw_recipes(config, pool, "train", numbers, indices, engine)
        found = _list_draws(recipes, "drawn ")
        try:
            rendered = render_batch(recipes, bank, config, engine)
        except RenderError as error:
            found["error"] = str(error)
        else:
            found |= {
                name: getattr(rendered, name) for name in ("images", "widths", "boxes", "scaled")
            }
            layers = rendered.layers
            found |= {"layers places": layers.places, "layers samples": layers.samples}
            found["layers"] = [layer.tolist() for layer in layers]
            found |= _list_draws(rendered.recipes, "applied ")
        drawn.append(found)
    expected, got = drawn
    different = [
        name
        for name in {**expected, **got}
        if name not in expected or name not in got or not _is_equal(expected[name], got[name])
    ]
    return different, 0 if "error" in expected else len(recipes.digits)


def _is_equal(expected: Any, got: Any) -> bool:
    if isinstance(expected, list):
        return bool(expected == got)
    return np.array_equal(expected, got)


def _list_draws(recipes: Recipes, prefix: str) -> dict[str, Any]:
    names = ("samples", "digits", "glyph_ids", "starts", "sample_indices")
    values = {name: getattr(recipes, name) for name in names} | dict(recipes.drawn)
    return {prefix + name: value for name, value in values.items()}


def main() -> None:
    """Compare until enough glyphs are rendered."""
    parser = argparse.ArgumentParser(prog="make engine-equality", description=__doc__)
    parser.add_argument("--glyphs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    given_options = parser.parse_args()
    source, begin = random.Random(given_options.seed), time.monotonic()
    n_glyphs = n_configs = n_wrong = 0

    def compare(config: Config) -> None:
        nonlocal n_glyphs, n_configs, n_wrong
        if n_glyphs >= given_options.glyphs:
            return
        bank = load_bank(config.source)
        pool = partition_glyphs(bank, config.source)["train"]
        n_digits = [source.randint(1, 12) for _ in range(SAMPLES_PER_CONFIG)]
        numbers = ["".join(source.choices("0123456789", k=n)) for n in n_digits]
        different, drawn = find_differences(config, bank, pool, numbers)
        if different:
            n_wrong += 1
            print(f"{', '.join(different)} differ: {config.model_dump_json()}")
        n_glyphs, n_configs = n_glyphs + drawn, n_configs + 1
        if sys.stderr.isatty():
            print(f"\r{n_glyphs:,} glyphs", end="", file=sys.stderr)

    seed = given_options.seed
    while n_glyphs < given_options.glyphs:
        draw_configs(seed, compare)
        seed += 1
    print(
        f"{n_glyphs:,} glyphs of {n_configs:,} random configs rendered by both engines, "
        f"{n_wrong or 'no'} differences, {time.monotonic() - begin:.0f} s"
    )
    sys.exit(1 if n_wrong else 0)


if __name__ == "__main__":
    main()
