"""Compare the engines on random configs: ``make engine-equality``.

Every config draws its canvas, transforms and ranges from all that a config may hold, and every
sample of it is rendered by both engines; whatever differs is printed, and the exit code is then 1.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from contextlib import suppress
from dataclasses import fields
from typing import Any

import numpy as np

from digit_sequence.base.errors import ConfigError, RenderError
from digit_sequence.config.model import Config, parse_config
from digit_sequence.render.draw import Rendered, render_batch
from digit_sequence.render.recipe import Recipes, draw_recipes
from digit_sequence.sources.bank import GlyphBank, load_bank
from digit_sequence.sources.pools import GlyphPool, partition_glyphs

SAMPLES_PER_CONFIG = 100


def draw_config(source: random.Random) -> Config:
    """Draw a config: every transform over its whole range, alone and with others."""
    while True:
        with suppress(ConfigError):  # of what would leave digits without ink
            return parse_config(_draw_tree(source), "random config")


def _draw_tree(source: random.Random) -> dict[str, Any]:
    def draw_range(low: float, high: float, decimals: int) -> list[float]:
        ends = [round(source.uniform(low, high), decimals) for _ in range(2)]
        return sorted(map(int, ends) if decimals == 0 else ends)

    def draw_transform(**others: Any) -> dict[str, Any] | None:
        probability = source.choice([0.5, 1.0])
        return source.choice([None, {"probability": probability, **others}])

    return {
        "seed": source.getrandbits(62),
        "source": {"name": "mnist-5k"},
        "splits": {"train": {"numbers": {"random": {"lengths": [1, 12]}}, "samples": 10**6}},
        "canvas": {
            "height": source.choice([8, 12, 20, 28, 32, 48, 64, 128]),
            "width": source.choice([48, 64, 200, 320, 800]),
            "align": source.choice(["left", "center", "right"]),
        },
        "glyph": {
            "salt": draw_transform(pixels=draw_range(0, 24, 0)),
            "pepper": draw_transform(pixels=draw_range(0, 24, 0)),
            "crop": source.choice([None, {"margin": source.randint(0, 8)}]),
            "aspect": source.choice(["keep", "stretch"]),
            "shear": draw_transform(degrees=draw_range(-45, 45, 2)),
            "rotate": draw_transform(degrees=draw_range(-45, 45, 2)),
            "overflow": source.choice(["fit", "clip"]),
            "stroke": draw_transform(dilate=source.random(), pixels=draw_range(1, 9, 0)),
        },
        "line": {
            "spacing": source.choice([draw_range(-12, 12, 0), draw_range(-1000, 40, 0)]),
            "noise": draw_transform(sigma=draw_range(0, 128, 2)),
            "salt_pepper": draw_transform(amount=draw_range(0, 0.5, 4)),
            "blur": draw_transform(sigma=draw_range(0, source.choice([1, 5]), 3)),
            "invert": draw_transform(),
        },
    }


def find_differences(
    config: Config, bank: GlyphBank, pool: GlyphPool, numbers: list[str]
) -> tuple[list[str], int]:
    """Return the names of what the engines draw differently, and how many glyphs both drew."""
    indices = np.arange(len(numbers))
    drawn: list[list[Any]] = []
    for engine in ("skimage", "numba"):
        recipes = draw_recipes(config, pool, "train", numbers, indices, engine)
        try:
            rendered = render_batch(recipes, bank, config, engine)
        except RenderError as error:
            drawn.append([("error", str(error)), *_list_fields(recipes, "drawn ")])
        else:
            drawn.append([*_list_fields(rendered, ""), *_list_fields(rendered.recipes, "applied ")])
    different = [
        name
        for (name, expected), (_, found) in zip(*drawn, strict=True)
        if not np.array_equal(expected, found)
    ]
    return different, 0 if drawn[0][0][0] == "error" else len(recipes.digits)


def _list_fields(record: Rendered | Recipes, prefix: str) -> list[tuple[str, Any]]:
    names = [field.name for field in fields(record) if field.name != "recipes"]
    return [(prefix + name, getattr(record, name)) for name in names]


def main() -> None:
    """Compare until enough glyphs are rendered."""
    parser = argparse.ArgumentParser(prog="make engine-equality", description=__doc__)
    parser.add_argument("--glyphs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    source, begin = random.Random(given.seed), time.monotonic()
    n_glyphs = n_configs = n_wrong = 0
    while n_glyphs < given.glyphs:
        config = draw_config(source)
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
    print(
        f"{n_glyphs:,} glyphs of {n_configs:,} random configs rendered by both engines, "
        f"{n_wrong or 'no'} differences, {time.monotonic() - begin:.0f} s"
    )
    sys.exit(1 if n_wrong else 0)


if __name__ == "__main__":
    main()
