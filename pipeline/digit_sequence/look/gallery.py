"""The gallery: a picture of each transform over its range, of looks, kinds of numbers and jobs.

``make gallery`` writes configs/gallery by this module.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from digit_sequence.building.sampler import open_sampler
from digit_sequence.codec.encoding import encode_image
from digit_sequence.config.jobs import JOBS, tell_purpose
from digit_sequence.config.loading import load_config, parse_config
from digit_sequence.config.looks import list_looks, write_out_looks
from digit_sequence.look.preview import Tile, draw_sheet, draw_tiles
from digit_sequence.numbers.kind import NumberKind
from digit_sequence.numbers.registry import NUMBER_KINDS
from digit_sequence.transforms.page.tiles import make_grain, make_pattern
from digit_sequence.transforms.registry import TRANSFORMS
from digit_sequence.transforms.transform import Choice, Transform

STEPS = 6
"""Values of a range that a picture shows, its ends included."""
_JOB_SAMPLES = 6
_VARIANTS = 6
_PLAIN: dict[str, Any] = {
    "source": {"name": "mnist-5k"},
    "canvas": {"height": 40, "width": 200},
    "glyph": {"crop": {"margin": 4}},
    "line": {"spacing": [4, 4], "levels": {"paper": [225, 225], "ink": [0.2, 0.2]}},
}
_NUMBERS: dict[str, Any] = {
    "source": {"name": "mnist-5k"},
    "splits": {"train": {"numbers": {"random": {"lengths": [3, 5]}}, "samples": 4}},
    "canvas": {"height": 36, "width": [40, 148]},
}
_KIND_SAMPLES = 4
_KINDS: dict[str, Any] = {"canvas": {"height": 24, "width": [24, 150]}}


def list_shown() -> list[type[Transform]]:
    """Return the transforms that have a picture: all that show what they do."""
    return [it for it in TRANSFORMS.values() if it.example is not None or it.kinds]


def draw_transform(transform: type[Transform]) -> bytes:
    """Return a picture as PNG of `list_tiles`, with all shapes that a choice adds."""
    rows = list_tiles(transform)
    if issubclass(transform, Choice):
        rows |= _list_shapes(transform)
    return draw_sheet(rows, boxes=False)


def list_tiles(transform: type[Transform]) -> dict[str, list[Tile]]:
    """Return rows by heading: one for each range of a transform's example, and one for its kinds.

    A row runs through its range, while the others stand in their middle. Of a transform with
    neither a range nor kinds it shows a few samples.
    """
    rows: dict[str, list[Tile]] = {}
    with TemporaryDirectory() as folder:
        _write_paper(Path(folder, "paper"))
        for heading, title, settings in _list_steps(transform):
            row = rows.setdefault(heading, [])
            sample = len(row) if title == transform.number else 0
            row.append(_draw(transform, title, settings, sample, Path(folder)))
    return rows


def _list_steps(transform: type[Transform]) -> Iterator[tuple[str, str, Any]]:
    """Yield the heading of a row, the title of a tile and its settings."""
    place, example = f"{transform.section}.{transform.name}", transform.example
    block = example if isinstance(example, dict) else {"": example}
    ranges = [key for key, value in block.items() if isinstance(value, list)]
    middle = {
        key: [_between(value, 0.5)] * 2 if key in ranges else value for key, value in block.items()
    }
    for key in ranges:
        for step in range(STEPS):
            value = _between(block[key], step / (STEPS - 1))
            settings = middle | {key: [value, value]}
            heading = f"{place}.{key}".removesuffix(".")
            yield heading, f"{value:g}", settings[""] if key == "" else settings
    for title, kind in transform.kinds.items():
        yield f"{place}: kinds", title, (middle if example else {}) | dict(kind)
    if not (ranges or transform.kinds):
        yield from ((place, transform.number, example) for _ in range(STEPS))


def _between(ends: list[Any], share: float) -> Any:
    low, high = ends
    value = low + (high - low) * share
    return round(value) if isinstance(low, int) and isinstance(high, int) else round(value, 2)


def _draw(transform: type[Transform], title: str, settings: Any, sample: int, folder: Path) -> Tile:
    """Draw one sample with one transform."""
    sections = {name: dict(_PLAIN[name]) for name in ("glyph", "line")}
    sections[transform.section][transform.name] = settings
    numbers = {"numbers": {"values": [transform.number]}, "samples": STEPS}
    tree = {**_PLAIN, **sections, "splits": {"train": numbers}}
    config = parse_config(tree, f"{transform.section}.{transform.name}", folder)
    tile = draw_tiles(open_sampler(config), sample + 1)["train"][sample]
    return replace(tile, title=title)


def _write_paper(folder: Path) -> None:
    """Write two pictures of paper into a folder, as a user has them."""
    folder.mkdir()
    for name, tile in (("linen", make_pattern("weave")), ("grain", make_grain())):
        light = (235 - tile[::4, ::4].astype(np.int64) // 4).astype(np.uint8)
        (folder / f"{name}.png").write_bytes(encode_image(light, "png"))


def _list_shapes(transform: type[Choice]) -> dict[str, list[Tile]]:
    """Return a row for each digit: a few glyphs of each shape that a choice adds."""
    tree = {**_PLAIN, **_NUMBERS, transform.section: {transform.name: transform.example}}
    sampler = open_sampler(parse_config(tree, transform.name))
    rows: dict[str, list[Tile]] = {}
    for name, ids in sampler.pools["train"].shapes.items():
        digit, _, title = name.partition("/")
        chosen = ids[np.arange(_VARIANTS) * len(ids) // _VARIANTS]
        glyphs = 255 - np.concatenate(list(sampler.glyphs.images[chosen]), axis=1)
        tile = Tile(glyphs, title, np.empty((0, 4), np.int32))
        rows.setdefault(f"shapes of {digit}", []).append(tile)
    return rows


def draw_looks() -> bytes:
    """Return a picture as PNG: a row of samples of each look, of the same numbers."""
    rows: dict[str, list[Tile]] = {}
    for name, meaning in list_looks().items():
        tree = write_out_looks({**_NUMBERS, "look": name}, "gallery", Path())
        sampler = open_sampler(parse_config(tree, "gallery"))
        rows[f"{name}: {meaning}"] = draw_tiles(sampler, 4)["train"]
    return draw_sheet(rows, boxes=False)


def draw_kind(kind: type[NumberKind]) -> bytes:
    """Return a picture as PNG: some samples of a kind of numbers, by its example."""
    split = {"numbers": {kind.name: kind.example}, "samples": _KIND_SAMPLES}
    tree = {**_PLAIN, **_KINDS, "splits": {"train": split}}
    with TemporaryDirectory() as folder:
        for name, text in kind.example_files.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        sampler = open_sampler(parse_config(tree, kind.name, Path(folder)))
    heading = f"{kind.name}: {json.dumps(kind.example)}"
    return draw_sheet({heading: draw_tiles(sampler, _KIND_SAMPLES)["train"]}, boxes=False)


def draw_job(path: Path) -> bytes:
    """Return a picture as PNG: the first samples of a config's train split."""
    tiles = draw_tiles(open_sampler(load_config(path)), _JOB_SAMPLES)["train"]
    purpose = tell_purpose(path.read_text("utf-8"))
    return draw_sheet({f"{path.name}: {purpose}": tiles}, boxes=False)


def main(folder: Path) -> None:
    """Write all pictures, those of the configs beside the folder as well."""
    folder.mkdir(exist_ok=True)
    for name in JOBS:
        (folder / f"{name}.png").write_bytes(draw_job(folder.parent / f"{name}.yaml"))
    (folder / "looks.png").write_bytes(draw_looks())
    for kind in (it for it in NUMBER_KINDS.values() if it.example is not None):
        (folder / f"numbers.{kind.name}.png").write_bytes(draw_kind(kind))
    for transform in list_shown():
        path = folder / f"{transform.section}.{transform.name}.png"
        path.write_bytes(draw_transform(transform))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
