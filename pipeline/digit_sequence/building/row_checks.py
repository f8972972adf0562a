"""Label rows of one shard against what the plan, the masks and the pools say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from digit_sequence.base.characters import SPACE, count_inked, encode_text
from digit_sequence.base.columns import MASKS, POLYGONS
from digit_sequence.building.sampler import Sampler
from digit_sequence.codec.run_lengths import decode_mask
from digit_sequence.plan.plan import Shard
from digit_sequence.sources.hands import HAND, LACKED, NOBODY, WRITERS
from digit_sequence.transforms.canvas import find_extents


def check_shapes(rows: pa.Table) -> Iterator[str]:
    """Find boxes anew from the masks and the polygons of digits, where there are any."""
    found: dict[str, Callable[[Any, int, int], tuple[int, ...]]] = {
        MASKS.name: _box_mask,
        POLYGONS.name: _box_polygons,
    }
    names = ["height", "width", "boxes", *(name for name in found if name in rows.column_names)]
    for index, row in enumerate(rows.select(names).to_pylist() if len(names) > 3 else ()):
        expected = [(box["top"], box["left"], box["bottom"], box["right"]) for box in row["boxes"]]
        for name in names[3:]:
            try:
                boxes = [found[name](shape, row["height"], row["width"]) for shape in row[name]]
            except ValueError as error:
                yield f"row {index}: {name}: {error}"
                continue
            if boxes != expected:
                yield f"row {index}: {name}: expected the boxes {expected}, got {boxes}"


def _box_mask(text: str, height: int, width: int) -> tuple[int, ...]:
    """Return the box of some run lengths."""
    return tuple(find_extents(decode_mask(text, height, width)[None])[0].tolist())


def _box_polygons(polygons: list[list[int]], *_: int) -> tuple[int, ...]:
    """Return the box of some polygons."""
    columns, rows = ([it for polygon in polygons for it in polygon[axis::2]] for axis in (0, 1))
    return min(rows), min(columns), max(rows), max(columns)


def check_glyphs(
    sampler: Sampler, shard: Shard, rows: pa.Table, numbers: list[str]
) -> Iterator[str]:
    """Compare boxes and glyphs with the numbers, the canvas and the pool."""
    canvas = sampler.plan.config.canvas
    ids = sampler.pools[shard.split].all_ids
    boxes = rows["boxes"].combine_chunks()
    edges = {
        name: boxes.values.field(name).to_numpy() for name in ("top", "left", "bottom", "right")
    }
    glyphs = rows["glyph_ids"].combine_chunks().values.to_numpy()
    digits = np.frombuffer(encode_text("".join(numbers).replace(SPACE, "")), np.uint8)
    widths = np.clip(rows["width"].to_numpy(), canvas.narrowest, canvas.widest)
    checks = {
        "boxes: digits are not the number's": np.array_equal(
            boxes.values.field("digit").to_numpy(), digits
        ),
        "boxes: outside the image": bool(
            (edges["top"] >= 0).all()
            and (edges["left"] >= 0).all()
            and (edges["top"] < edges["bottom"]).all()
            and (edges["left"] < edges["right"]).all()
            and (edges["bottom"] <= canvas.height).all()
            and (edges["right"] <= np.repeat(widths, list(map(count_inked, numbers)))).all()
        ),
        "glyph_ids: outside the pool of the split": bool(np.isin(glyphs, ids).all()),
    }
    writers = sampler.glyphs.writers
    if writers is not None:
        found = rows[WRITERS.name].combine_chunks().values.to_numpy()
        checks["writers: not those of the glyphs"] = np.array_equal(found, writers[glyphs])
        if sampler.plan.config.hand:
            checks["hand: not the writer of the digits"] = _has_hands(rows, found)
    yield from (reason for reason, is_met in checks.items() if not is_met)


def _has_hands(rows: pa.Table, writers: NDArray[np.int32]) -> bool:
    """Tell whether each number of one hand is so, but for as many digits as that hand lacked."""
    hands, lacked = (rows[column.name].to_numpy() for column in (HAND, LACKED))
    owners = np.repeat(np.arange(len(rows)), rows["n_digits"].to_numpy())
    is_other = (hands[owners] != NOBODY) & (writers != NOBODY) & (writers != hands[owners])
    others = np.bincount(owners[is_other], minlength=len(rows))
    return bool((others <= lacked).all())
